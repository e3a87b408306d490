//! Certificates, keys, authorities and revocations that are renewed while clients are connected.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use midge_testkit::environment::{need, root, scratch_folder};
use midge_testkit::tls::{Authority, Issued, Trust, Versions};
use midge_testkit::{Client, Server, on_each_shard_count};
use rcgen::SerialNumber;

use crate::{DO_NOT_DO, READ_AGAIN, expect_count, greet, ping, replace, shards_line};

const BOTH: [Versions; 2] = [Versions::Tls12, Versions::Tls13];

/// The files of one listener, as the authority has issued them.
struct Files {
    authority: Authority,
    folder: PathBuf,
}

impl Files {
    fn new(test: &str) -> Files {
        let files = Files { authority: Authority::new("authority"), folder: scratch_folder(&format!("reload-{test}")) };
        files.authority.server().write(&files.folder, "server");
        fs::write(files.path("authority.pem"), files.authority.certificate()).expect("written");
        fs::write(files.path("revoked.pem"), files.authority.revoke(&[])).expect("written");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn lines(&self) -> String {
        format!("certfile {0}/server.pem\nkeyfile {0}/server.key\n", self.folder.display())
    }

    /// The same for a listener that wants certificates of clients.
    fn strict_lines(&self) -> String {
        let folder = self.folder.display();
        format!(
            "{}cafile {folder}/authority.pem\ncrlfile {folder}/revoked.pem\nrequire_certificate true\n",
            self.lines()
        )
    }

    fn trust(&self, versions: Versions) -> Trust {
        Trust::new(&self.authority, versions, None)
    }
}

/// The certificate that a new client is shown, which is welcomed.
fn shown(server: &Server, files: &Files) -> Vec<u8> {
    let mut client = server.connect_tls(&files.trust(Versions::Tls13));
    greet(&mut client, "v5 clean id=new");
    client.tls().server_certificate().to_vec()
}

/// What `renew` does counts for who comes then, and nobody of a hundred who are there notices.
#[track_caller]
fn check_renewed(server: &Server, files: &Files, crowd: &mut [Client], renew: impl FnOnce(&Issued)) {
    let issued = files.authority.server();
    assert_ne!(shown(server, files), issued.der());
    renew(&issued);
    assert_eq!(shown(server, files), issued.der());
    let (publisher, subscribers) = crowd.split_first_mut().expect("a crowd");
    publisher.send("PUBLISH news qos=1 id=1 m=renewed");
    publisher.expect("PUBACK id=1 0x00");
    for subscriber in subscribers {
        subscriber.expect("PUBLISH news m=renewed");
        ping(subscriber);
    }
}

#[test]
fn a_renewed_certificate_under_a_hundred_connections() {
    let files = Files::new("crowd");
    on_each_shard_count(&files.lines(), |server| {
        // Each server has a folder of files of its own.
        let own = |name: &str| server.path(name);
        for name in ["server.pem", "server.key"] {
            fs::copy(files.path(name), own(name)).expect("copied");
        }
        let lines = format!("certfile {}\nkeyfile {}\n", own("server.pem").display(), own("server.key").display());
        server.reload_with(&format!("{}{lines}", shards_line(server)));
        let mut crowd: Vec<Client> = (0..CROWD).map(|number| member(server, &files, number)).collect();

        check_renewed(server, &files, &mut crowd, |issued| {
            issued.write(&own(""), "server");
            server.reload();
        });
        // By itself: the two files are written one after the other.
        check_renewed(server, &files, &mut crowd, |issued| {
            replace(&own("server.pem"), &issued.certificate);
            replace(&own("server.key"), &issued.key);
            expect_count(server, READ_AGAIN, 1);
        });
        // As certbot does it: links to files of an archive, which then show somewhere else.
        check_renewed(server, &files, &mut crowd, |issued| {
            let (certificate, key) = issued.write(&own(""), "archived");
            for (target, link) in [(certificate, own("server.pem")), (key, own("server.key"))] {
                fs::remove_file(&link).expect("removed");
                symlink(target, link).expect("linked");
            }
            expect_count(server, READ_AGAIN, 2);
        });
        check_renewed(server, &files, &mut crowd, |issued| {
            issued.write(&own(""), "archived");
            expect_count(server, READ_AGAIN, 3);
        });
    });
}

fn member(server: &Server, files: &Files, number: usize) -> Client {
    let mut client = server.connect_tls(&files.trust(BOTH[number % 2]));
    greet(&mut client, &format!("v5 clean id=member-{number}"));
    if number > 0 {
        client.send("SUBSCRIBE id=1 news qos=0");
        client.expect("SUBACK id=1 0x00");
    }
    client
}

#[test]
fn a_certificate_without_its_key_waits_for_it() {
    let files = Files::new("key");
    let server = Server::start(&files.lines());
    let mut client = member(&server, &files, 1);
    let before = shown(&server, &files);
    let renewed = files.authority.server();
    replace(&files.path("server.pem"), &renewed.certificate);
    expect_count(&server, DO_NOT_DO, 1);
    server.expect_log("*Error: Server certificate/key are inconsistent: *server.key is not the key of *server.pem.");
    assert_eq!(shown(&server, &files), before);
    server.reload();
    server.expect_log("*The configuration was not reloaded: the server goes on as before.");
    assert_eq!(shown(&server, &files), before);
    replace(&files.path("server.key"), &renewed.key);
    expect_count(&server, READ_AGAIN, 1);
    assert_eq!(shown(&server, &files), renewed.der());
    ping(&mut client);
}

/// A client with a certificate of its own, welcomed.
fn greet_as(server: &Server, files: &Files, versions: Versions, issued: &Issued, id: &str) -> Client {
    let mut client = server.connect_tls(&Trust::new(&files.authority, versions, Some(issued)));
    greet(&mut client, &format!("v5 clean id={id}"));
    client
}

/// A client that comes with this certificate is sent away.
#[track_caller]
fn expect_refused(server: &Server, files: &Files, issued: &Issued) {
    let trust = Trust::new(&files.authority, Versions::Tls12, Some(issued));
    assert!(Client::try_connect_tls(server.address(), &trust).is_err());
}

#[test]
fn who_is_revoked_is_sent_away_and_does_not_resume() {
    let files = Files::new("revoked");
    let issue = |name: &str, number: u64| {
        files.authority.issue(name, &[], |params| params.serial_number = Some(SerialNumber::from(number)))
    };
    let (ann, bob) = (issue("ann", 7), issue("bob", 8));
    for versions in BOTH {
        replace(&files.path("revoked.pem"), &files.authority.revoke(&[]));
        on_each_shard_count(&files.strict_lines(), |server| {
            let trust = Trust::new(&files.authority, versions, Some(&ann));
            // The second one resumes what the first one agreed.
            let mut anns = ["first", "second"].map(|id| {
                let mut client = server.connect_tls(&trust);
                greet(&mut client, &format!("v5 clean id={id} will=gone will.m={id}"));
                client
            });
            let mut bob = greet_as(server, &files, versions, &bob, "bob");
            bob.send("SUBSCRIBE id=1 gone qos=0");
            bob.expect("SUBACK id=1 0x00");
            replace(&server.path("revoked.pem"), &files.authority.revoke(&[7]));
            let lines = files.strict_lines();
            let own = server.path("revoked.pem");
            let lines = lines.replace(&files.path("revoked.pem").display().to_string(), &own.display().to_string());
            server.reload_with(&format!("{}{lines}", shards_line(server)));
            for ann in &mut anns {
                ann.expect("DISCONNECT 0x87");
                ann.expect_closed();
            }
            ping(&mut bob);
            match Client::try_connect_tls(server.address(), &trust) {
                Err(_) => {}
                // In version 1.3 a client is ready before it is judged.
                Ok(mut client) => {
                    client.send("CONNECT v5 clean id=third");
                    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.receive()));
                    assert!(answer.is_err(), "{answer:?}");
                }
            }
            // No Will: it was not the client that ended this.
            ping(&mut bob);
        });
    }
}

