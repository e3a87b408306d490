//! The server's command line, from words to wishes. Names of options are Mosquitto's.

use std::ffi::OsString;

use lexopt::prelude::{Long, Short};

/// What the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Show how it is used.
    Help,
    /// Show the version.
    Version,
    /// Run the server.
    Serve(Serve),
}

/// How the server is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Serve {
    /// `-c`: the configuration file.
    pub(crate) config_file: Option<String>,
    /// `-p`, each of them.
    pub(crate) ports: Vec<u16>,
    /// `-v`: log everything.
    pub(crate) is_verbose: bool,
    /// `-q`: log nothing.
    pub(crate) is_quiet: bool,
    /// `--test-config`: read the file and end.
    pub(crate) tests_config: bool,
    /// `--tls-keylog`: where secrets of encrypted connections are written.
    pub(crate) tls_key_log: Option<String>,
    /// `-d`: go into the background.
    pub(crate) is_daemon: bool,
    /// `--repair`: keep what is good of a damaged log.
    pub(crate) repairs: bool,
}

/// Reads the words behind the program's name. The error is the message for the user.
pub(crate) fn parse(words: Vec<OsString>) -> Result<Wish, String> {
    let mut serve = Serve::default();
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next().map_err(|error| format!("Error: {error}."))? {
        match argument {
            Short('c') | Long("config-file") => {
                let missing = "Error: -c argument given, but no config file specified.";
                let path = parser.value().map_err(|_| missing.to_owned())?;
                serve.config_file = Some(path.to_string_lossy().into_owned());
            }
            Short('p') | Long("port") => {
                let missing = "Error: -p argument given, but no port specified.";
                let word = parser.value().map_err(|_| missing.to_owned())?;
                serve.ports.push(midge_config::port_argument(&word.to_string_lossy())?);
                if serve.ports.len() > PORTS_MAX {
                    return Err(format!("Error: Only {PORTS_MAX} ports can be given on the command line."));
                }
            }
            Short('v') | Long("verbose") => serve.is_verbose = true,
            Short('q') | Long("quiet") => serve.is_quiet = true,
            Long("test-config") => serve.tests_config = true,
            Long("repair") => serve.repairs = true,
            Short('h') | Long("help") => return Ok(Wish::Help),
            Long("version") => return Ok(Wish::Version),
            Short('d') | Long("daemon") => serve.is_daemon = true,
            Long("tls-keylog") => {
                let missing = "Error: --tls-keylog argument given, but no file specified.";
                let path = parser.value().map_err(|_| missing.to_owned())?;
                serve.tls_key_log = Some(path.to_string_lossy().into_owned());
            }
            other => return Err(format!("Error: Unknown option '{}'.", shown(&other))),
        }
    }
    if serve.tests_config && serve.config_file.is_none() {
        return Err("Error: --test-config needs the file to test: -c FILE.".to_owned());
    }
    Ok(Wish::Serve(serve))
}

/// An argument as the user wrote it.
fn shown(argument: &lexopt::Arg<'_>) -> String {
    match argument {
        Short(letter) => format!("-{letter}"),
        Long(name) => format!("--{name}"),
        lexopt::Arg::Value(word) => word.to_string_lossy().into_owned(),
    }
}

/// As many as Mosquitto takes.
const PORTS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Wish, &str>) {
        let words = line.split_whitespace().map(Into::into).collect();
        assert_eq!(parse(words), expected.map_err(str::to_owned), "{line}");
    }

    fn serve(change: impl FnOnce(&mut Serve)) -> Result<Wish, &'static str> {
        let mut serve = Serve::default();
        change(&mut serve);
        Ok(Wish::Serve(serve))
    }

    #[test]
    fn options_have_short_and_long_names() {
        check("", serve(|_| ()));
        check("-c a.conf", serve(|s| s.config_file = Some("a.conf".into())));
        check("--config-file a.conf", serve(|s| s.config_file = Some("a.conf".into())));
        check("-p 1883 --port 1884", serve(|s| s.ports = vec![1883, 1884]));
        check("-v", serve(|s| s.is_verbose = true));
        check("--quiet", serve(|s| s.is_quiet = true));
        check("-d", serve(|s| s.is_daemon = true));
        check("--daemon", serve(|s| s.is_daemon = true));
        check("-c a --test-config", serve(|s| (s.config_file, s.tests_config) = (Some("a".into()), true)));
        check("--tls-keylog keys", serve(|s| s.tls_key_log = Some("keys".into())));
        check("--repair", serve(|s| s.repairs = true));
        check("-c a --repair", serve(|s| (s.config_file, s.repairs) = (Some("a".into()), true)));
        check("-h", Ok(Wish::Help));
        check("--version -x", Ok(Wish::Version));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check("-x", Err("Error: Unknown option '-x'."));
        check("--nonsense", Err("Error: Unknown option '--nonsense'."));
        check("word", Err("Error: Unknown option 'word'."));
        check("-c", Err("Error: -c argument given, but no config file specified."));
        check("--tls-keylog", Err("Error: --tls-keylog argument given, but no file specified."));
        check("-p", Err("Error: -p argument given, but no port specified."));
        check("-p 0", Err("Error: Invalid port specified (0)."));
        check("-p 70000", Err("Error: Invalid port specified (70000)."));
        check(&"-p 1 ".repeat(11), Err("Error: Only 10 ports can be given on the command line."));
        check("--repair=yes", Err("Error: unexpected argument for option '--repair': \"yes\"."));
        check("--test-config", Err("Error: --test-config needs the file to test: -c FILE."));
    }
}
