//! Hashed passwords that other programs made, and ours that they made the same.

use midge_auth::{Cost, HashError, PasswordHash, Scheme};

/// The password of every hash here that has a name.
const SECRET: &[u8] = b"secret of ada";

/// By `mosquitto_passwd` of Mosquitto 2.0.11.
const PBKDF2_SALT_12: &str =
    "$7$101$htOjlp4SYOX0UkZ9$ci+DFtNeXBIhZ7WWgaJymUJbfBmV8Sj0PIN5Mqii4aCz6V5UCLUyPN8ESX8xJois+8aTQw6hZWD66ms2YniS/w==";

/// By Python's hashlib, over the salt 0, 1, … 63.
const PBKDF2_SALT_64: &str = "$7$1000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$HkCBb6zKtY7yTYELyrg803x8SXXAk/+dugpWjP0PPfkg3o1DU7ron/e5CMU+1UFscqVaYnJESneynKJ5/H1wqg==";

/// By Python's hashlib, over the same salt.
const SHA512_SALT_64: &str = "$6$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$t1O+PqE0fNFmHGAsLFOtxspJuzij1PTL6MWG0mC5HEer5apuHpvBdjF+kLyOFRSdUHM9MZTt6IopGC+C+xlltw==";

/// By libargon2 with Mosquitto's numbers, over the same salt.
const ARGON2ID_SALT_64: &str = "$argon2id$v=19$m=47104,t=1,p=1$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw$xrH9w44es8wIq4suhvnwtzHE53DtEy9jULuPwCeBoA8QMv9lJc4/sXOJHAm3RH+kqWaETkTRj8TC8Wf/fnvFzA";

/// By libargon2, over the salt `saltsalt`.
const ARGON2ID_SMALL: &str = "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHQ$RT9QoYyo8aXaoVxOADlB9Av9aD5itFUiAOWA7vz7PA4";

#[test]
fn other_programs_hashes_are_understood() {
    let check = |text: &str, password: &[u8], scheme| {
        let hash = PasswordHash::parse(text).expect(text);
        assert_eq!(hash.scheme(), scheme, "{text}");
        assert!(hash.is_of(password), "{text}");
        assert!(!hash.is_of(&password[1..]) && !hash.is_of(b"") && !hash.is_of(&[password, b"x"].concat()), "{text}");
        assert_eq!(hash.to_string(), text);
    };
    check(PBKDF2_SALT_12, SECRET, Scheme::Pbkdf2 { iterations: 101 });
    check(PBKDF2_SALT_64, SECRET, Scheme::PBKDF2);
    check(SHA512_SALT_64, SECRET, Scheme::Sha512);
    check(ARGON2ID_SALT_64, SECRET, Scheme::ARGON2ID);
    check(ARGON2ID_SMALL, SECRET, Scheme::Argon2id { memory_kib: 64, passes: 2, lanes: 2 });
    check(
        "$6$WpE/+o4MAJvybQDd$9rjfYGhZIkOUokYqJyQp7B2Z4DXOELsP1zbFQiSfQ9FcCLdhafkC2f/c9UI0V5QI9Jz3Z4+uOxbA9vH8JC2OwA==",
        b"bob",
        Scheme::Sha512,
    );
    check(
        "$7$7$TnXbP6/JE8ALsjaU$imAtjixcmHTJ9W5bzcwb6qPwLf4leq6fV6bE5AFVvVcdg0msr2s7W6XujaZcA68XOTU9IvRBZQWTLyT0b5apGg==",
        "naïve".as_bytes(),
        Scheme::Pbkdf2 { iterations: 7 },
    );
}

#[test]
fn the_same_password_and_salt_give_the_same_hash() {
    let salt: Vec<u8> = (0..64).collect();
    let check = |scheme, expected: &str| {
        let made = PasswordHash::new(scheme, SECRET, &salt).map(|hash| hash.to_string());
        assert_eq!(made.as_deref(), Ok(expected));
    };
    check(Scheme::Sha512, SHA512_SALT_64);
    check(Scheme::PBKDF2, PBKDF2_SALT_64);
    check(Scheme::ARGON2ID, ARGON2ID_SALT_64);
}

#[test]
fn an_empty_password_is_one() {
    let hash = PasswordHash::new(Scheme::Sha512, b"", &[7; 12]).expect("a hash");
    assert!(hash.is_of(b"") && !hash.is_of(b"x"));
}

