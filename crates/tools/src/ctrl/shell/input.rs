//! Where lines come from: an editor on a terminal, or standard input as it is.

use std::io::{self, IsTerminal};

use rustyline::config::CompletionType;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};

use super::completion::Completion;
use super::line;

/// See the module.
pub(super) enum Input {
    Terminal(Box<Editor<Completion, MemHistory>>),
    Pipe,
}

/// What came.
pub(super) enum Typed {
    Line(String),
    End,
}

impl Input {
    pub(super) fn new() -> Input {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Input::Pipe;
        }
        let config = Config::builder().completion_type(CompletionType::List).build();
        // A terminal that cannot be edited on is read as it is.
        Editor::with_history(config, MemHistory::new()).map_or(Input::Pipe, |editor| Input::Terminal(Box::new(editor)))
    }

    /// Whether a person types.
    pub(super) fn is_typed(&self) -> bool {
        matches!(self, Input::Terminal(_))
    }

    /// The next line. A line that is interrupted begins anew.
    pub(super) fn next(&mut self, prompt: &str, completion: impl FnOnce() -> Completion) -> Typed {
        let Input::Terminal(editor) = self else { return from_pipe() };
        editor.set_helper(Some(completion()));
        loop {
            match editor.readline(prompt) {
                Ok(line) => {
                    if !line::has_password(&line) {
                        // One that does not fit any more is no loss.
                        let _ = editor.add_history_entry(line.as_str());
                    }
                    return Typed::Line(line);
                }
                Err(ReadlineError::Interrupted) => {}
                Err(_) => return Typed::End,
            }
        }
    }
}

fn from_pipe() -> Typed {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(1..) => Typed::Line(line),
        Ok(0) | Err(_) => Typed::End,
    }
}
