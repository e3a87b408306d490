//! The part of a line that an error is about.

use crate::support::read;

/// The first error of the text marks this part of its line; `""` is what is missing at its end.
#[track_caller]
fn check(text: impl AsRef<[u8]>, marked: &str) {
    let shown = String::from_utf8_lossy(text.as_ref()).into_owned();
    let error = read(text.as_ref()).expect_err("an error");
    let excerpt = error.problems[0].excerpt.clone().unwrap_or_else(|| panic!("{shown:?}: no excerpt"));
    let columns = excerpt.columns;
    let part: String = excerpt.line.chars().skip(columns.start).take(columns.len()).collect();
    assert_eq!(part, marked, "{shown:?}: {columns:?} of {:?}", excerpt.line);
    let is_behind = columns.start == excerpt.line.chars().count();
    assert!(columns.len() == marked.chars().count().max(1) && is_behind == marked.is_empty(), "{shown:?}: {columns:?}");
}

#[test]
fn the_name_is_marked_where_it_is_wrong() {
    check("listner 1883", "listner");
    check("  # indented", "#");
    check("listener 1883\n  max_qos 1\n\tmount", " mount");
    check("max_topic_alias 1", "max_topic_alias");
    if cfg!(not(feature = "openssl")) {
        check("listener 8883\npsk_hint h", "psk_hint");
    }
    check("pid_file a\npid_file b", "pid_file");
}

#[test]
fn the_value_is_marked_where_that_is_wrong() {
    check("allow_anonymous falst", "falst");
    check("allow_anonymous   falst # yes", "falst");
    check("port 0", "0");
    check("max_packet_size  1m", "1m");
    check("max_keepalive 70000 # seconds", "70000");
    check("listener 1883 127.0.0.1\nsocket_domain ipv5", "ipv5");
    check("persistence_sync 100 s", "100 s");
    check("include_dir nowhere", "nowhere");
    check("listener 8883\nplugin /p.so", "/p.so");
    check("auto_id_prefix räuber\u{7}-", "räuber\u{fffd}-");
    check(b"auto_id_prefix \xff", "\u{fffd}");
}

#[test]
fn the_end_is_marked_where_something_is_missing() {
    check("allow_anonymous", "");
    check("listener", "");
}

#[test]
fn a_line_is_shown_as_far_as_a_screen_has_room() {
    let error = read(format!("log_timestamp_format {}", "x".repeat(70_000))).expect_err("too long");
    let excerpt = error.problems[0].excerpt.clone().expect("a line");
    assert_eq!((excerpt.line.len(), excerpt.columns), (160, 21..161));
}

/// Whoever looks at files finds them all, those of lines that do not work yet too.
#[test]
fn the_files_that_are_named_are_known() {
    let loaded = read("listener 1 127.0.0.1\npassword_file /p\nacl_file  /a b ").expect("no errors");
    let paths: Vec<_> =
        loaded.mentions.paths().map(|one| (one.directive, one.value.as_str(), one.place.line)).collect();
    assert_eq!(paths, [("password_file", "/p", 2), ("acl_file", "/a b", 3)]);
    let acl = loaded.mentions.find("acl_file", "/a b").expect("a mention");
    assert_eq!(acl.excerpt.columns, 10..14);
    assert_eq!(acl.excerpt.narrowed_to("b").columns, 13..14);
    assert_eq!(acl.excerpt.narrowed_to("acl"), acl.excerpt, "what was not meant");
    let error = read("listener 1\ncertfile /c\nnonsense").expect_err("not built yet");
    assert!(error.mentions.find("certfile", "/c").is_some());
    let config = error.config.expect("what the good lines say");
    assert_eq!(config.listeners[0].tls.certfiles, ["/c"]);
}
