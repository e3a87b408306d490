//! Listeners with pre-shared keys, and ciphers that only OpenSSL has: a server with the cargo feature `openssl`, and clients of
//! Mosquitto's. The usual server says that it has neither.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use midge_testkit::environment::{Missing, debian_program, midge_with_openssl, need, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::tls::{Authority, Trust, Versions};
use midge_testkit::{Client, Launch, Process, Server};
use rustix::process::Signal;

const ANN: [&str; 4] = ["--psk-identity", "ann", "--psk", "deadbeef01"];
const BOB: [&str; 4] = ["--psk-identity", "bob", "--psk", "0012abc"];

/// A folder with keys of ann and bob, a server that asks for them, and a client.
struct Setup {
    folder: PathBuf,
    server: Server,
    publisher: PathBuf,
}

impl Setup {
    fn new(test: &str, lines: &str) -> Option<Setup> {
        let (midge, publisher) = (need(midge_with_openssl())?, need(debian_program("mosquitto_pub"))?);
        let folder = scratch_folder(&format!("psk-{test}"));
        let keys = folder.join("keys");
        fs::write(&keys, "# devices\nann:deadbeef01\nbob:0012ABC\n").expect("write");
        let lines = format!("psk_file {}\npsk_hint midge\n{lines}\n", keys.display());
        let server = Launch::new().program(midge).arguments(&["-v"]).start(&lines);
        Some(Setup { folder, server, publisher })
    }

    /// Publishes to this topic with Mosquitto's client; whether that went well.
    fn publishes(&self, topic: &str, arguments: &[&str]) -> bool {
        let mut client = mosquitto(&self.publisher, &self.server, arguments);
        client.args(["-q", "1", "-m", "x", "-t", topic]).output().expect("it starts").status.success()
    }

    /// A client that stays.
    fn subscribes(&self, id: &str, arguments: &[&str]) -> Process {
        let program = need(debian_program("mosquitto_sub")).expect("beside mosquitto_pub");
        let mut command = mosquitto(&program, &self.server, arguments);
        command.args(["-i", id, "-t", "a/#"]);
        let process = Process::start(command);
        self.server.expect_log(&format!("Sending SUBACK to {id}"));
        process
    }
}

fn mosquitto(program: &Path, server: &Server, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-V", "5", "-p", &server.port().to_string()]).args(arguments);
    command
}

#[test]
fn the_right_key_gets_in_and_no_other() {
    let Some(setup) = Setup::new("keys", "") else { return };
    let subscriber = need(debian_program("mosquitto_sub")).expect("beside mosquitto_pub");
    let mut command = mosquitto(&subscriber, &setup.server, &BOB);
    command.args(["-i", "sub", "-t", "a/#", "-q", "1", "-C", "1", "-v"]);
    let mut subscriber = Process::start(command);
    setup.server.expect_log("Sending SUBACK to sub");
    assert!(setup.publishes("a/b", &[&ANN[..], &["-i", "pub"]].concat()));
    assert!(subscriber.wait_for_exit().success());
    assert_eq!(subscriber.lines(), ["a/b x"]);
    setup.server.expect_log("Client pub negotiated TLSv1.3 cipher TLS_AES_128_GCM_SHA256");

    assert!(!setup.publishes("a/b", &["--psk-identity", "ann", "--psk", "deadbeef02"]));
    setup.server.expect_log(
        "Client 127.0.0.1 [*] disconnected: bad socket read/write: client has another key for the identity 'ann'.",
    );
    assert!(!setup.publishes("a/b", &["--psk-identity", "eve", "--psk", "deadbeef01"]));
    setup
        .server
        .expect_log("Client 127.0.0.1 [*] disconnected: bad socket read/write: psk_file has no identity 'eve'.");
    // Without encryption nobody gets far.
    assert!(!setup.publishes("a/b", &[]));
    setup.server.expect_log("Connection from 127.0.0.1:* rejected, client did not connect using TLS.");
}