#[test]
fn what_cannot_be_hashed_with_is_refused() {
    let check = |scheme, salt_bytes: usize, expected| {
        let made = PasswordHash::new(scheme, SECRET, &vec![0; salt_bytes]);
        assert_eq!(made.err(), Some(expected), "{scheme:?} {salt_bytes}");
    };
    let argon2id = |memory_kib, passes, lanes| Scheme::Argon2id { memory_kib, passes, lanes };
    check(Scheme::Sha512, 16, HashError::Salt);
    check(Scheme::PBKDF2, 0, HashError::Salt);
    check(argon2id(64, 1, 1), 7, HashError::Salt);
    check(argon2id(64, 1, 1), 257, HashError::Salt);
    check(Scheme::Pbkdf2 { iterations: 0 }, 12, HashError::Iterations);
    check(Scheme::Pbkdf2 { iterations: 1 << 31 }, 12, HashError::Iterations);
    check(argon2id(7, 1, 1), 12, HashError::Parameters);
    check(argon2id(64, 0, 1), 12, HashError::Parameters);
    check(argon2id(64, 1, 0), 12, HashError::Parameters);
    check(argon2id(64, 1, 9), 12, HashError::Parameters);
    check(argon2id((1 << 20) + 1, 1, 1), 12, HashError::Memory);
}

#[test]
fn what_is_no_hash_is_refused_with_a_reason() {
    let check = |text: &str, expected| assert_eq!(PasswordHash::parse(text).err(), Some(expected), "{text}");
    let digest = "A".repeat(86);
    check("", HashError::PlainText);
    check("secret", HashError::PlainText);
    check("6$x$y", HashError::PlainText);
    check("$", HashError::UnknownScheme);
    check("$$", HashError::UnknownScheme);
    check("$5$AAAAAAAAAAAAAAAA$x", HashError::UnknownScheme);
    check("$argon2i$v=19$m=64,t=1,p=1$x$y", HashError::UnknownScheme);
    check("$6", HashError::Incomplete);
    check("$6$AAAAAAAAAAAAAAAA", HashError::Incomplete);
    check("$7$1$AAAAAAAAAAAAAAAA", HashError::Incomplete);
    check("$argon2id$v=19", HashError::Incomplete);
    check(&format!("$6$AAAAAAAAAAAAAAAA${digest}==$"), HashError::TooLong);
    check(&format!("$6$AAAAAAA{{AAAAAAAA${digest}=="), HashError::Salt);
    check(&format!("$6$AAAA${digest}=="), HashError::Salt);
    check(&format!("$6$${digest}=="), HashError::Salt);
    check(&format!("$6$AAAAAAAAAAAAAAAA${digest}"), HashError::Digest);
    check("$6$AAAAAAAAAAAAAAAA$", HashError::Digest);
    check("$6$AAAAAAAAAAAAAAAA$AAAA", HashError::Digest);
    for iterations in ["", "0", "-1", "+1", "1x", "4294967296", "2147483648"] {
        check(&format!("$7${iterations}$AAAAAAAAAAAAAAAA${digest}=="), HashError::Iterations);
    }
    for parameters in ["m=64,t=1", "m=64,t=1,p=1,x=1", "t=1,m=64,p=1", "m=-64,t=1,p=1", "m=,t=1,p=1", ""] {
        check(&format!("$argon2id$v=19${parameters}$AAAAAAAAAAAAAAAA${digest}"), HashError::Parameters);
    }
    check(&format!("$argon2id$v=16$m=64,t=1,p=1$AAAAAAAAAAAAAAAA${digest}"), HashError::Parameters);
    check(&format!("$argon2id$v=19$m=1048577,t=1,p=1$AAAAAAAAAAAAAAAA${digest}"), HashError::Memory);
    check(&format!("$argon2id$v=19$m=64,t=1,p=1$AAAA${digest}"), HashError::Salt);
    check(&format!("$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAA${digest}=="), HashError::Digest);
}

#[test]
fn hashes_do_not_get_into_logs() {
    let hash = PasswordHash::parse(SHA512_SALT_64).expect("a hash");
    assert_eq!(format!("{hash:?}"), "PasswordHash { scheme: Sha512, .. }");
}

#[test]
fn one_round_of_sha_512_is_all_that_is_quick() {
    assert_eq!(Scheme::Sha512.cost(), Cost::Quick);
    assert_eq!(Scheme::Pbkdf2 { iterations: 101 }.cost(), Cost::Slow);
    assert_eq!(Scheme::ARGON2ID.cost(), Cost::Slow);
}
