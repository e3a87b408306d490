//! More than one file, and what lines may end with.

use midge_config::{Address, load};

use crate::support::{MAIN, Memory, config, errors};

/// The ports that are opened, in order, or the errors.
#[track_caller]
fn check(files: &[(&'static str, &str)], expected: Result<&[u16], &str>) {
    let memory = Memory(files.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect());
    let got = match load(MAIN, &memory) {
        Ok(loaded) => {
            let ports = loaded.config.listeners.iter().map(|listener| match listener.address {
                Address::Tcp { port, .. } => port,
                Address::Unix(_) => 0,
            });
            Ok(ports.collect::<Vec<_>>())
        }
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(got.as_deref().map_err(String::as_str), expected);
}

#[test]
fn carriage_returns_are_part_of_the_line_end() {
    assert_eq!(config("listener 1884\r\nmax_qos 1\r\n\r\n"), config("listener 1884\nmax_qos 1\n\n"));
    assert_eq!(config("log_dest file /a b\r\r\n").log.file.as_deref(), Some("/a b"));
    assert_eq!(config("listener 1884"), config("listener 1884\n"));
}

#[test]
fn blanks_before_the_name_and_after_the_value_do_not_count() {
    assert_eq!(config("   listener   1884   \n"), config("listener 1884\n"));
    assert_eq!(config("log_dest file    /a   \t").log.file.as_deref(), Some("/a"));
}

#[test]
fn included_files_are_read_in_the_order_of_the_alphabet_upper_case_first() {
    let files = [
        ("m.conf", "listener 1\ninclude_dir d\nlistener 9"),
        ("d/b.conf", "listener 5"),
        ("d/B.conf", "listener 4"),
        ("d/a.conf", "listener 3"),
        ("d/A.conf", "listener 2"),
        ("d/ab.conf", "listener 7"),
        ("d/a-.conf", "listener 6"),
        ("d/10.conf", "listener 8"),
        ("d/readme.txt", "nonsense"),
        ("d/.conf", "nonsense"),
        ("d/b.conf~", "nonsense"),
    ];
    // '-' and '.' come before letters, as in ASCII: a-.conf, a.conf, ab.conf.
    check(&files, Ok(&[1, 8, 2, 6, 3, 7, 4, 5, 9]));
}

#[test]
fn a_folder_may_be_named_with_a_slash_at_its_end() {
    check(&[("m.conf", "include_dir /etc/d/"), ("/etc/d/a.conf", "listener 3")], Ok(&[3]));
}

#[test]
fn the_files_read_are_told() {
    let memory = Memory(vec![("m.conf", b"include_dir d".to_vec()), ("d/a.conf", b"port 1".to_vec())]);
    let loaded = load(MAIN, &memory).expect("no errors");
    assert_eq!(loaded.notes[0].to_string(), "Loading config file 'd/a.conf'. (m.conf:1)");
    let place = loaded.config.listeners[0].place.clone().expect("a line opens it");
    assert_eq!(place.to_string(), "d/a.conf:1");
    assert_eq!(place.included_at.expect("included").to_string(), "m.conf:1");
}

/// Whoever writes a file for a folder cannot know what stands above the `include_dir`.
#[test]
fn listeners_and_bridges_end_with_their_file() {
    let outside = "Error: The 'max_topic_alias' option requires a listener to be defined first.\n\
                   Error found at 'd/a.conf:1'.\nError found at m.conf:2.";
    check(&[("m.conf", "listener 1\ninclude_dir d"), ("d/a.conf", "max_topic_alias 1")], Err(outside));
    let after =
        "Error: The 'max_topic_alias' option requires a listener to be defined first.\nError found at m.conf:2.";
    check(&[("m.conf", "include_dir d\nmax_topic_alias 1"), ("d/a.conf", "listener 1")], Err(after));
    check(&[("m.conf", "listener 1\ninclude_dir d\nmax_topic_alias 1"), ("d/a.conf", "listener 2")], Ok(&[1, 2]));
}

#[test]
fn an_error_in_an_included_file_names_both_lines() {
    check(
        &[("m.conf", "\n\ninclude_dir d\n"), ("d/a.conf", "port 1883\nfrobnicate 1\n"), ("d/b.conf", "port x")],
        Err(
            "Error: Unknown configuration variable 'frobnicate'.\nError found at 'd/a.conf:2'.\nError found at m.conf:3.\n\
             Error: 'port' value not a number.\nError found at 'd/b.conf:1'.\nError found at m.conf:3.",
        ),
    );
}

#[test]
fn files_that_cannot_be_read() {
    check(&[], Err("Error: Unable to open config file 'm.conf'.\nIt says: no such file."));
    check(
        &[("m.conf", "include_dir d")],
        Err("Error: Unable to open include_dir 'd'.\nError found at m.conf:1.\nIt says: no such folder."),
    );
}

#[test]
fn only_the_main_file_includes() {
    check(
        &[("m.conf", "include_dir d"), ("d/a.conf", "include_dir e"), ("e/b.conf", "")],
        Err("Error: The include_dir option is only valid in the main configuration file.\n\
             Error found at 'd/a.conf:1'.\nError found at m.conf:1."),
    );
    assert_eq!(errors("include_dir"), "Error: Empty 'include_dir' value in configuration.\nError found at m.conf:1.");
}
