//! What is kept on disk, as far as words outside the configuration file say it: the environment, and a start without a file.
//!
//! A server that is tried out as `midge` keeps what it acknowledges, in a folder of the user's that is made for it; the
//! user learns which one. With a file, and under Mosquitto's name, nothing is kept unless the file says so. What is in
//! the folder, and who may have it open, is the server's.

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use midge_config::Persistence;
use midge_server::words;

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `MOSQUITTO_PERSISTENCE_LOCATION`: the folder, whatever the file says.
    location: Option<OsString>,
    /// `MOSQUITTO_UNSAFE_ALLOW_SYMLINKS` is there, whatever its value.
    pub(crate) allows_symlinks: bool,
    /// `XDG_STATE_HOME`, where programs of a user keep what they need again.
    state_home: Option<PathBuf>,
    /// `HOME`, which has the usual place for that.
    home: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        let given = |name| env::var_os(name).filter(|value| !value.is_empty());
        // A relative path says nothing: the base directory specification has it ignored.
        let folder = |name| given(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Environment {
            location: given("MOSQUITTO_PERSISTENCE_LOCATION"),
            allows_symlinks: env::var_os("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS").is_some(),
            state_home: folder("XDG_STATE_HOME"),
            home: folder("HOME"),
        }
    }

    /// The folder for what this program keeps for the user.
    fn own_folder(&self) -> Option<PathBuf> {
        let usual = || Some(self.home.as_ref()?.join(".local/state"));
        Some(self.state_home.clone().or_else(usual)?.join("midge"))
    }
}

/// The folder that the environment names counts more than that of the file. The error is the message for the user.
pub(crate) fn relocate(persistence: &mut Persistence, environment: &Environment) -> Result<(), String> {
    if let Some(location) = &environment.location {
        persistence.location = Some(text("MOSQUITTO_PERSISTENCE_LOCATION", location.clone())?);
    }
    Ok(())
}

/// Turns persistence on, unless there is no place for it. The place is made where it is missing. The error is the message
/// for the user.
pub(crate) fn keep_for_user(persistence: &mut Persistence, environment: &Environment) -> Result<(), String> {
    if persistence.location.is_none() {
        let Some(folder) = environment.own_folder() else {
            return Ok(());
        };
        make(&folder)?;
    }
    look_for_user(persistence, environment)
}

/// The same for those who only want to know where something may be: nothing is made.
pub(crate) fn look_for_user(persistence: &mut Persistence, environment: &Environment) -> Result<(), String> {
    if persistence.location.is_none() {
        let Some(folder) = environment.own_folder() else {
            return Ok(());
        };
        persistence.location = Some(text("XDG_STATE_HOME or HOME", folder.into_os_string())?);
        // No database of Mosquitto is ever here, whose name would say what the log belongs to.
        persistence.file = "log".to_owned();
    }
    persistence.on = true;
    Ok(())
}

/// Nobody else may look into what is made here, because it holds messages.
fn make(folder: &Path) -> Result<(), String> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        format!(
            "Error: cannot create {}, where what is acknowledged is to be kept: {}.\nName another place with \
             XDG_STATE_HOME, or start with a configuration file (-c): with one, nothing is kept unless it says so.",
            folder.display(),
            words(&error)
        )
    })
}

/// Paths of the configuration are text.
fn text(name: &str, value: OsString) -> Result<String, String> {
    value.into_string().map_err(|value| format!("Error: {name} is not UTF-8: {}", value.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(state_home: Option<&str>, home: Option<&str>) -> Environment {
        Environment { state_home: state_home.map(Into::into), home: home.map(Into::into), ..Environment::default() }
    }

    #[test]
    fn the_users_folder_is_that_for_state() {
        let check = |state_home, home, expected: Option<&str>| {
            assert_eq!(environment(state_home, home).own_folder().as_deref(), expected.map(Path::new));
        };
        check(Some("/state"), Some("/users/a"), Some("/state/midge"));
        check(None, Some("/users/a"), Some("/users/a/.local/state/midge"));
        check(None, None, None);
    }

    #[test]
    fn without_a_place_nothing_is_kept() {
        let mut persistence = Persistence::default();
        keep_for_user(&mut persistence, &Environment::default()).expect("no error");
        assert_eq!(persistence, Persistence::default());
    }

    #[test]
    fn the_folder_of_the_environment_counts_more() {
        let named = Environment { location: Some("/named".into()), ..environment(Some("/state"), None) };
        let mut persistence = Persistence { location: Some("/of the file".to_owned()), ..Persistence::default() };
        relocate(&mut persistence, &named).expect("no error");
        let expected = Persistence { location: Some("/named".to_owned()), ..Persistence::default() };
        assert_eq!(persistence, expected, "nothing is turned on");
        keep_for_user(&mut persistence, &named).expect("no error");
        assert_eq!(persistence, Persistence { on: true, ..expected });
    }
}
