//! Listeners with TLS: versions, certificates of servers and clients, what the operator is told, and clients as people run them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use midge_testkit::environment::{Missing, debian_program, need, paho, scratch_folder};
use midge_testkit::tls::{Authority, Issued, Trust, Versions};
use midge_testkit::{Client, PATIENCE, Process, Received, Server, on_each_shard_count};

const BOTH: [Versions; 2] = [Versions::Tls12, Versions::Tls13];

/// An authority, a folder with its files, and the lines of configuration that use them.
struct Setup {
    authority: Authority,
    folder: PathBuf,
    lines: String,
}

impl Setup {
    fn new(test: &str) -> Setup {
        let (authority, folder) = (Authority::new("authority"), scratch_folder(&format!("tls-{test}")));
        let (certificate, key) = authority.server().write(&folder, "server");
        fs::write(folder.join("authority.pem"), authority.certificate()).expect("write");
        let lines = format!("certfile {}\nkeyfile {}\n", certificate.display(), key.display());
        Setup { authority, folder, lines }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Lines for a listener that wants certificates of clients.
    fn strict(&self, more: &str) -> String {
        let authority = self.path("authority.pem");
        format!("{}cafile {}\nrequire_certificate true\n{more}\n", self.lines, authority.display())
    }

    fn trust(&self, versions: Versions) -> Trust {
        Trust::new(&self.authority, versions, None)
    }

    fn trust_as(&self, versions: Versions, identity: &Issued) -> Trust {
        Trust::new(&self.authority, versions, Some(identity))
    }
}

#[test]
fn both_versions_serve_and_say_what_was_negotiated() {
    let setup = Setup::new("versions");
    on_each_shard_count(&setup.lines, |server| {
        for (versions, name) in BOTH.into_iter().zip(["TLSv1.2 cipher ECDHE-ECDSA-", "TLSv1.3 cipher TLS_AES_"]) {
            let mut client = server.connect_tls(&setup.trust(versions));
            client.send("CONNECT v5 clean id=negotiator");
            client.expect("CONNACK");
            client.send("SUBSCRIBE id=1 a/b qos=2");
            client.expect("SUBACK id=1 0x02");
            client.send("PUBLISH a/b qos=1 id=5 m=hello");
            let mut kinds: Vec<_> = [client.receive(), client.receive()].map(|packet| packet.kind).into();
            kinds.sort_by_key(|kind| format!("{kind:?}"));
            assert_eq!(format!("{kinds:?}"), "[Puback, Publish]");
            server.expect_log(&format!("Client negotiator negotiated {name}"));
            client.send("DISCONNECT");
            // With close_notify: without it the test's client fails.
            client.expect_closed();
        }
    });
}

/// A handshake takes more memory than all that a client without encryption can have kept.
#[test]
fn where_memory_is_short_no_handshake_begins() {
    let setup = Setup::new("short");
    let server = Server::start(&format!("memory_limit 1\n{}", setup.lines));
    server.expect_log("Warning: memory_limit is reached: *");
    let mut stream = TcpStream::connect(server.address()).expect("connected");
    assert_eq!(stream.read(&mut [0]).expect("closed"), 0);
    server.expect_log("Client connection from 127.0.0.1 denied: memory_limit exceeded.");
}

#[test]
fn large_messages_pass_and_connections_move_with_their_keys() {
    let setup = Setup::new("large");
    on_each_shard_count(&format!("{}max_packet_size 20000000", setup.lines), |server| {
        for (number, versions) in BOTH.into_iter().cycle().take(8).enumerate() {
            let mut client = server.connect_tls(&setup.trust(versions));
            client.send(&format!("CONNECT v311 clean id=mover-{number} & SUBSCRIBE id=1 large/{number} qos=0"));
            client.expect("CONNACK");
            client.expect("SUBACK id=1 0x00");
            let payload = vec![b'x'; 3_000_000];
            let topic = format!("large/{number}");
            let mut packet = vec![0x30];
            let mut length = payload.len() + 2 + topic.len();
            while length > 0 {
                packet.push((length % 128) as u8 | if length > 127 { 0x80 } else { 0 });
                length /= 128;
            }
            packet.extend((topic.len() as u16).to_be_bytes());
            packet.extend(topic.as_bytes());
            packet.extend(&payload);
            client.send_bytes(&packet);
            match client.receive_within(PATIENCE) {
                Received::Packet(_, bytes) => assert!(bytes == packet, "the message has changed on the way"),
                other => panic!("{other}"),
            }
        }
    });
}

#[test]
fn a_reader_that_comes_late_gets_everything() {
    let setup = Setup::new("late");
    on_each_shard_count(&format!("{}max_queued_messages 0", setup.lines), |server| {
        let mut reader = server.connect_tls(&setup.trust(Versions::Tls13));
        reader.send("CONNECT v311 clean id=late & SUBSCRIBE id=1 t qos=1");
        reader.expect("CONNACK");
        reader.expect("SUBACK id=1 0x01");
        let mut writer = server.connect_tls(&setup.trust(Versions::Tls12));
        writer.send("CONNECT v311 clean id=writer");
        writer.expect("CONNACK");
        let text = "y".repeat(50_000);
        for id in 1..=400 {
            writer.send(&format!("PUBLISH t qos=1 id={id} m={text}"));
            writer.expect(&format!("PUBACK id={id}"));
        }
        for _ in 1..=400 {
            let publish = reader.receive();
            let id = publish.number("id").expect("QoS 1");
            reader.send(&format!("PUBACK id={id}"));
        }
    });
}

#[test]
fn the_end_of_the_server_is_said() {
    let setup = Setup::new("end");
    let mut server = Server::start(&setup.lines);
    let mut client = server.connect_tls(&setup.trust(Versions::Tls13));
    client.send("CONNECT v5 clean id=a");
    client.expect("CONNACK");
    assert!(server.terminate().success());
    client.expect("DISCONNECT 0x8b");
    client.expect_closed();
}

#[test]
fn who_breaks_off_without_close_notify_has_closed() {
    let setup = Setup::new("truncated");
    let server = Server::start(&setup.lines);
    let mut client = server.connect_tls(&setup.trust(Versions::Tls13));
    client.send("CONNECT v311 clean id=gone");
    client.expect("CONNACK");
    client.finish();
    server.expect_log("Client gone [*] disconnected: connection closed by client.");
}

#[test]
fn who_does_not_encrypt_is_told_apart() {
    let setup = Setup::new("plain");
    let server = Server::start(&setup.lines);
    let mut socket = TcpStream::connect(server.address()).expect("connected");
    socket.write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00").expect("written");
    let _ = socket.read_to_end(&mut Vec::new());
    server.expect_log("Connection from 127.0.0.1:* rejected, client did not connect using TLS.");
}

#[test]
fn a_handshake_that_does_not_end_is_ended() {
    let setup = Setup::new("idle");
    let server = Server::start(&format!("{}connect_timeout 1", setup.lines));
    let mut socket = TcpStream::connect(server.address()).expect("connected");
    let mut hello = Vec::new();
    setup.trust(Versions::Tls13).begin().write_tls(&mut hello).expect("memory");
    socket.write_all(&hello[..hello.len() / 2]).expect("written");
    let begun = Instant::now();
    let _ = socket.read_to_end(&mut Vec::new());
    assert!(begun.elapsed() >= Duration::from_millis(900));
    server.expect_log("disconnected: exceeded timeout.");
}

#[test]
fn certificates_of_clients_are_asked_for() {
    let setup = Setup::new("strict");
    let server = Server::start(&setup.strict(""));
    let ann = setup.authority.client("ann");
    for versions in BOTH {
        let mut client = server.connect_tls(&setup.trust_as(versions, &ann));
        client.send("CONNECT v311 clean id=a");
        client.expect("CONNACK");
        // The answer to a certificate comes behind the handshake in version 1.3.
        let refused = |trust: &Trust| match Client::try_connect_tls(server.address(), trust) {
            Err(error) => error.to_string(),
            Ok(mut client) => {
                client.send("CONNECT v311 clean id=b");
                let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.receive()));
                caught.expect_err("no CONNACK").downcast_ref::<String>().cloned().unwrap_or_default()
            }
        };
        let alert = refused(&setup.trust(versions));
        assert!(alert.contains("CertificateRequired") || alert.contains("HandshakeFailure"), "{alert}");
        let stranger = Authority::new("stranger").client("bob");
        let alert = refused(&setup.trust_as(versions, &stranger));
        assert!(alert.contains("UnknownCA"), "{alert}");
        let expired = setup.authority.issue("old", &[], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
        let alert = refused(&setup.trust_as(versions, &expired));
        assert!(alert.contains("CertificateExpired"), "{alert}");
    }
    server.expect_log("Connection from 127.0.0.1:* rejected, client did not provide a certificate.");
    server.expect_log("bad socket read/write: certificate of the client has expired.");
}

