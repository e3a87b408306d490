//! `midge completions SHELL`: what a shell needs to complete command lines.

use crate::COMMANDS;
use crate::flags::Page;
use crate::flags::completions::Shell;

/// The shells for which there is a script.
pub const SHELLS: &[&str] = Shell::NAMES;

/// The script for a shell, `None` for one that is not known. `others` are further commands of the program.
pub fn script(shell: &str, others: &[Page]) -> Option<String> {
    let pages: Vec<_> = COMMANDS.iter().map(|command| (command.page)()).chain(others.iter().cloned()).collect();
    Shell::named(shell).map(|shell| shell.script(&pages))
}
