//! `midge links DIR`: the names under which the program does the work of Mosquitto's programs.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use midge_server::words;
use midge_tools::flags::{Kind, Operand, Section, Stop, Table, usual};

use crate::Status;
use crate::subcommand::{self, Subcommand};

/// The name of Mosquitto's server.
pub(crate) const SERVER: &str = "mosquitto";

/// All names: the server's and those of the tools.
fn names() -> impl Iterator<Item = &'static str> {
    [SERVER].into_iter().chain(midge_tools::COMMANDS.iter().filter_map(|command| (command.page)().link))
}

/// The row of the command.
pub(crate) const SUBCOMMAND: Subcommand =
    Subcommand { page: || TABLE.page(), run: |words| subcommand::run(&TABLE, parse(words), |folder| link(&folder)) };

fn parse(words: &[OsString]) -> Result<PathBuf, Stop> {
    let ((), folders) = subcommand::read(&TABLE, (), words)?;
    subcommand::only(&folders, "Error: Where to? Name the folder for the links.").map(PathBuf::from)
}

/// Makes the links in the folder.
fn link(folder: &Path) -> Status {
    let made = env::current_exe().and_then(|program| make(folder, &program));
    match made {
        Ok(()) => {
            names().for_each(|name| crate::say(format_args!("{}", folder.join(name).display())));
            Status::Success
        }
        Err(error) => {
            eprintln!("Error: unable to make links in {}: {}.", folder.display(), words(&error));
            Status::Failure
        }
    }
}

/// Links of an earlier call are made anew. A file that is no link stays, and is an error: it may be Mosquitto itself.
fn make(folder: &Path, program: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in names() {
        let link = folder.join(name);
        if fs::symlink_metadata(&link).is_ok_and(|metadata| metadata.is_symlink()) {
            fs::remove_file(&link)?;
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", link.display()));
        symlink(program, &link).map_err(named)?;
    }
    Ok(())
}

static TABLE: Table<()> = Table {
    name: "links",
    link: None,
    summary: "make links with Mosquitto's names",
    synopsis: &["DIR"],
    description: "Makes links in DIR by which the program goes under the names of Mosquitto's server and tools, and tells their \
                  names. Links that are there are made anew; other files stay, and are an error.",
    sections: &[&Section { title: "Options", flags: &[usual::short_help(), usual::version()] }],
    rules: &[],
    operands: &[Operand { name: "DIR", kind: Kind::Folder, help: "It is made where it does not exist." }],
    statuses: &[("0", "They are made."), ("1", "They cannot be made."), ("3", "The command line is wrong.")],
};
