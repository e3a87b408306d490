//! `midge links DIR`: the names under which the program does the work of Mosquitto's programs.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::{env, fs, io};

use crate::Status;

/// What the program is under another name. A name comes here when its tool works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The server.
    Server,
}

const TOOLS: &[(&str, Tool)] = &[("mosquitto", Tool::Server)];

impl Tool {
    /// The tool that goes by `name`.
    pub(crate) fn named(name: &str) -> Option<Tool> {
        TOOLS.iter().find(|(known, _)| *known == name).map(|(_, tool)| *tool)
    }
}

/// Makes the links in the folder that is named.
pub(crate) fn run(words: &[OsString]) -> Status {
    let folder = match words {
        [folder] if !folder.as_encoded_bytes().starts_with(b"-") => Path::new(folder),
        _ => {
            eprintln!("Usage: midge links DIR");
            return Status::Usage;
        }
    };
    let made = env::current_exe().and_then(|program| make(folder, &program));
    match made {
        Ok(()) => {
            TOOLS.iter().for_each(|(name, _)| println!("{}", folder.join(name).display()));
            Status::Success
        }
        Err(error) => {
            eprintln!("Error: unable to make links in {}: {error}.", folder.display());
            Status::Failure
        }
    }
}

/// Links of an earlier call are made anew. A file that is no link stays, and is an error: it may be Mosquitto itself.
fn make(folder: &Path, program: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, _) in TOOLS {
        let link = folder.join(name);
        if fs::symlink_metadata(&link).is_ok_and(|metadata| metadata.is_symlink()) {
            fs::remove_file(&link)?;
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", link.display()));
        symlink(program, &link).map_err(named)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_their_whole_name() {
        assert_eq!(Tool::named("mosquitto"), Some(Tool::Server));
        assert_eq!(Tool::named("mosquitto2"), None);
        assert_eq!(Tool::named("midge"), None);
    }
}