#[test]
fn certificates_name_clients() {
    let setup = Setup::new("identity");
    let nameless =
        setup.authority.issue("x", &[], |params| params.distinguished_name = rcgen::DistinguishedName::new());
    let ann = setup.authority.issue("ann", &[], |params| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Example, Inc.");
    });
    for (option, name) in
        [("use_identity_as_username", "ann"), ("use_subject_as_username", "O=Example\\5c, Inc.,CN=ann")]
    {
        on_each_shard_count(&setup.strict(&format!("{option} true\nallow_anonymous false")), |server| {
            for (number, versions) in BOTH.into_iter().cycle().take(6).enumerate() {
                let mut client = server.connect_tls(&setup.trust_as(versions, &ann));
                client.send(&format!("CONNECT v5 clean id=c{number} username=mallory"));
                client.expect("CONNACK");
                let name = name.replace("\\5c", "\\");
                server.expect_log(&format!("as c{number} (p5, c1, k0, u'{name}')"));
            }
            for (level, expected) in [("v311", "CONNACK 0x04"), ("v5", "CONNACK 0x86")] {
                let mut client = server.connect_tls(&setup.trust_as(Versions::Tls13, &nameless));
                client.send(&format!("CONNECT {level} clean id=nobody username=mallory"));
                client.expect(expected);
                client.expect_closed();
            }
        });
    }
}