#[test]
fn revocations_and_authorities_that_change_count_without_a_signal() {
    let files = Files::new("authority");
    let stranger = Authority::new("stranger");
    let number = |params: &mut rcgen::CertificateParams| params.serial_number = Some(SerialNumber::from(7));
    let (ann, bob) = (files.authority.issue("ann", &[], number), files.authority.client("bob"));
    let carl = stranger.client("carl");
    let server = Server::start(&files.strict_lines());
    let mut is_revoked = greet_as(&server, &files, Versions::Tls13, &ann, "ann");
    let mut bob_there = greet_as(&server, &files, Versions::Tls12, &bob, "bob");
    expect_refused(&server, &files, &carl);

    replace(&files.path("revoked.pem"), &files.authority.revoke(&[7]));
    expect_count(&server, READ_AGAIN, 1);
    is_revoked.expect("DISCONNECT 0x87");
    is_revoked.expect_closed();
    expect_refused(&server, &files, &ann);
    ping(&mut bob_there);

    replace(&files.path("authority.pem"), &format!("{}{}", files.authority.certificate(), stranger.certificate()));
    replace(&files.path("revoked.pem"), &format!("{}{}", files.authority.revoke(&[7]), stranger.revoke(&[])));
    expect_count(&server, READ_AGAIN, 2);
    let mut carl_there = greet_as(&server, &files, Versions::Tls12, &carl, "carl");
    ping(&mut bob_there);

    replace(&files.path("authority.pem"), &stranger.certificate());
    replace(&files.path("revoked.pem"), &stranger.revoke(&[]));
    expect_count(&server, READ_AGAIN, 3);
    bob_there.expect("DISCONNECT 0x87");
    bob_there.expect_closed();
    ping(&mut carl_there);
    expect_refused(&server, &files, &bob);
}

