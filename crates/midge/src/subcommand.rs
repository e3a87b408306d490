//! Commands of the program that are no tools: each with a table of flags like those of tools, from which its `--help`, its manual
//! page and what shells complete are made.

use std::ffi::{OsStr, OsString};

use midge_server::Identity;
use midge_tools::Called;
use midge_tools::flags::{Page, Reader, Stop, Table, closest, lossy};

use crate::{Status, acl, backup, check, export, links, log, pages, program};

/// A word behind `midge`.
pub(crate) struct Subcommand {
    /// What it understands.
    pub(crate) page: fn() -> Page,
    /// Does what the words behind it ask for.
    pub(crate) run: fn(&[OsString]) -> Status,
}

/// All of them, in the order in which they are shown.
#[rustfmt::skip]
pub(crate) const SUBCOMMANDS: &[Subcommand] = &[
    check::SUBCOMMAND,
    acl::SUBCOMMAND,
    log::SUBCOMMAND,
    backup::SUBCOMMAND,
    export::SUBCOMMAND,
    links::SUBCOMMAND,
    pages::MAN,
    pages::COMPLETIONS,
];

impl Subcommand {
    pub(crate) fn named(name: &str) -> Option<&'static Subcommand> {
        SUBCOMMANDS.iter().find(|subcommand| (subcommand.page)().name == name)
    }
}

/// What may have been meant by a word behind `midge` that is no command, in a sentence.
pub(crate) fn hint(word: &str) -> Option<String> {
    let tools = midge_tools::COMMANDS.iter().map(|command| (command.page)().name);
    let names = tools.chain(SUBCOMMANDS.iter().map(|subcommand| (subcommand.page)().name));
    let name = closest(word, names).filter(|_| !word.starts_with('-'))?;
    Some(format!("Did you mean 'midge {name}'?"))
}

/// Reads flags, and gives the words between and behind them. `options` is what counts where no flag is given.
pub(crate) fn read<'a, O>(
    table: &'static Table<O>,
    options: O,
    words: &'a [OsString],
) -> Result<(O, Vec<&'a OsString>), Stop> {
    let mut reader = Reader::new(table, options);
    let operands = reader.read_with_operands_between(words)?;
    Ok((reader.finish()?, operands))
}

/// Does what was read, or tells why there is nothing to do.
pub(crate) fn run<O, W>(table: &'static Table<O>, wish: Result<W, Stop>, act: impl FnOnce(W) -> Status) -> Status {
    let stop = match wish {
        Ok(wish) => return act(wish),
        Err(stop) => stop,
    };
    let status = if matches!(stop, Stop::Wrong(_)) { Status::Usage } else { Status::Success };
    Called::as_command(table.name, program(Identity::Midge)).stop(stop, &table.page());
    status
}

/// That the words are wrong, with a message for the user.
pub(crate) fn wrong<W>(message: impl Into<String>) -> Result<W, Stop> {
    Err(Stop::Wrong(message.into()))
}

/// The one word that is wanted beside flags; `missing` is the message where there is none.
pub(crate) fn only<'a>(operands: &[&'a OsString], missing: &str) -> Result<&'a OsStr, Stop> {
    match operands {
        [] => wrong(missing),
        [word] => Ok(word),
        [_, word, ..] => wrong(format!("Error: Unexpected word '{}'.", lossy(word))),
    }
}
