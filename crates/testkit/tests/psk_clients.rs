//! Our tools with pre-shared keys, which they have with the cargo feature `openssl`: at Debian's server, and at ours.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use midge_testkit::environment::{debian_program, midge_program, midge_with_openssl, need, scratch_folder};
use midge_testkit::{Launch, Server};

const ANN: &str = "--psk-identity ann --psk deadbeef01";
/// With zeros before it and an odd number of digits, of which all have to make the same key.
const BOB: &str = "--psk-identity bob --psk 0012abc";

/// What a tool says, and its status.
type Said = (String, String, Option<i32>);

/// A server that takes these keys, and a tool that has them.
struct Setup {
    server: Server,
    midge: PathBuf,
}

impl Setup {
    /// Our own server, and Debian's.
    fn both(test: &str) -> Option<[Setup; 2]> {
        let (midge, debians) = (need(midge_with_openssl())?, need(debian_program("mosquitto"))?);
        let keys = scratch_folder(&format!("psk-clients-{test}")).join("keys");
        fs::write(&keys, "ann:deadbeef01\nbob:0012ABC\n").expect("written");
        let lines = format!("psk_file {}\npsk_hint hint\n", keys.display());
        Some([midge.clone(), debians].map(|program| {
            let server = Launch::new().program(program).arguments(&["-v"]).start(&lines);
            Setup { server, midge: midge.clone() }
        }))
    }

    fn says(&self, tool: &str, line: &str) -> Said {
        let mut command = Command::new(&self.midge);
        command.args([tool, "-p", &self.server.port().to_string(), "-h", "localhost"]);
        let output = command.args(line.split_whitespace()).output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    }
}

fn fine(text: &str) -> Said {
    (text.to_owned(), String::new(), Some(0))
}

#[test]
fn messages_travel_with_the_right_key() {
    let Some(setups) = Setup::both("right") else { return };
    for setup in &setups {
        for (number, more) in [ANN, BOB, "--psk-identity ann --psk deadbeef01 --tls-version tlsv1.3"].iter().enumerate()
        {
            assert_eq!(setup.says("pub", &format!("{more} -q 1 -r -t kept/{number} -m x{number}")), fine(""));
            let kept = setup.says("sub", &format!("{more} -q 1 -v -t kept/{number} -C 1"));
            assert_eq!(kept, fine(&format!("kept/{number} x{number}\n")));
            // Its own request is the response.
            assert_eq!(setup.says("rr", &format!("{more} -t own -e own -m asked")), fine("asked\n"));
        }
        let large = "x".repeat(100_000);
        assert_eq!(setup.says("rr", &format!("{ANN} -t own -e own -m {large}")), fine(&format!("{large}\n")));
    }
    setups[0].server.expect_log("negotiated TLSv1.3 cipher TLS_AES_128_GCM_SHA256");
}

#[test]
fn a_wrong_key_is_told() {
    let Some(setups) = Setup::both("wrong") else { return };
    for setup in &setups {
        for line in ["--psk-identity ann --psk deadbeef02", "--psk-identity eve --psk deadbeef01"] {
            let (_, stderr, status) = setup.says("pub", &format!("{line} -t a -m x"));
            assert_eq!(status, Some(1), "{line}: {stderr}");
            let expected = "Error: no encryption with localhost: the other side does not know this identity";
            assert!(stderr.contains(expected), "{line}: {stderr}");
        }
    }
}

#[test]
fn what_is_no_key_and_no_cipher_is_told_before_connecting() {
    let Some([ours, _]) = Setup::both("words") else { return };
    for (line, expected) in [
        ("--psk-identity ann --psk 12xy", "--psk has 1 to 512 hexadecimal digits."),
        ("--psk-identity ann --psk 12 --ciphers nonsense", "Unable to set TLS ciphers \"nonsense\": "),
    ] {
        let (_, stderr, status) = ours.says("pub", &format!("{line} -t a -m x"));
        assert!(status == Some(1) && stderr.contains(expected), "{line}: {stderr}");
    }
}

#[test]
fn other_tools_have_keys_too() {
    let Some([ours, _]) = Setup::both("others") else { return };
    let (_, stderr, status) = ours.says("ctrl", &format!("{ANN} dynsec listClients"));
    // It came so far, and without a warning about what others can see.
    assert!(status == Some(1) && stderr.starts_with("Error: Nobody answers on $CONTROL/"), "{stderr}");
    let (stdout, stderr, status) = ours.says("doctor", ANN);
    assert!(status == Some(0) && stdout.contains("the server has the pre-shared key"), "{stdout}\n{stderr}");
    let (stdout, stderr, status) = ours.says("bench", &format!("connect {ANN} --clients 2 --count 10 --rounds 1"));
    assert_eq!(status, Some(0), "{stdout}\n{stderr}");
}

#[test]
fn a_tool_without_openssl_says_so() {
    let Some([ours, _]) = Setup::both("without") else { return };
    let without = Setup { midge: midge_program(), ..ours };
    for (tool, line) in [("pub", "-t a -m x"), ("ctrl", "dynsec listClients")] {
        let (_, stderr, status) = without.says(tool, &format!("{ANN} {line}"));
        assert_eq!(status, Some(1), "{tool}");
        assert!(stderr.contains("--psk cannot be used") && stderr.contains("--features openssl"), "{tool}: {stderr}");
    }
}