#[test]
fn files_that_are_not_good_keep_the_server_from_starting() {
    let setup = Setup::new("files");
    let check = |lines: &str, status: i32, expected: &str| {
        let port = midge_testkit::ports::free_port();
        let mut server = Server::spawn(&[], &format!("listener {port} 127.0.0.1\n{lines}"), port);
        assert_eq!(server.wait_for_exit().code(), Some(status), "{:#?}", server.log());
        server.expect_log(expected);
    };
    let lines = setup.lines.replace("server.pem", "none.pem");
    check(
        &lines,
        1,
        "Error: Unable to load server certificate \"*none.pem\". Check certfile: No such file or directory.",
    );
    let check_tested = |lines: &str, expected: &str| {
        let port = midge_testkit::ports::free_port();
        let mut tested = Server::spawn(&["--test-config"], &format!("listener {port} 127.0.0.1\n{lines}"), port);
        assert_eq!(tested.wait_for_exit().code(), Some(3));
        tested.expect_log(expected);
    };
    check_tested(&lines, "Error: Unable to open certfile \"*none.pem\": No such file or directory");
    let lines = setup.lines.replace("server.key", "server.pem");
    check(&lines, 1, "Error: Unable to load server key file \"*server.pem\". Check keyfile: there is no private key");
    Authority::new("other").server().write(&setup.folder, "other");
    let lines = setup.lines.replace("server.key", "other.key");
    check(&lines, 1, "Error: Server certificate/key are inconsistent: ");
    check_tested(&lines, "Error: Server certificate/key are inconsistent: ");
    let old = setup.authority.issue("old", &[], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    old.write(&setup.folder, "old");
    let lines = setup.lines.replace("server.key", "old.key").replace("server.pem", "old.pem");
    let port = midge_testkit::ports::free_port();
    let mut tested = Server::spawn(&["--test-config"], &format!("listener {port} 127.0.0.1\n{lines}"), port);
    assert!(tested.wait_for_exit().success());
    tested.expect_log("Warning: certificate old in *old.pem has expired * days ago: clients refuse it.");
    fs::write(setup.path("others.pem"), Authority::new("other").revoke(&[])).expect("write");
    let lines = setup.strict(&format!("crlfile {}", setup.path("others.pem").display()));
    let server = Server::start(&lines);
    server.expect_log("Warning: no list in crlfile is of an authority in cafile or capath: *");
    let lines = format!("{}ciphers NO-SUCH\n", setup.lines);
    check(&lines, 1, "Error: Unable to set TLS ciphers. Check ciphers \"NO-SUCH\": there is no cipher 'NO-SUCH'.");
    let lines = setup.lines.lines().next().expect("certfile");
    check(lines, 3, "Error: Both certfile and keyfile must be provided if one of them is set.");
}

#[test]
fn secrets_are_written_where_the_command_line_says() {
    let setup = Setup::new("keylog");
    let path = setup.path("secrets");
    let _ = fs::remove_file(&path);
    let server = Server::start_with(&["--tls-keylog", &path.display().to_string()], &setup.lines);
    let mut client = server.connect_tls(&setup.trust(Versions::Tls13));
    client.send("CONNECT v311 clean id=a");
    client.expect("CONNACK");
    let text = fs::read_to_string(path).expect("a file");
    assert!(text.contains("CLIENT_TRAFFIC_SECRET_0 ") && text.contains("SERVER_TRAFFIC_SECRET_0 "), "{text}");
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it does not happen that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Plays a handshake and CONNECT, but sends only so many bytes. Whether there would have been more.
fn break_off(server: &Server, trust: &Trust, bytes_max: usize, resets: bool) -> bool {
    let mut socket = TcpStream::connect(server.address()).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut client = trust.begin();
    client.writer().write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01h").expect("memory");
    let mut left = bytes_max;
    loop {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("memory");
        }
        let part = &bytes[..bytes.len().min(left)];
        if socket.write_all(part).is_err() {
            return false;
        }
        left -= part.len();
        if left == 0 {
            break;
        }
        if !client.wants_read() || !client.is_handshaking() {
            return false;
        }
        match client.read_tls(&mut socket) {
            Ok(count) if count > 0 => client.process_new_packets().expect("the server is right"),
            _ => return false,
        };
    }
    if resets {
        rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).expect("SO_LINGER");
    }
    true
}

