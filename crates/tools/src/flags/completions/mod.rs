//! Scripts by which shells complete a command line.

mod bash;
mod fish;
mod zsh;

use super::page::Page;

/// A shell for which there is a script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    pub(crate) const NAMES: &[&str] = &["bash", "zsh", "fish"];

    pub(crate) fn named(name: &str) -> Option<Shell> {
        match name {
            "bash" => Some(Shell::Bash),
            "zsh" => Some(Shell::Zsh),
            "fish" => Some(Shell::Fish),
            _ => None,
        }
    }

    /// Completes `midge` with these commands, and their links.
    pub(crate) fn script(self, pages: &[Page]) -> String {
        match self {
            Shell::Bash => bash::script(pages),
            Shell::Zsh => zsh::script(pages),
            Shell::Fish => fish::script(pages),
        }
    }
}
