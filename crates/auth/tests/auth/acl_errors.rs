//! What is wrong with an access control list, and what is hardly meant. Scripts compare the first line.

use midge_auth::Acl;

use crate::support::{errors, notes};

/// The third line of a list is wrong.
#[track_caller]
fn check(line: impl AsRef<[u8]>, text: &str, hint: &str) {
    let list = [b"user ada\ntopic a\n", line.as_ref(), b"\ntopic b\n"].concat();
    assert_eq!(errors(Acl::parse("acl", &list)), format!("Error: {text}\nError found at acl:3.\n{hint}"));
}

#[test]
fn lines_of_no_kind() {
    let known = "A line begins with 'user', 'topic' or 'pattern'.";
    check("usr bob", "Invalid line in acl_file \"acl\": usr.", known);
    check("User bob", "Invalid line in acl_file \"acl\": User.", known);
    check(" # note", "Invalid line in acl_file \"acl\": #.", "A comment begins with '#' in the first column.");
    let tab = "Words are separated by spaces; a tab is taken as part of a word.";
    check("topic\tread a", "Invalid line in acl_file \"acl\": topic\tread.", tab);
    let mark = "The file begins with a byte order mark; save it as UTF-8 without one.";
    assert!(errors(Acl::parse("acl", "\u{feff}user ada".as_bytes())).ends_with(mark));
}

#[test]
fn what_is_missing() {
    check("user", "Missing username in acl_file \"acl\".", "The rules that follow 'user NAME' are that User's.");
    check("user \t", "Missing username in acl_file \"acl\".", "The rules that follow 'user NAME' are that User's.");
    check("topic", "Empty topic in acl_file \"acl\".", "A rule ends with a topic.");
    check("pattern  ", "Empty topic in acl_file \"acl\".", "A rule ends with a topic.");
}

#[test]
fn kinds_of_access_that_are_none() {
    let hint =
        "It is one of 'read', 'write', 'readwrite', 'deny'; a topic with spaces in it needs one of them in front.";
    check("topic rw a", "Invalid topic access type \"rw\" in acl_file \"acl\".", hint);
    check("pattern living room/%c", "Invalid topic access type \"living\" in acl_file \"acl\".", hint);
    check("topic Read a", "Invalid topic access type \"Read\" in acl_file \"acl\".", hint);
}

#[test]
fn topics_that_are_none() {
    let wildcard = "'+' and '#' stand for whole levels between '/', and '#' only at the end.";
    for topic in ["a#", "a/#/b", "a+/b", "#/", "a/b#"] {
        check(format!("topic read {topic}"), &format!("Invalid ACL topic \"{topic}\" in acl_file \"acl\"."), wildcard);
    }
    let long = "x".repeat(65_536);
    let text = format!("Invalid ACL topic \"{long}\" in acl_file \"acl\".");
    check(format!("topic {long}"), &text, "A topic has at most 65535 bytes.");
    let deep = "/".repeat(201);
    let text = format!("Invalid ACL topic \"{deep}\" in acl_file \"acl\".");
    check(format!("pattern write {deep}"), &text, "A topic has at most 201 levels.");
}

/// Mosquitto stops at a NUL byte without a word, and denials behind it are lost.
#[test]
fn what_is_no_text() {
    let text = "Invalid line in acl_file 'acl'.";
    check("topic a\0", text, "Byte 8 of the line is NUL; is this a text file?");
    check(b"user caf\xe9", text, "Byte 9 of the line is not UTF-8.");
    check("x".repeat(132_095), text, "The line has 132095 bytes; 132094 are the most.");
}

#[test]
fn all_errors_are_found_up_to_a_hundred() {
    assert_eq!(errors(Acl::parse("acl", b"topic\nuser\nx\n")).matches("Error found at").count(), 3);
    assert_eq!(errors(Acl::parse("acl", &b"x\n".repeat(1000))).matches("Error found at").count(), 100);
}

#[test]
fn what_is_hardly_meant_is_noted() {
    let check =
        |line: &str, expected: &[&str]| assert_eq!(notes(Acl::parse("acl", line.as_bytes())), expected, "{line}");
    check("pattern read a/%c/#", &[]);
    check("topic read a", &[]);
    check("pattern read a/b", &["Warning: ACL pattern 'a/b' does not contain '%c' or '%u'. (acl:1)"]);
    check(
        "pattern read a/dev-%c",
        &["Warning: In ACL pattern 'a/dev-%c', '%c' and '%u' stand for names only where they fill a level. (acl:1)"],
    );
    check(
        "\ntopic read a/%u",
        &["Warning: In ACL topic 'a/%u', '%c' and '%u' stand for themselves; 'pattern' puts names there. (acl:2)"],
    );
    check("topic read", &["Warning: ACL topic 'read' is taken as a topic, not as a kind of access. (acl:1)"]);
    check(
        "topic read $share/g/a",
        &["Warning: ACL topic '$share/g/a' matches nothing; rules have no '$share/NAME/' in front. (acl:1)"],
    );
    assert_eq!(notes(Acl::parse("acl", &b"topic read\n".repeat(1000))).len(), 100);
}