#[test]
fn handshakes_that_are_broken_off_leave_nothing_behind() {
    let setup = Setup::new("broken");
    let identity = setup.authority.client("ann");
    let server = Server::start(&setup.strict(""));
    let files_before = server.open_files();
    let mut resident_before = 0;
    for round in 0..3 {
        for versions in BOTH {
            let trust = setup.trust_as(versions, &identity);
            let mut bytes = 1;
            while break_off(&server, &trust, bytes, bytes.is_multiple_of(2)) {
                // Each of the first ones, and then about each field.
                bytes += if bytes < 12 { 1 } else { 13 };
            }
            assert!(bytes > 500, "{bytes}: the handshake did not come far");
        }
        wait_until("all are closed", || server.open_files() <= files_before);
        if round == 0 {
            resident_before = server.resident_bytes();
        }
    }
    let grown = server.resident_bytes().saturating_sub(resident_before);
    assert!(grown < 4_000_000, "{grown} bytes");
    let mut client = server.connect_tls(&setup.trust_as(Versions::Tls13, &identity));
    client.send("CONNECT v311 clean id=healthy & PINGREQ");
    client.expect("CONNACK");
    client.expect("PINGRESP");
}

#[test]
fn nonsense_instead_of_a_handshake_does_no_harm() {
    let setup = Setup::new("nonsense");
    let server = Server::start(&setup.lines);
    let files_before = server.open_files();
    let trust = setup.trust(Versions::Tls13);
    for number in 0..300_usize {
        let mut bytes = Vec::new();
        trust.begin().write_tls(&mut bytes).expect("memory");
        let at = number * 7 % bytes.len();
        bytes[at] = bytes[at].wrapping_add(number as u8 | 1);
        let mut socket = TcpStream::connect(server.address()).expect("connected");
        let _ = socket.write_all(&bytes);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = socket.read_to_end(&mut Vec::new());
    }
    wait_until("all are closed", || server.open_files() <= files_before);
    let mut client = server.connect_tls(&trust);
    client.send("CONNECT v311 clean id=healthy");
    client.expect("CONNACK");
}

/// The program `openssl`.
fn openssl(folder: &Path, arguments: &str) -> Option<()> {
    let output = Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()).output();
    let output = need(output.map_err(|_| Missing::new("openssl", "install it")))?;
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// mosquitto_pub or mosquitto_sub with the authority's certificate.
fn tool(server: &Server, authority: &Path, name: &str, arguments: &str) -> Option<Process> {
    let mut command = Command::new(need(debian_program(name))?);
    command.args(["-h", "localhost", "-p", &server.port().to_string(), "--cafile"]).arg(authority);
    command.args(arguments.split_whitespace());
    Some(Process::start(command))
}