#[test]
fn an_identity_is_a_user_name_where_that_is_wanted() {
    let folder = scratch_folder("psk-acl");
    let list = folder.join("list");
    fs::write(&list, "user ann\ntopic readwrite a/#\n").expect("write");
    let lines = format!("use_identity_as_username true\nallow_anonymous false\nacl_file {}", list.display());
    let Some(setup) = Setup::new("names", &lines) else { return };
    assert!(setup.publishes("a/b", &[&ANN[..], &["-i", "one", "-u", "mallory", "-P", "p"]].concat()));
    setup.server.expect_log("as one (p5, c1, k60, u'ann').");
    setup.server.expect_log("Sending PUBACK to one (m1, rc16)");
    setup.publishes("a/b", &[&BOB[..], &["-i", "two"]].concat());
    setup.server.expect_log("Denied PUBLISH from two");

    // A key that names nobody only encrypts.
    let Some(setup) = Setup::new("nameless", "allow_anonymous false") else { return };
    assert!(!setup.publishes("a/b", &ANN));
    setup.server.expect_log("disconnected: not authorised.");
}

#[test]
fn keys_are_read_again_and_who_has_none_any_more_is_let_go() {
    let Some(setup) = Setup::new("reload", "use_identity_as_username true\nallow_anonymous false") else { return };
    let (_ann, _bob) = (setup.subscribes("ann", &ANN), setup.subscribes("bob", &BOB));
    let keys = setup.folder.join("keys");
    fs::write(&keys, "ann:nothing").expect("write");
    setup.server.signal(Signal::HUP);
    setup.server.expect_log("Error: psk for identity 'ann' in psk_file '*' contains non-hexadecimal characters.");
    setup.server.expect_log("The configuration was not reloaded: the server goes on as before.");
    fs::write(&keys, "ann:deadbeef01\nzoe:77").expect("write");
    setup.server.signal(Signal::HUP);
    setup.server.expect_log("The configuration was reloaded.");
    setup.server.expect_log("Client bob [*] disconnected: *");
    assert!(!setup.publishes("a/b", &BOB));
    assert!(setup.publishes("a/b", &["--psk-identity", "zoe", "--psk", "77"]));
    assert_eq!(setup.server.count_log("Client ann [*] disconnected*"), 0);
}

/// Their keys say nothing but that they may come, and are looked at all the same.
#[test]
fn whose_key_is_another_by_now_is_let_go_where_it_names_nobody() {
    let Some(setup) = Setup::new("reload-nameless", "") else { return };
    for version in ["tlsv1.2", "tlsv1.3"] {
        let ids = ["ann", "bob"].map(|name| format!("{name}-{version}"));
        let keys = |name: &str| if name == "ann" { ANN } else { BOB };
        fs::write(setup.folder.join("keys"), "ann:deadbeef01\nbob:0012ABC\nzoe:77\n").expect("write");
        setup.server.reload();
        let with_version = |name: &str| [&keys(name)[..], &["--tls-version", version]].concat();
        let (_ann, _bob) =
            (setup.subscribes(&ids[0], &with_version("ann")), setup.subscribes(&ids[1], &with_version("bob")));
        fs::write(setup.folder.join("keys"), "ann:deadbeef01\nbob:0012abd\n").expect("write");
        setup.server.reload();
        setup.server.expect_log(&format!("Client {} [*] disconnected: *", ids[1]));
        assert_eq!(setup.server.count_log(&format!("Client {} [*] disconnected*", ids[0])), 0);
    }
}

/// As it is with the usual listener.
#[test]
fn openssl_shows_the_certificate_that_a_client_asks_for() {
    let Some(midge) = need(midge_with_openssl()) else { return };
    let (authority, folder) = (Authority::new("authority"), scratch_folder("psk-names"));
    let [other, own] = [authority.issue("other.example", &["other.example"], |_| ()), authority.server()];
    let mut lines = String::from("ciphers AES256:!aNULL\n");
    for (issued, name) in [(&other, "other"), (&own, "own")] {
        let (certificate, key) = issued.write(&folder, name);
        lines += &format!("certfile {}\nkeyfile {}\n", certificate.display(), key.display());
    }
    let server = Launch::new().program(midge).start(&lines);
    for versions in [Versions::Tls12, Versions::Tls13] {
        let mut client = server.connect_tls(&Trust::new(&authority, versions, None));
        client.send("CONNECT v5 clean id=a");
        client.expect("CONNACK");
        assert_eq!(client.tls().server_certificate(), own.der());
    }
}

