//! `cargo xtask manual`: the manual page of the configuration file, which a test compares with the table that it is made from.

use std::fs;

/// Writes the page.
pub(crate) fn write(arguments: &[String]) -> bool {
    if !arguments.is_empty() {
        eprintln!("cargo xtask manual takes no arguments.");
        return false;
    }
    let path = crate::workspace().join("docs/mosquitto.conf.md");
    match fs::write(&path, midge_config::manual()) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            false
        }
    }
}
