//! JSON Web Tokens in place of passwords: whom they let in, as whom, for how long, and what they may do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};
use midge_testkit::environment::{midge_program, need, root, scratch_folder, workspace};
use midge_testkit::{Conversation, Server};
use rustix::process::Signal;

const SECRET: &str = "a secret of thirty-two bytes or more";

/// A token that HS256 signs. `claims` are members of an object of JSON.
fn token(secret: &str, claims: &str) -> String {
    let parts = [r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(), format!("{{{claims}}}")];
    let text = parts.map(|part| Base64UrlUnpadded::encode_string(part.as_bytes())).join(".");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes());
    format!("{text}.{}", Base64UrlUnpadded::encode_string(tag.as_ref()))
}

fn good(claims: &str) -> String {
    token(SECRET, &format!(r#""exp":{}{claims}"#, now_s() + 600))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Tokens and keys that others have made, for `ada`, until 2100.
fn testdata(name: &str) -> PathBuf {
    workspace().join("crates/auth/src/token/testdata").join(name)
}

fn foreign(algorithm: &str) -> String {
    let tokens = fs::read_to_string(testdata("tokens")).expect("tokens");
    let line = tokens.lines().find_map(|line| line.strip_prefix(algorithm)?.strip_prefix(' '));
    line.expect("a token").to_owned()
}

/// A folder with the secret, and the lines that name it.
fn secret(name: &str) -> (PathBuf, String) {
    let folder = scratch_folder(name);
    let path = folder.join("secret");
    write(&path, SECRET);
    let lines = format!("failed_login_delay 0\nauth_jwt_algorithms HS256\nauth_jwt_secret_file {}\n", path.display());
    (folder, lines)
}

fn write(path: &Path, content: &str) {
    fs::write(path, format!("{content}\n")).expect("a file");
}

fn reload(server: &Server) {
    let before = server.count_log("*The configuration was *reloaded*");
    server.signal(Signal::HUP);
    while server.count_log("*The configuration was *reloaded*") == before {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_token_says_who_its_client_is() {
    let (_, lines) = secret("tokens-who");
    let server = Server::start(&format!("allow_anonymous false\n{lines}"));
    let (good, forged) =
        (good(r#","sub":"ada""#), token("another secret of 32 bytes, or more", r#""exp":4102444800,"sub":"ada""#));
    let expired = token(SECRET, r#""exp":1000000000,"sub":"ada""#);
    let nobody = token(SECRET, r#""exp":4102444800"#);
    Conversation::with(&server).play(&format!(
        "a> CONNECT v5 username=whatever password={good}
         a< CONNACK 0x00
         b> CONNECT v5 password={good}
         b< CONNACK 0x00
         f> CONNECT v5 username=ada password={forged}
         f< CONNACK 0x87
         f< closed
         e> CONNECT v311 username=ada password={expired}
         e< CONNACK 0x05
         e< closed
         n> CONNECT v5 username=ada password={nobody} request-problem-information=1
         n< CONNACK 0x87 reason-string=\"the token has no user name\"
         p> CONNECT v5 username=ada password=secret
         p< CONNACK 0x87
         w> CONNECT v5 username=ada
         w< CONNACK 0x87
         x> CONNECT v5
         x< CONNACK 0x87"
    ));
    server.expect_log("*New client connected from * as a (p5, c0, k0, u'ada').");
    server.expect_log("*New client connected from * as b (p5, c0, k0, u'ada').");
    server.expect_log("*Client e [127.0.0.1:*]: the token has expired.");
    server.expect_log("*Client x [127.0.0.1:*] disconnected: not authorised.");
    // Whoever signs for its clients does not guess.
    assert_eq!(server.count_log("*Failed login from *"), 4);
}

#[test]
fn keys_are_public_or_in_a_set() {
    for (directive, file) in [("auth_jwt_key_file", "keys.pem"), ("auth_jwt_jwks_file", "keys.jwks")] {
        let algorithms = "auth_jwt_algorithms RS256 PS512 ES256 ES384 EdDSA";
        let server = Server::start(&format!("{algorithms}\n{directive} {}\n", testdata(file).display()));
        let mut talk = Conversation::with(&server);
        for algorithm in ["RS256", "PS512", "ES256", "ES384", "EdDSA"] {
            let token = foreign(algorithm);
            talk.play(&format!("{algorithm}> CONNECT v311 password={token} username=x\n{algorithm}< CONNACK 0x00"));
        }
        let confused = foreign("confused");
        talk.play(&format!("c> CONNECT v5 username=x password={confused}\nc< CONNACK 0x87"));
    }
}

#[test]
fn claims_may_be_asked_for() {
    let (_, lines) = secret("tokens-claims");
    let server = Server::start(&format!(
        "{lines}auth_jwt_issuer https://id.example\nauth_jwt_audience mqtt\nauth_jwt_user_claim name\n"
    ));
    let mut talk = Conversation::with(&server);
    let mut check = |claims: &str, code: &str| {
        let token = good(claims);
        talk.play(&format!("c> CONNECT v5 password={token}\nc< CONNACK {code}\nc closes"));
    };
    check(r#","iss":"https://id.example","aud":["mqtt"],"name":"ada""#, "0x00");
    check(r#","iss":"https://other.example","aud":["mqtt"],"name":"ada""#, "0x87");
    check(r#","iss":"https://id.example","aud":"http","name":"ada""#, "0x87");
    check(r#","iss":"https://id.example","aud":"mqtt","sub":"ada""#, "0x87");
    server.expect_log("*the token is from another issuer.");
    server.expect_log("*the token is for another audience.");
    server.expect_log("*u'ada').");
}

/// The connection ends with its token, and the Will is published: who watches is to know.
#[test]
fn a_client_is_disconnected_when_its_token_expires() {
    let (_, lines) = secret("tokens-expiry");
    let server = Server::start(&lines);
    let (short, long) = (token(SECRET, &format!(r#""exp":{},"sub":"ada""#, now_s() + 2)), good(r#","sub":"bob""#));
    Conversation::with(&server).play(&format!(
        "w> CONNECT v5 password={long}
         w< CONNACK 0x00
         w subscribes gone
         a> CONNECT v5 password={short} will=gone will.m=a session-expiry-interval=100
         a< CONNACK 0x00
         b> CONNECT v311 password={short} username=b
         b< CONNACK 0x00
         a publishes t qos=1 m=x
         wait 2500ms
         a< DISCONNECT 0xa0
         a< closed
         b< closed
         w< PUBLISH gone m=a
         w pings
         a> CONNECT v5 password={short} session-expiry-interval=100
         a< CONNACK 0x87"
    ));
    server.expect_log("*Client b [127.0.0.1:*] disconnected: maximum connect time*");
}

#[test]
fn a_token_may_say_what_its_client_may_do() {
    let (folder, lines) = secret("tokens-acl");
    let acl = folder.join("acl");
    write(&acl, "pattern readwrite house/#\npattern write up/%c");
    let both = format!("{lines}auth_jwt_acl_claim mqtt\nacl_file {}\n", acl.display());
    let server = Server::start(&both);
    let grants = good(r##","sub":"ada","mqtt":{"publish":["up/#","house/door"],"subscribe":["house/%u/#"]}"##);
    let nothing = good(r#","sub":"ada""#);
    let mut talk = Conversation::with(&server);
    talk.play(&format!(
        "a> CONNECT v5 password={grants}
         a< CONNACK 0x00
         a subscribes # qos=0
         a> PUBLISH up/a qos=1 id=1 m=x
         a< PUBACK id=1
         a> PUBLISH up/b qos=1 id=2 m=x
         a< PUBACK id=2 0x87
         a> PUBLISH house/ada/x qos=1 id=3 m=x
         a< PUBACK id=3 0x87
         a> PUBLISH house/door qos=1 id=4 m=x
         a< PUBACK id=4
         n> CONNECT v5 password={nothing}
         n< CONNACK 0x87"
    ));
    reload(&server);
    talk.play("a> PUBLISH up/a qos=1 id=1 m=x\na< PUBACK id=1\na> PUBLISH up/b qos=1 id=2 m=x\na< PUBACK id=2 0x87");
    let file = folder.join("explained.conf");
    fs::write(&file, both).expect("a file");
    let explain = |topic: &str| {
        let file = file.to_str().expect("text");
        let arguments = ["acl", "explain", "-c", file, "--user", "ada", "--id", "a", "publish", topic];
        let output = Command::new(midge_program()).args(arguments).output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (status, text) = explain("up/a");
    assert!(status == Some(0) && text.starts_with("allowed by line 2 ("), "{text}");
    assert!(text.ends_with("the claim 'mqtt' has to grant it too (auth_jwt_acl_claim)\n"), "{text}");
    let (status, text) = explain("up/b");
    assert!(status != Some(0) && !text.contains("auth_jwt_acl_claim"), "{text}");
}

/// A key that is not trusted any more takes those with it whom it has let in.
#[test]
fn keys_may_be_exchanged() {
    let (folder, lines) = secret("tokens-reload");
    let server = Server::start(&lines);
    let old = good(r#","sub":"ada""#);
    let mut talk = Conversation::with(&server);
    talk.play(&format!("a> CONNECT v5 password={old}\na< CONNACK 0x00"));
    reload(&server);
    talk.play("a pings");
    write(&folder.join("secret"), "another secret of 32 bytes, or more");
    reload(&server);
    talk.play(&format!("a< DISCONNECT 0x87\na< closed\na> CONNECT v5 password={old}\na< CONNACK 0x87\na< closed"));
    write(&folder.join("secret"), "short");
    reload(&server);
    server.expect_log("*The secret in * has 5 bytes.*");
    let new = token("another secret of 32 bytes, or more", r#""exp":4102444800,"sub":"ada""#);
    talk.play(&format!("a> CONNECT v5 password={new}\na< CONNACK 0x00"));
}

/// Started by root, the server reads keys that it could not read later.
#[test]
fn keys_that_only_root_can_read_are_kept() {
    let Some(()) = need(root()) else { return };
    let (folder, lines) = secret("tokens-root");
    let set = folder.join("set");
    fs::copy(testdata("keys.jwks"), &set).expect("copied");
    let lines = format!("user nobody\n{lines}auth_jwt_jwks_file {}\n", set.display()).replace("HS256", "HS256 EdDSA");
    for file in [folder.join("secret"), set] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    let server = Server::start(&lines);
    let mut talk = Conversation::with(&server);
    let ada = good(r#","sub":"ada""#);
    talk.play(&format!("a> CONNECT v5 password={ada}\na< CONNACK 0x00"));
    server.reload_with(&format!("{lines}max_keepalive 50\n"));
    for file in ["auth_jwt_secret_file *secret", "auth_jwt_jwks_file *set"] {
        server.expect_log(&format!("Warning: the {file} cannot be read by whom the server has become: *"));
    }
    talk.play("a pings");
    let foreign = foreign("EdDSA");
    for (client, token) in [("b", ada), ("c", foreign)] {
        let welcome = "CONNACK 0x00 server-keep-alive=50";
        talk.play(&format!("{client}> CONNECT v5 keep-alive=300 password={token}\n{client}< {welcome}"));
    }
}

#[test]
fn an_algorithm_without_a_key_keeps_the_server_from_starting() {
    let (folder, lines) = secret("tokens-idle");
    let lines = lines.replace("HS256", "HS256 ES256");
    let mut server = Server::spawn(&[], &format!("listener 1 127.0.0.1\n{lines}"), 1);
    assert!(!server.wait_for_exit().success());
    server.expect_log("*Error: There is no key for ES256, which auth_jwt_algorithms names.");
    let file = folder.join("checked.conf");
    fs::write(&file, lines).expect("a file");
    let check = Command::new(midge_program()).arg("check").arg(&file).output().expect("runs");
    assert!(!check.status.success());
    assert!(String::from_utf8_lossy(&check.stderr).contains("Error: There is no key for ES256"), "{check:?}");
}

/// Each client has one judge, so that nobody gets past the password file with what somebody else believes.
#[test]
fn whom_the_password_file_has_cannot_come_with_a_token() {
    const ADA: &str = "ada:$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==";
    let (folder, lines) = secret("tokens-judges");
    let passwords = folder.join("passwords");
    write(&passwords, ADA);
    let server = Server::start(&format!("{lines}password_file {}\n", passwords.display()));
    let (token, impersonation) = (good(r#","sub":"bob""#), good(r#","sub":"ada""#));
    Conversation::with(&server).play(&format!(
        "a> CONNECT v5 username=ada password=secret
         a< CONNACK 0x00
         t> CONNECT v5 username=ada password={token}
         t< CONNACK 0x87
         b> CONNECT v5 username=bob password={token}
         b< CONNACK 0x00
         i> CONNECT v5 username=eve password={impersonation}
         i< CONNACK 0x87"
    ));
    server.expect_log("*Client i [127.0.0.1:*]: the token is for a user of the password file.");
}

/// Who was let in by other rules is asked again.
#[test]
fn rules_for_tokens_may_become_stricter() {
    let (_, lines) = secret("tokens-stricter");
    let check = |claims: &str, more: &str, stays: bool| {
        let server = Server::start(&lines);
        let mut talk = Conversation::with(&server);
        talk.play(&format!("a> CONNECT v5 password={}\na< CONNACK 0x00", good(claims)));
        server.configure(&format!("{lines}{more}\n"));
        reload(&server);
        talk.play(if stays { "a pings" } else { "a< DISCONNECT 0x87\na< closed" });
    };
    check(r#","sub":"ada""#, "auth_jwt_acl_claim mqtt", false);
    check(r#","sub":"ada","iss":"here""#, "auth_jwt_issuer there", false);
    check(r#","sub":"ada","aud":"here""#, "auth_jwt_audience there", false);
    check(r#","sub":"ada","name":"bob""#, "auth_jwt_user_claim name", false);
    check(r#","sub":"ada""#, "max_keepalive 100", true);
}
