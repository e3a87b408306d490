//! What is wrong with a password file, and where. Scripts compare the first line.

use midge_auth::Passwords;

use crate::support::errors;

const TEST: &str =
    "$6$njERlZMi/7DzNB9E$iiavfuXvUm8iyDZArTy7smTxh07GXXOrOsqxfW6gkOYVXHGk+W+i/8d3xDxrMwEPygEBhoA8A/gjQC0N2M4Lkw==";

/// The third line of a file is wrong.
#[track_caller]
fn check(line: impl AsRef<[u8]>, text: &str, hint: &str) {
    let file = [b"# users\n\n", line.as_ref(), b"\ntest:", TEST.as_bytes(), b"\n"].concat();
    assert_eq!(errors(Passwords::parse("pw", &file)), format!("Error: {text}\nError found at pw:3.\n{hint}"));
}

#[test]
fn passwords_that_are_no_hashes() {
    let check = |line: &str, hint| check(line, "Unable to decode line in password file 'pw'.", hint);
    let plain = "The password is not hashed; 'mosquitto_passwd -U FILE' hashes those of a file.";
    let unknown = "A hashed password begins with '$6$', '$7$' or '$argon2id$'.";
    let cut_off = "The hashed password is cut off; set it anew with 'mosquitto_passwd'.";
    check("bad:", plain);
    check("bad:bad", plain);
    check("bad:$", unknown);
    check("bad:$5$njERlZMi/7DzNB9E$x", unknown);
    check("bad:$6", cut_off);
    check("bad:$6$njERlZMi/7DzNB9E", cut_off);
    check(
        "bad:$6$njER{ZMi/7DzNB9E$x",
        "The salt is Base64 of 12 or 64 bytes, of '$argon2id$' 8 to 256 bytes without padding.",
    );
    check(
        "bad:$6$njERlZMi/7DzNB9E$",
        "The hash is Base64 of 64 bytes, of '$argon2id$' 16 to 256 bytes without padding.",
    );
}

#[test]
fn lines_without_a_name_or_a_password() {
    let hint = "A line is a User Name, ':' and a hashed password.";
    check(format!(":{TEST}"), &format!("Invalid line in password file 'pw': {TEST}"), hint);
    check(format!(" :{TEST}"), "Empty username in password file 'pw'.", hint);
    check(" : ", "Empty username in password file 'pw'.", hint);
}

#[test]
fn a_user_twice() {
    let twice = format!("test:{TEST}\n test :{TEST}\n");
    let expected = "Error: Duplicate user 'test' in password file 'pw'.\nError found at pw:2.\nKeep one of the lines.";
    assert_eq!(errors(Passwords::parse("pw", twice.as_bytes())), expected);
}

#[test]
fn what_is_too_long() {
    let long = "x".repeat(65_536);
    let username = "Invalid line in password file 'pw', username too long.";
    let password = "Invalid line in password file 'pw', password too long.";
    check(format!("{long}:{TEST}"), username, "A User Name has at most 65535 bytes.");
    check(format!("a:{long}"), password, "A hashed password has at most 65535 bytes.");
    let line = "x".repeat(132_095);
    check(line, "Invalid line in password file 'pw'.", "The line has 132095 bytes; 132094 are the most.");
}

#[test]
fn what_is_no_text() {
    let text = "Invalid line in password file 'pw'.";
    check(format!("a\0:{TEST}"), text, "Byte 2 of the line is NUL; is this a text file?");
    check([b"caf\xe9:", TEST.as_bytes()].concat(), text, "Byte 4 of the line is not UTF-8.");
}

#[test]
fn all_errors_are_found_up_to_a_hundred() {
    let two = "one:x\ntwo:x\n";
    assert_eq!(errors(Passwords::parse("pw", two.as_bytes())).matches("Error found at").count(), 2);
    let many = "one:x\n".repeat(1000);
    assert_eq!(errors(Passwords::parse("pw", many.as_bytes())).matches("Error found at").count(), 100);
}
