//! Runs a tool to its end, in a folder, by any name, and with an environment that has nothing but the path.

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use midge_testkit::environment::midge_program;
use midge_testkit::tool::said;
pub(crate) use midge_testkit::tool::{Said, words};

/// Ours, under Mosquitto's name for it, by a link in the folder.
pub(crate) fn ours(name: &str, folder: &Path) -> PathBuf {
    let links = folder.join("bin");
    fs::create_dir_all(&links).expect("a folder");
    let link = links.join(name);
    if !link.exists() {
        symlink(midge_program(), &link).expect("a link");
    }
    link
}

/// Runs a program in the folder, which is its home.
pub(crate) fn run(program: impl AsRef<OsStr>, arguments: &[impl AsRef<OsStr>], input: &str, folder: &Path) -> Said {
    finish(Command::new(program), arguments, input, folder)
}

/// The same as another user, which root can do.
pub(crate) fn run_as(user: u32, program: impl AsRef<OsStr>, arguments: &[impl AsRef<OsStr>], folder: &Path) -> Said {
    let mut command = Command::new(program);
    command.uid(user).gid(user);
    finish(command, arguments, "", folder)
}

fn finish(mut command: Command, arguments: &[impl AsRef<OsStr>], input: &str, folder: &Path) -> Said {
    command.args(arguments).current_dir(folder).env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
    command.env("HOME", folder);
    said(command, input)
}