fn check_tools(server: &Server, authority: &Path, arguments: &str) -> Option<()> {
    let mut subscriber = tool(server, authority, "mosquitto_sub", &format!("-t test -C 1 {arguments}"))?;
    wait_until("the subscription is granted", || server.count_log("Sending SUBACK") > 0);
    let mut publisher = tool(server, authority, "mosquitto_pub", &format!("-t test -q 1 -m encrypted {arguments}"))?;
    assert!(publisher.wait_for_exit().success(), "{:#?}", server.log());
    subscriber.expect_line("encrypted");
    assert!(subscriber.wait_for_exit().success());
    Some(())
}

#[test]
fn mosquittos_tools_speak_with_it() {
    let setup = Setup::new("tools");
    let authority = setup.path("authority.pem");
    for versions in ["tlsv1.2", "tlsv1.3"] {
        for protocol in ["mqtt", "something-else"] {
            let server = Server::start_with(&["-v"], &setup.lines);
            let arguments = format!("--tls-version {versions} --tls-alpn {protocol}");
            if check_tools(&server, &authority, &arguments).is_none() {
                return;
            }
        }
    }
    let (certificate, key) = setup.authority.client("ann").write(&setup.folder, "ann");
    let server = Server::start_with(&["-v"], &setup.strict("use_identity_as_username true"));
    let identity = format!("--cert {} --key {}", certificate.display(), key.display());
    check_tools(&server, &authority, &identity);
    server.expect_log("u'ann'");
}

