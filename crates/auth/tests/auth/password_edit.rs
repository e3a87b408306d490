//! Lines of a password file are set and removed; the others stay as they are.

use midge_auth::{
    Edited, PasswordHash, Scheme, UserNameError, check_user_name, corrupt_line, hash_plain_text, remove_user,
    set_password,
};

fn hash() -> PasswordHash {
    PasswordHash::new(Scheme::Sha512, b"new", &[0; 12]).expect("a hash")
}

/// In `expected`, `NEW` stands for the hash.
#[track_caller]
fn check(edited: &Edited, lines: usize, expected: &str) {
    let text = String::from_utf8_lossy(&edited.bytes).replace(&hash().to_string(), "NEW");
    assert_eq!((edited.lines, text.as_str()), (lines, expected));
}

#[test]
fn a_password_is_added_or_replaced() {
    let set = |text: &str| set_password(text.as_bytes(), "ada", &hash());
    check(&set(""), 0, "ada:NEW\n");
    check(&set("bob:x\n"), 0, "bob:x\nada:NEW\n");
    check(&set("bob:x"), 0, "bob:x\nada:NEW\n");
    check(&set("ada:old\nbob:x"), 1, "ada:NEW\nbob:x");
    check(&set("# all\n\n bob : x \r\nada:old"), 1, "# all\n\n bob : x \r\nada:NEW\n");
    check(&set("# ada:old\nadam:x\n"), 0, "# ada:old\nadam:x\nada:NEW\n");
    check(&set("ada:\n"), 1, "ada:NEW\n");
    check(&set("ada:1\nbob:x\nada:2\n"), 2, "ada:NEW\nbob:x\n");
}

#[test]
fn a_user_is_removed() {
    let remove = |text: &str| remove_user(text.as_bytes(), "ada");
    check(&remove("bob:x\n"), 0, "bob:x\n");
    check(&remove("ada:x\n"), 1, "");
    check(&remove("# ada\nbob:x\nada:y\n\neve:z"), 1, "# ada\nbob:x\n\neve:z");
    check(&remove("ada:1\nada:2"), 2, "");
}

#[test]
fn bytes_that_are_no_text_stay() {
    let edited = remove_user(b"caf\xe9:x\nada:y\n\xff\n", "ada");
    assert_eq!(edited.bytes, b"caf\xe9:x\n\xff\n");
}

#[test]
fn plain_passwords_are_hashed_and_hashes_are_left_alone() {
    let text = "ada:secret\n# comment\nbob:$6$salt$hash\neve:\n:x\nlast: with blanks ";
    let mut seen = Vec::new();
    let edited = hash_plain_text(text.as_bytes(), |password| {
        seen.push(String::from_utf8_lossy(password).into_owned());
        hash()
    });
    check(&edited, 2, "ada:NEW\n# comment\nbob:$6$salt$hash\neve:\n:x\nlast:NEW\n");
    assert_eq!(seen, ["secret", "with blanks"]);
}

#[test]
fn a_line_that_is_none_is_found() {
    let check =
        |text: &[u8], expected: Option<usize>| assert_eq!(corrupt_line(text), expected, "{}", text.escape_ascii());
    check(b"", None);
    check(b"ada:x\n\n \t\r\n# comment\n#\ncaf\xe9:y", None);
    check(b"ada:x\nplain\n", Some(2));
    check(b"ada:\n", Some(1));
    check(b"# one\n:x\n", Some(2));
    check(b" : \n", Some(1));
}

#[test]
fn names_that_a_file_cannot_hold() {
    let check = |name: &str, expected| assert_eq!(check_user_name(name).err(), expected, "{name:.20}");
    check("ada", None);
    check("two words", None);
    check(&"x".repeat(65_535), None);
    check("", Some(UserNameError::Empty));
    check("  ", Some(UserNameError::Empty));
    check(&"x".repeat(65_536), Some(UserNameError::TooLong));
    check("a\nb", Some(UserNameError::ControlCharacter));
    check("a\u{7f}", Some(UserNameError::ControlCharacter));
    check("a:b", Some(UserNameError::Colon));
    check("#ada", Some(UserNameError::Unreadable));
    check(" ada", Some(UserNameError::Unreadable));
}
