//! `midge man DIR` and `midge completions SHELL`: what systems want to have of a program beside itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use midge_server::words;
use midge_tools::flags::{Kind, Operand, Page, Section, Stop, Table, lossy, usual};
use midge_tools::{completions, man, print};

use crate::Status;
use crate::subcommand::{self, SUBCOMMANDS, Subcommand, wrong};

/// The row of `man`.
pub(crate) const MAN: Subcommand = Subcommand {
    page: || MAN_TABLE.page(),
    run: |words| subcommand::run(&MAN_TABLE, parse_man(words), |folder| write_pages(&folder)),
};

/// The row of `completions`.
pub(crate) const COMPLETIONS: Subcommand = Subcommand {
    page: || COMPLETIONS_TABLE.page(),
    run: |words| subcommand::run(&COMPLETIONS_TABLE, parse_completions(words), |script| print_script(&script)),
};

fn parse_man(words: &[OsString]) -> Result<PathBuf, Stop> {
    let ((), folders) = subcommand::read(&MAN_TABLE, (), words)?;
    subcommand::only(&folders, "Error: Where to? Name the folder for manual pages.").map(PathBuf::from)
}

/// The script. The shell is known, or there is none.
fn parse_completions(words: &[OsString]) -> Result<String, Stop> {
    let ((), shells) = subcommand::read(&COMPLETIONS_TABLE, (), words)?;
    let known = completions::SHELLS.join(", ");
    let shell = lossy(subcommand::only(&shells, &format!("Error: Which shell? There are: {known}."))?);
    let script = completions::script(&shell, &pages());
    script.map_or_else(|| wrong(format!("Error: Unknown shell '{shell}'; there are: {known}.")), Ok)
}

fn write_pages(folder: &Path) -> Status {
    match man::write(folder, &pages()) {
        Ok(paths) => {
            paths.iter().for_each(|path| print(&format!("{}\n", path.display())));
            Status::Success
        }
        Err(error) => {
            eprintln!("Error: unable to write manual pages into {}: {}.", folder.display(), words(&error));
            Status::Failure
        }
    }
}

fn print_script(script: &str) -> Status {
    print(script);
    Status::Success
}

/// What there is beside tools.
fn pages() -> Vec<Page> {
    SUBCOMMANDS.iter().map(|subcommand| (subcommand.page)()).collect()
}

static MAN_TABLE: Table<()> = Table {
    name: "man",
    link: None,
    summary: "write the manual pages",
    synopsis: &["DIR"],
    description: "Writes a page for each command into DIR/man1, and one for each name that Mosquitto has for it, and tells \
                  their names.",
    sections: &[&Section { title: "Options", flags: &[usual::short_help(), usual::version()] }],
    rules: &[],
    operands: &[Operand { name: "DIR", kind: Kind::Folder, help: "Such as /usr/local/share/man." }],
    statuses: &[("0", "They are written."), ("1", "They cannot be written."), ("3", "The command line is wrong.")],
};

static COMPLETIONS_TABLE: Table<()> = Table {
    name: "completions",
    link: None,
    summary: "print what a shell needs to complete command lines",
    synopsis: &["bash|zsh|fish"],
    description: "",
    sections: &[&Section { title: "Options", flags: &[usual::short_help(), usual::version()] }],
    rules: &[],
    operands: &[Operand {
        name: "SHELL",
        kind: Kind::OneOf(completions::SHELLS),
        help: "For whom. The script completes midge with its commands, and Mosquitto's names for them.",
    }],
    statuses: &[("0", "All went well."), ("3", "The command line is wrong.")],
};