#[test]
fn paho_speaks_with_it() {
    let setup = Setup::new("paho");
    for (major, api) in [(1, "1"), (2, "2")] {
        let server = Server::start_with(&["-v"], &setup.lines);
        let Some(python) = need(paho(major)) else { return };
        let mut command = Command::new(python);
        command
            .args(["-B", "-W", "ignore"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/echo_over_tls.py"))
            .args(["localhost", &server.port().to_string(), api])
            .arg(setup.path("authority.pem"));
        let mut process = Process::start(command);
        assert!(process.wait_for_exit().success(), "{:#?}", process.lines());
        process.expect_line("message echo 20 of 20");
    }
}

/// What `openssl x509 -req` makes without extensions: version 1, a common name and nothing else.
#[test]
fn certificates_of_version_1_are_taken() {
    let folder = scratch_folder("tls-version-1");
    let make = || {
        openssl(&folder, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=authority")?;
        for name in ["localhost", "ann"] {
            let request =
                format!("req -new -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}");
            openssl(&folder, &request)?;
            let sign = "x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30";
            openssl(&folder, &format!("{sign} -in {name}.csr -out {name}.pem"))?;
        }
        Some(())
    };
    let Some(()) = make() else { return };
    let at = |name: &str| folder.join(name).display().to_string();
    let lines = format!(
        "certfile {}\nkeyfile {}\ncafile {}\nrequire_certificate true\nuse_identity_as_username true",
        at("localhost.pem"),
        at("localhost.key"),
        at("ca.pem")
    );
    let identity =
        |versions: &str| format!("--cert {} --key {} --tls-version {versions}", at("ann.pem"), at("ann.key"));
    for versions in ["tlsv1.2", "tlsv1.3"] {
        let server = Server::start_with(&["-v"], &lines);
        check_tools(&server, &folder.join("ca.pem"), &identity(versions));
        server.expect_log("u'ann'");
    }

    // With the list that OpenSSL writes of itself, of version 1 too.
    let configuration = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\ndefault_md = sha256\ndefault_crl_days = 30\n";
    fs::write(folder.join("ca.conf"), configuration).expect("written");
    fs::write(folder.join("index"), "").expect("written");
    let authority = "ca -config ca.conf -cert ca.pem -keyfile ca.key";
    openssl(&folder, &format!("{authority} -gencrl -out revoked.pem"));
    let server = Server::start_with(&["-v"], &format!("{lines}\ncrlfile {}", at("revoked.pem")));
    check_tools(&server, &folder.join("ca.pem"), &identity("tlsv1.3"));
    let arguments = format!("-t test -i ann {}", identity("tlsv1.3"));
    let Some(_there) = tool(&server, &folder.join("ca.pem"), "mosquitto_sub", &arguments) else { return };
    server.expect_log("Sending SUBACK to ann");
    openssl(&folder, &format!("{authority} -revoke ann.pem"));
    openssl(&folder, &format!("{authority} -gencrl -out revoked.pem"));
    server.reload();
    server.expect_log("Client ann [*] disconnected: *");
    server.expect_log("*bad socket read/write: certificate of the client is revoked.");
}

#[test]
fn keys_of_every_kind_are_taken() {
    let folder = scratch_folder("tls-keys");
    fs::write(folder.join("phrase"), "open sesame\n").expect("written");
    let kinds = [
        "genrsa -traditional -out key.pem 2048",
        "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072 -out key.pem",
        "ecparam -name prime256v1 -genkey -out key.pem",
        "ecparam -name secp384r1 -genkey -noout -out key.pem",
        "genpkey -algorithm ed25519 -out key.pem",
        "genpkey -algorithm ed25519 -aes-256-cbc -pass file:phrase -out key.pem",
        "genpkey -algorithm rsa -aes-128-cbc -pass file:phrase -out key.pem",
    ];
    for kind in kinds {
        let request = "req -x509 -new -key key.pem -passin file:phrase -out cert.pem -days 30 -subj /CN=localhost";
        let Some(()) = openssl(&folder, kind).and_then(|()| openssl(&folder, request)) else { return };
        let at = |name: &str| folder.join(name).display().to_string();
        let (certificate, key, phrase) = (at("cert.pem"), at("key.pem"), at("phrase"));
        let lines = format!("certfile {certificate}\nkeyfile {key}\nkeyfile_passphrase_file {phrase}");
        let server = Server::start_with(&["-v"], &lines);
        check_tools(&server, Path::new(&certificate), "");
    }
}

/// As tutorials on Let's Encrypt have it.
#[test]
fn a_leaf_as_cafile_does_no_harm() {
    let setup = Setup::new("leaf");
    let lines = format!("{}cafile {}", setup.lines, setup.path("server.pem").display());
    let server = Server::start(&lines);
    let mut client = server.connect_tls(&setup.trust_as(Versions::Tls13, &setup.authority.client("ann")));
    client.send("CONNECT v311 clean id=a");
    client.expect("CONNACK");
}

/// Whether a client with this certificate is let in.
fn lets_in(server: &Server, trust: &Trust) -> bool {
    let Ok(mut client) = Client::try_connect_tls(server.address(), trust) else { return false };
    client.send("CONNECT v311 clean id=a");
    // The answer to a certificate comes behind the handshake in version 1.3.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.expect("CONNACK"))).is_ok()
}

#[test]
fn authorities_may_stand_in_a_folder() {
    let setup = Setup::new("capath");
    fs::create_dir_all(setup.path("trusted")).expect("made");
    fs::write(setup.path("trusted/one.pem"), setup.authority.certificate()).expect("written");
    let folder = setup.path("trusted");
    let lines = format!("{}capath {}\nrequire_certificate true", setup.lines, folder.display());
    let server = Server::start(&lines);
    assert!(lets_in(&server, &setup.trust_as(Versions::Tls13, &setup.authority.client("ann"))));
    assert!(!lets_in(&server, &setup.trust_as(Versions::Tls13, &Authority::new("stranger").client("ann"))));
}

#[test]
fn certificates_can_be_revoked() {
    let setup = Setup::new("revoked");
    let numbered = |number: u64| setup.authority.issue("ann", &[], |params| params.serial_number = Some(number.into()));
    fs::write(setup.path("revoked.pem"), setup.authority.revoke(&[7])).expect("written");
    let server = Server::start(&setup.strict(&format!("crlfile {}", setup.path("revoked.pem").display())));
    assert!(lets_in(&server, &setup.trust_as(Versions::Tls13, &numbered(8))));
    assert!(!lets_in(&server, &setup.trust_as(Versions::Tls13, &numbered(7))));
}

#[test]
fn dates_of_clients_certificates_can_be_passed_over() {
    let setup = Setup::new("dates");
    let server = Server::start(&setup.strict("disable_client_cert_date_checks true"));
    let expired = setup.authority.issue("old", &[], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert!(lets_in(&server, &setup.trust_as(Versions::Tls12, &expired)));
    assert!(!lets_in(&server, &setup.trust_as(Versions::Tls12, &Authority::new("stranger").client("bob"))));
}

#[test]
fn versions_and_ciphers_can_be_chosen() {
    let setup = Setup::new("chosen");
    let server = Server::start(&format!("{}tls_version tlsv1.3\nciphers_tls1.3 TLS_AES_128_GCM_SHA256", setup.lines));
    assert!(!lets_in(&server, &setup.trust(Versions::Tls12)));
    assert!(lets_in(&server, &setup.trust(Versions::Tls13)));
    server.expect_log("*Client a negotiated TLSv1.3 cipher TLS_AES_128_GCM_SHA256*");
}
