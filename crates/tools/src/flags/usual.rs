//! Flags that many commands have.

use std::ffi::OsStr;

use super::{Flag, Kind, Takes, Word};

/// `--help`.
pub const fn help<O>() -> Flag<O> {
    shows(&["--help"], Takes::Help, "Show this.")
}

/// `-h` and `--help`, where `-h` says no host.
pub const fn short_help<O>() -> Flag<O> {
    shows(&["-h", "--help"], Takes::Help, "Show this.")
}

/// `--version`.
pub const fn version<O>() -> Flag<O> {
    shows(&["--version"], Takes::Version, "Show the version.")
}

/// `-c`, which names a configuration file.
pub const fn config_file<O>(help: &'static str, set: fn(&mut O, &OsStr) -> Result<(), String>) -> Flag<O> {
    let word =
        Word { name: "FILE", kind: Kind::File, missing: "Error: -c argument given, but no config file specified." };
    Flag { names: &["-c", "--config-file"], takes: Takes::Word(word, set), repeats: false, help }
}

const fn shows<O>(names: &'static [&'static str], takes: Takes<O>, help: &'static str) -> Flag<O> {
    Flag { names, takes, repeats: false, help }
}