/// No rustls client has the first cipher, and the usual order would choose another one than the second.
#[test]
fn words_of_openssl_choose_ciphers() {
    let Some(midge) = need(midge_with_openssl()) else { return };
    let (authority, folder) = (Authority::new("authority"), scratch_folder("psk-ciphers"));
    let (certificate, key) = authority.server().write(&folder, "server");
    let trust = Trust::new(&authority, Versions::Tls12, None);
    let start = |ciphers: &str| {
        let files = format!("certfile {}\nkeyfile {}", certificate.display(), key.display());
        Launch::new().program(midge.clone()).start(&format!("{files}\nciphers {ciphers}"))
    };
    let server = start("ECDHE-ECDSA-AES256-SHA384:AES256:!aNULL");
    let mut client = server.connect_tls(&trust);
    client.send("CONNECT v5 clean id=a");
    client.expect("CONNACK");
    server.expect_log("Client a negotiated TLSv1.2 cipher ECDHE-ECDSA-AES256-GCM-SHA384");
    let server = start("ECDHE-ECDSA-AES256-SHA384");
    assert!(Client::try_connect_tls(server.address(), &trust).is_err());
    server.expect_log("disconnected: bad socket read/write: no shared cipher.");
}

/// rustls does not read keys that are encrypted like this.
#[test]
fn a_check_takes_the_keys_that_the_server_takes() {
    let Some(midge) = need(midge_with_openssl()) else { return };
    let folder = scratch_folder("psk-check");
    fs::write(folder.join("phrase"), "open sesame\n").expect("written");
    let run = |program: &Path, arguments: &str| {
        let output = Command::new(program).current_dir(&folder).args(arguments.split_whitespace()).output();
        need(output.map_err(|_| Missing::new("openssl", "install it")))
    };
    let make = |arguments: &str| run(Path::new("openssl"), arguments).map(|output| assert!(output.status.success()));
    let Some(()) = make("genrsa -traditional -aes128 -passout file:phrase -out key.pem 2048") else { return };
    make("req -x509 -new -key key.pem -passin file:phrase -out cert.pem -days 30 -subj /CN=localhost");
    let files = "certfile cert.pem\nkeyfile key.pem\nkeyfile_passphrase_file phrase";
    let check = |lines: &str, status: i32| {
        let text = format!("listener {} 127.0.0.1\nallow_anonymous true\n{files}\n{lines}\n", free_port());
        fs::write(folder.join("a.conf"), text).expect("written");
        let output = run(&midge, "check a.conf").expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{said}");
        said
    };
    check("ciphers ECDHE-RSA-AES256-SHA384", 0);
    assert!(check("", 3).contains("Check keyfile: it is encrypted in a format of the past"));
    let said = check("ciphers NO-SUCH", 3);
    assert!(said.contains("a.conf:6") && !said.contains("Check keyfile"), "{said}");
}

#[test]
fn without_openssl_keys_and_its_ciphers_are_refused() {
    let refused = |lines: &str, status: i32, expected: &[&str]| {
        let port = free_port();
        let mut server = Server::spawn(&[], &format!("listener {port} 127.0.0.1\n{lines}"), port);
        assert_eq!(server.wait_for_exit().code(), Some(status), "{:#?}", server.log());
        expected.iter().for_each(|line| drop(server.expect_log(line)));
    };
    let build = "Build it with: cargo build --release --features openssl";
    refused(
        "psk_hint midge\npsk_file /keys",
        3,
        &[
            "Error: The 'psk_hint' option needs a server built with the cargo feature openssl, and this one is not.",
            build,
            "Error: The 'psk_file' option needs a server built with the cargo feature openssl, and this one is not.",
        ],
    );
    let folder = scratch_folder("psk-without");
    let (certificate, key) = Authority::new("authority").server().write(&folder, "server");
    let files = format!("certfile {}\nkeyfile {}", certificate.display(), key.display());
    refused(
        &format!("{files}\nciphers ECDHE-ECDSA-AES256-SHA384"),
        1,
        &["none of these is offered here; that needs a server built with `cargo build --release --features openssl`."],
    );
}
