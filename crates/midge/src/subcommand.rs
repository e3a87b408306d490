//! What all subcommands have in common.

use crate::Status;

/// Does what the words behind a subcommand ask for. `None` is a wish for help; the error says what is wrong with them.
pub(crate) fn run<W>(wish: Result<Option<W>, String>, help: &str, act: impl FnOnce(W) -> Status) -> Status {
    match wish {
        Ok(None) => {
            println!("{help}");
            Status::Success
        }
        Ok(Some(wish)) => act(wish),
        Err(message) => {
            eprintln!("{message}");
            println!("{help}");
            Status::Usage
        }
    }
}
