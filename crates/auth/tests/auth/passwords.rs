//! Who is let in by a password file.

use midge_auth::{Cost, PasswordHash, PasswordVerdict, Passwords, Scheme};

use crate::support::{notes, passwords};

/// Password `test`.
const TEST: &str =
    "$6$njERlZMi/7DzNB9E$iiavfuXvUm8iyDZArTy7smTxh07GXXOrOsqxfW6gkOYVXHGk+W+i/8d3xDxrMwEPygEBhoA8A/gjQC0N2M4Lkw==";

/// Password `naïve`.
const EVE: &str =
    "$7$7$TnXbP6/JE8ALsjaU$imAtjixcmHTJ9W5bzcwb6qPwLf4leq6fV6bE5AFVvVcdg0msr2s7W6XujaZcA68XOTU9IvRBZQWTLyT0b5apGg==";

#[track_caller]
fn check(text: &str, user_name: &str, password: Option<&str>, expected: PasswordVerdict) {
    let verdict = passwords(text).verify(user_name, password.map(str::as_bytes));
    assert_eq!(verdict, expected, "{user_name:?} {password:?}");
    assert_eq!(verdict.is_right(), expected == PasswordVerdict::Right);
}

#[test]
fn name_and_password_must_belong_together() {
    let file = format!("test:{TEST}\neve:{EVE}\n");
    check(&file, "test", Some("test"), PasswordVerdict::Right);
    check(&file, "eve", Some("naïve"), PasswordVerdict::Right);
    check(&file, "test", Some("naïve"), PasswordVerdict::Wrong);
    check(&file, "test", Some(""), PasswordVerdict::NoPassword);
    check(&file, "test", None, PasswordVerdict::NoPassword);
    check(&file, "Test", Some("test"), PasswordVerdict::UnknownUser);
    check(&file, "", Some("test"), PasswordVerdict::UnknownUser);
    check(&file, "bob", None, PasswordVerdict::NoPassword);
}

/// Whoever has hashed nothing has left a door open.
#[test]
fn an_empty_password_lets_in_nobody() {
    let hash = PasswordHash::new(Scheme::Sha512, b"", &[7; 12]).expect("a hash");
    check(&format!("test:{hash}\n"), "test", Some(""), PasswordVerdict::NoPassword);
    check(&format!("test:{hash}\n"), "test", None, PasswordVerdict::NoPassword);
}

#[test]
fn an_empty_file_lets_in_nobody() {
    check("", "test", Some("test"), PasswordVerdict::UnknownUser);
    check("# test:x\n", "test", Some("test"), PasswordVerdict::UnknownUser);
    assert!(passwords("\n# nobody yet\n\n").is_empty());
}

#[test]
fn blanks_and_comments_are_passed_over() {
    let right = |line: &str| check(line, "test", Some("test"), PasswordVerdict::Right);
    right(&format!("test:{TEST}"));
    right(&format!("test:{TEST}\r\n"));
    right(&format!("\t test \t: \x0b{TEST} \n"));
    right(&format!("\n\n#comment\ntest:{TEST}\n\n"));
    right(&format!("no colon at all\ntest:{TEST}\n"));
    right(&format!("# comment with a NUL \0\ntest:{TEST}\n"));
    // Odd, but so it is with Mosquitto.
    right(&format!("::test::{TEST}:and:more\n"));
}

#[test]
fn a_comment_may_hold_any_bytes() {
    let file = [b"# caf\xe9\ntest:", TEST.as_bytes(), b"\n"].concat();
    let loaded = Passwords::parse("pw", &file).expect("no error");
    assert!(loaded.content.verify("test", Some(b"test")).is_right());
    assert!(loaded.notes.is_empty());
}

#[test]
fn names_may_hold_what_a_string_may() {
    let file = format!("two words:{TEST}\nж/+#$:{TEST}\n");
    check(&file, "two words", Some("test"), PasswordVerdict::Right);
    check(&file, "ж/+#$", Some("test"), PasswordVerdict::Right);
    let passwords = passwords(&file);
    assert!(passwords.contains("ж/+#$") && !passwords.contains("two"));
    assert_eq!((passwords.len(), passwords.is_empty()), (2, false));
}

#[test]
fn lines_that_are_ignored_are_noted() {
    let file = format!("\n# fine\nada\ntest:{TEST}\n");
    assert_eq!(notes(Passwords::parse("pw", file.as_bytes())), ["Warning: A line without ':' is ignored. (pw:3)"]);
}

/// Else the time would tell who is in the file.
#[test]
fn a_stranger_costs_as_much_as_most_others() {
    let cost = |text: &str, user_name: &str| passwords(text).cost(user_name);
    let quick = format!("a:{TEST}\nb:{TEST}\nc:{EVE}\n");
    assert_eq!(
        (cost(&quick, "a"), cost(&quick, "c"), cost(&quick, "stranger")),
        (Cost::Quick, Cost::Slow, Cost::Quick)
    );
    let slow = format!("a:{TEST}\nb:{EVE}\nc:{EVE}\n");
    assert_eq!(cost(&slow, "stranger"), Cost::Slow);
    assert_eq!(cost("", "stranger"), Cost::Slow);
}