/// An operator who sends a signal looks at the log then, and not at what was said at the start.
#[test]
fn each_reload_says_what_is_wrong_with_files_that_are_as_they_were() {
    let files = Files::new("said-again");
    let stranger = Authority::new("stranger");
    replace(&files.path("authority.pem"), &format!("{}{}", files.authority.certificate(), stranger.certificate()));
    let server = Server::start(&files.strict_lines());
    let mut bob = greet_as(&server, &files, Versions::Tls13, &files.authority.client("bob"), "bob");
    let told = "*no list in crlfile is of stranger: its clients are refused.";
    for count in 1..4 {
        expect_count(&server, told, count);
        server.reload();
    }
    ping(&mut bob);
    replace(&files.path("revoked.pem"), &format!("{}{}", files.authority.revoke(&[]), stranger.revoke(&[])));
    expect_count(&server, READ_AGAIN, 1);
    server.reload();
    assert_eq!(server.count_log(told), 4, "{:#?}", server.log());
}

/// Who is not yet through with the handshake is judged by what is in force when it is, and not sent away before.
#[test]
fn a_handshake_under_way_goes_on() {
    let files = Files::new("handshake");
    let stranger = Authority::new("stranger");
    let ann = files.authority.client("ann");
    let server = Server::start(&format!("{}max_keepalive 100", files.strict_lines()));
    let begin = |versions| {
        let mut socket = TcpStream::connect(server.address()).expect("connected");
        let mut client = Trust::new(&files.authority, versions, Some(&ann)).begin();
        client.write_tls(&mut socket).expect("written");
        // It has answered: the handshake has begun.
        client.read_tls(&mut socket).expect("an answer");
        (socket, client)
    };
    let finish = |(mut socket, mut client): (TcpStream, rustls::ClientConnection)| {
        client.process_new_packets().expect("the server is right");
        let mut stream = rustls::Stream::new(&mut client, &mut socket);
        stream.write_all(b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02me").expect("CONNECT");
        let mut connack = [0; 4];
        stream.read_exact(&mut connack).expect("CONNACK");
        connack[3]
    };
    let under_way = BOTH.map(begin);
    let both = format!("{}{}", files.authority.certificate(), stranger.certificate());
    replace(&files.path("authority.pem"), &both);
    server.reload();
    assert_eq!(under_way.map(finish), [0, 0]);

    let under_way = BOTH.map(begin);
    replace(&files.path("authority.pem"), &stranger.certificate());
    server.reload();
    assert_eq!(under_way.map(finish), [5, 5], "not authorised");
}

#[test]
fn encryption_comes_and_goes_with_the_configuration() {
    let files = Files::new("comes");
    let server = Server::start("");
    let mut plain = server.connect();
    greet(&mut plain, "v5 clean id=plain");
    let mut silent = TcpStream::connect(server.address()).expect("connected");
    // Who is not encrypted could not come any more, and is sent away.
    server.reload_with(&files.lines());
    plain.expect("DISCONNECT 0x87");
    plain.expect_closed();
    assert_eq!(silent.read(&mut [0; 1]).expect("an end"), 0);
    let mut encrypted = member(&server, &files, 1);
    server.reload_with(&format!("{}max_keepalive 50\n", files.lines()));
    ping(&mut encrypted);
    // Without a certificate nobody may be there any more.
    server.reload_with(&files.strict_lines());
    encrypted.expect("DISCONNECT 0x87");
    encrypted.expect_closed();
    let mut ann = greet_as(&server, &files, Versions::Tls13, &files.authority.client("ann"), "ann");
    server.reload_with(&format!("{}use_identity_as_username true\n", files.strict_lines()));
    ann.expect("DISCONNECT 0x87");
    let mut named = greet_as(&server, &files, Versions::Tls13, &files.authority.client("ann"), "ann");
    server.expect_log("*as ann (p5, c1, k0, u'ann')*");
    server.reload_with(&format!("{}use_identity_as_username true\ntls_version tlsv1.3\n", files.strict_lines()));
    ping(&mut named);
    let old = Trust::new(&files.authority, Versions::Tls12, Some(&files.authority.client("ann")));
    assert!(Client::try_connect_tls(server.address(), &old).is_err());
    // Who is encrypted may stay where nobody has to be.
    server.reload_with("");
    named.expect("DISCONNECT 0x87");
    server.reload_with(&files.lines());
    let mut encrypted = member(&server, &files, 1);
    server.reload_with("");
    ping(&mut encrypted);
}

/// Another part of the certificate is another name.
#[test]
fn who_would_have_another_name_has_to_come_again() {
    let files = Files::new("names");
    let ann = files.authority.client("ann");
    let with = |option: &str| format!("{}{option}\n", files.strict_lines());
    let server = Server::start(&with("use_identity_as_username true"));
    let mut client = greet_as(&server, &files, Versions::Tls13, &ann, "ann");
    server.expect_log("*as ann (p5, c1, k0, u'ann')*");
    server.reload_with(&with("use_identity_as_username true\nmax_keepalive 50"));
    ping(&mut client);
    server.reload_with(&with("use_subject_as_username true"));
    client.expect("DISCONNECT 0x87");
    client.expect_closed();
    let mut client = greet_as(&server, &files, Versions::Tls12, &ann, "ann");
    server.expect_log("*as ann (p5, c1, k0, u'CN=ann')*");
    server.reload_with(&with(""));
    client.expect("DISCONNECT 0x87");
    client.expect_closed();
    let mut client = greet_as(&server, &files, Versions::Tls13, &ann, "ann");
    server.expect_log("*as ann (p5, c1, k0).*");
    ping(&mut client);
}

/// Nobody has looked at them before.
#[test]
fn dates_that_begin_to_count_do_so_for_who_is_there() {
    let files = Files::new("dates");
    let old = files.authority.issue("old", &[], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    for versions in BOTH {
        let server = Server::start(&format!("{}disable_client_cert_date_checks true\n", files.strict_lines()));
        let mut old = greet_as(&server, &files, versions, &old, "old");
        let mut ann = greet_as(&server, &files, versions, &files.authority.client("ann"), "ann");
        server.reload();
        ping(&mut old);
        server.reload_with(&files.strict_lines());
        old.expect("DISCONNECT 0x87");
        old.expect_closed();
        ping(&mut ann);
    }
}

/// Started by root, the server reads keys that it could not read later.
#[test]
fn a_key_that_only_root_can_read_is_kept() {
    let Some(()) = need(root()) else { return };
    let files = Files::new("root");
    let mut server = Server::start("user nobody");
    assert!(server.terminate().success());
    let own = server.path("");
    files.authority.server().write(&own, "server");
    let lines = format!("user nobody\ncertfile {0}server.pem\nkeyfile {0}server.key\n", own.display());
    server.restart_with(&lines);
    server.expect_log(
        "Warning: *server.key cannot be read by whom the server has become: when it changes, that counts *",
    );
    let before = shown(&server, &files);
    server.reload_with(&format!("{lines}max_keepalive 50"));
    let mut client = server.connect_tls(&files.trust(Versions::Tls13));
    client.send("CONNECT v5 keep-alive=300");
    client.expect("CONNACK server-keep-alive=50");

    let warning =
        "Warning: *server.key cannot be read by whom the server has become: what it held at the start counts.";
    assert_eq!(server.count_log(warning), 1);
    files.authority.server().write(&own, "server");
    server.reload();
    // And each time, also where nothing has changed since.
    server.reload();
    assert_eq!(server.count_log(warning), 3);
    assert_eq!(shown(&server, &files), before);
    ping(&mut client);
}

/// The same, where it is other files that change: whoever is revoked goes, and everything else counts too.
#[test]
fn revocations_count_beside_a_key_that_only_root_can_read() {
    let Some(()) = need(root()) else { return };
    let files = Files::new("root-revoked");
    let mut server = Server::start("user nobody");
    assert!(server.terminate().success());
    let own = server.path("");
    files.authority.server().write(&own, "server");
    let passwords = own.join("passwords");
    fs::write(&passwords, "").expect("written");
    let ann = files.authority.issue("ann", &[], |params| params.serial_number = Some(SerialNumber::from(7)));
    let write = |name: &str, text: &str| {
        fs::write(own.join(name), text).expect("written");
        fs::set_permissions(own.join(name), fs::Permissions::from_mode(0o644)).expect("a mode");
    };
    write("authority.pem", &files.authority.certificate());
    write("revoked.pem", &files.authority.revoke(&[]));
    let lines = format!(
        "user nobody\nwatch_files false\ncertfile {0}server.pem\nkeyfile {0}server.key\ncafile {0}authority.pem\n\
         crlfile {0}revoked.pem\nrequire_certificate true\npassword_file {0}passwords\nallow_anonymous true\n",
        own.display()
    );
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).expect("a mode");
    server.restart_with(&lines);
    let mut client = server.connect_tls(&Trust::new(&files.authority, Versions::Tls13, Some(&ann)));
    greet(&mut client, "v5 clean id=ann");
    write("revoked.pem", &files.authority.revoke(&[7]));
    server.reload();
    client.expect("DISCONNECT 0x87");
    server.expect_log("The configuration was reloaded.");
    server.expect_log("Warning: the password_file *passwords cannot be read by whom the server has become: *");
}

/// The folders of Let's Encrypt are root's alone: what stands there goes on to judge clients, and all else that changes counts.
#[test]
fn authorities_and_revocations_that_only_root_can_read_are_kept() {
    let Some(()) = need(root()) else { return };
    let files = Files::new("root-authority");
    let ann = files.authority.issue("ann", &[], |params| params.serial_number = Some(SerialNumber::from(7)));
    let (bob, carl) = (files.authority.client("bob"), Authority::new("stranger").client("carl"));
    for trusted in ["cafile {}/authority.pem", "capath {}"] {
        let mut server = Server::start("user nobody");
        assert!(server.terminate().success());
        let (live, list) = (server.path("live"), server.path("revoked.pem"));
        fs::create_dir(&live).expect("a folder");
        fs::set_permissions(&live, fs::Permissions::from_mode(0o700)).expect("a mode");
        files.authority.server().write(&live, "server");
        fs::write(live.join("authority.pem"), files.authority.certificate()).expect("written");
        let write_list = |numbers: &[u64], mode| {
            fs::write(&list, files.authority.revoke(numbers)).expect("written");
            fs::set_permissions(&list, fs::Permissions::from_mode(mode)).expect("a mode");
        };
        write_list(&[], 0o644);
        let lines = format!(
            "user nobody\nwatch_files false\nrequire_certificate true\ncrlfile {}\n\
             certfile {1}/server.pem\nkeyfile {1}/server.key\n{2}\n",
            list.display(),
            live.display(),
            trusted.replace("{}", &live.display().to_string())
        );
        server.restart_with(&lines);
        let mut ann_there = greet_as(&server, &files, Versions::Tls13, &ann, "ann");

        server.reload_with(&format!("{lines}max_keepalive 50\n"));
        server.expect_log("Warning: *live* cannot be read by whom the server has become: what it held before counts.");
        ping(&mut ann_there);
        let mut bob_there = server.connect_tls(&Trust::new(&files.authority, Versions::Tls13, Some(&bob)));
        bob_there.send("CONNECT v5 keep-alive=300");
        bob_there.expect("CONNACK server-keep-alive=50");
        expect_refused(&server, &files, &carl);

        write_list(&[7], 0o644);
        server.reload();
        ann_there.expect("DISCONNECT 0x87");
        ping(&mut bob_there);

        write_list(&[], 0o600);
        server.reload();
        server.expect_log("Warning: *revoked.pem cannot be read by whom the server has become: what it held before *");
        expect_refused(&server, &files, &ann);
        ping(&mut bob_there);
    }
}

/// With the one who publishes.
const CROWD: usize = 101;
