//! PROXY protocol: whom the server takes a client for when a load balancer is in front, and whom it does not let in.

use midge_testkit::environment::scratch_folder;
use midge_testkit::tls::{Authority, Trust, Versions};
use midge_testkit::websocket::{MQTT, UPGRADE_ANSWER, client_frame};
use midge_testkit::{Client, Server, on_each_shard_count};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.5 127.0.0.1 6275 1883\r\n";
/// 192.0.2.5:6275 to nowhere.
const IPV4: &[u8] = b"\xC0\x00\x02\x05\0\0\0\0\x18\x83\0\0";
const STREAM_OVER_IPV4: u8 = 0x11;
const FROM_CLIENT: u8 = 0x21;
const FROM_PROXY: u8 = 0x20;
/// What `PP2_TYPE_SSL` says of the client: it came with TLS, and with a certificate in this connection.
const TLS: u8 = 0x01;
const CERTIFICATE: u8 = 0x02;

fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = (rest.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &(value.len() as u16).to_be_bytes(), value].concat()
}

/// A header for a client of which the proxy tells how it came.
fn header_with_tls(client: u8, verify: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let value = [&[client][..], &verify.to_be_bytes(), &parts.concat()].concat();
    header(FROM_CLIENT, STREAM_OVER_IPV4, &[IPV4, &tlv(0x20, &value)].concat())
}

fn start(version: u8, lines: &str) -> Server {
    Server::start_with(&["-v"], &format!("enable_proxy_protocol {version}\n{lines}"))
}

fn connect(server: &Server, header: &[u8]) -> Client {
    let mut client = Client::connect(server.address());
    client.send_raw(header);
    client
}

#[test]
fn the_address_is_that_of_the_header() {
    let check = |version: u8, header: &[u8], shown: &str| {
        on_each_shard_count(&format!("enable_proxy_protocol {version}"), |server| {
            let mut client = connect(server, header);
            client.send("CONNECT v5 clean id=proxied & SUBSCRIBE id=1 t qos=1");
            client.expect("CONNACK");
            client.expect("SUBACK id=1 0x01");
            client.send("PUBLISH t qos=1 id=7 m=x");
            client.expect("PUBLISH t qos=1 id=1 m=x");
            client.expect("PUBACK id=7");
            client.reset();
            server.expect_log(&format!("New connection from {shown} on port *."));
            server.expect_log(&format!("New client connected from {shown} as proxied (p5*"));
            let ended = server.expect_log("Client proxied [*] disconnected: *");
            assert!(ended.contains(&format!("[{shown}]")), "{ended}");
            assert_eq!(server.count_log("*127.0.0.1:*"), 0, "nobody else is named");
        });
    };
    check(1, LINE, "192.0.2.5:6275");
    check(1, b"PROXY TCP6 2001:db8::1 ::1 6275 1883\r\n", "2001:db8::1:6275");
    check(2, &header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4), "192.0.2.5:6275");
    let ipv6 = [&b"\x20\x01\x0d\xb8"[..], &[0; 11], &[1], &[0; 16], b"\x18\x83\0\0"].concat();
    check(2, &header(FROM_CLIENT, 0x21, &ipv6), "2001:db8::1:6275");
    check(2, &header(FROM_CLIENT, 0x31, b"/run/app.sock"), "/run/app.sock:0");
}

#[test]
fn a_header_may_come_in_pieces() {
    for (version, header) in [(1, LINE.to_vec()), (2, header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4))] {
        let server = start(version, "");
        let mut client = Client::connect(server.address());
        for byte in header {
            client.send_raw(&[byte]);
        }
        client.send("CONNECT v5 clean id=slow");
        client.expect("CONNACK");
        server.expect_log("New client connected from 192.0.2.5:6275 as slow *");
    }
}

/// Where the proxy does not know, and where it speaks for itself, the connection's own address holds.
#[test]
fn a_proxy_that_names_nobody_is_served_as_who_it_is() {
    for (version, header) in [(1, b"PROXY UNKNOWN\r\n".to_vec()), (2, header(FROM_PROXY, 0, b""))] {
        let server = start(version, "");
        let mut client = connect(&server, &header);
        client.send("CONNECT v5 clean id=own");
        client.expect("CONNACK");
        server.expect_log("New client connected from 127.0.0.1:* as own *");
        client.send("DISCONNECT");
        server.expect_log("Client own [127.0.0.1:*] disconnected.");
    }
}

#[test]
fn health_checks_are_answered_and_not_told_about() {
    let local = header(FROM_PROXY, 0, b"");
    let check = |lines: &str, version: u8, bytes: &[u8]| {
        let server = start(version, lines);
        drop(connect(&server, bytes));
        connect(&server, bytes).reset();
        // And some wait for us to close.
        if bytes == local {
            connect(&server, bytes).expect_closed();
        }
        let mut client = connect(&server, if version == 1 { LINE } else { &local });
        if !lines.is_empty() {
            client.upgrade();
        }
        client.send("CONNECT v311 clean id=last");
        client.expect("CONNACK");
        server.expect_log("New client connected from * as last *");
        for pattern in ["*disconnected*", "*rejected*", "New connection from 127.0.0.1:*"] {
            assert_eq!(server.count_log(pattern), 0, "{pattern} {bytes:?}");
        }
    };
    for lines in ["", "protocol websockets"] {
        check(lines, 1, b"");
        check(lines, 2, b"");
        check(lines, 2, &local);
    }
}

#[test]
fn whoever_has_no_header_is_closed_without_an_answer() {
    let check = |version: u8, bytes: &[u8], line: &str| {
        let server = start(version, "");
        let mut client = connect(&server, bytes);
        client.send("CONNECT v5 clean id=direct");
        client.expect_closed();
        server.expect_log(line);
        assert_eq!(server.count_log("New client connected*"), 0);
    };
    let rejected_1 = "Connection rejected, corrupt PROXY header.*";
    check(1, b"", rejected_1);
    check(1, b"PROXY TCP4 192.0.2.5\r\n", rejected_1);
    check(1, &header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4), rejected_1);
    let rejected_2 = "Connection from 127.0.0.1:* rejected, corrupt PROXY header.*";
    check(2, b"", rejected_2);
    check(2, LINE, rejected_2);
    check(2, &header(0x31, STREAM_OVER_IPV4, IPV4), rejected_2);
    let too_long = header(FROM_CLIENT, STREAM_OVER_IPV4, &[b'a'; 501]);
    check(2, &too_long, "Client (null) [(null):0] disconnected: bad socket read/write: Invalid input. (127.0.0.1:*");
    let odd_tlv = [IPV4, b"\x20\x00\x09abc"].concat();
    let rejected = "Connection from 192.0.2.5:6275 rejected, corrupt PROXY header.*";
    check(2, &header(FROM_CLIENT, STREAM_OVER_IPV4, &odd_tlv), rejected);
}

#[test]
fn the_time_for_a_connect_holds_for_the_header_too() {
    let server = start(2, "connect_timeout 1");
    let mut silent = Client::connect(server.address());
    let mut slow = connect(&server, &header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4)[..20]);
    silent.expect_closed();
    slow.expect_closed();
}

#[test]
fn what_the_proxy_must_have_seen() {
    let check = |lines: &str, header: &[u8], refusal: Option<&str>| {
        let server = start(2, lines);
        let mut client = connect(&server, header);
        client.send("CONNECT v5 clean id=c username=claimed");
        match refusal {
            None => {
                client.expect("CONNACK");
            }
            Some(cause) => {
                client.expect_closed();
                server.expect_log(&format!("Connection from 192.0.2.5:6275 rejected, {cause}."));
            }
        }
    };
    let plain = header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4);
    let no_tls = Some("client did not connect using TLS");
    check("proxy_protocol_v2_require_tls true", &plain, no_tls);
    check("proxy_protocol_v2_require_tls true", &header_with_tls(0, 0, &[]), no_tls);
    check("proxy_protocol_v2_require_tls true", &header_with_tls(TLS, 1, &[]), None);
    let no_certificate = Some("client did not provide a certificate");
    check("require_certificate true", &plain, no_certificate);
    check("require_certificate true", &header_with_tls(TLS, 0, &[]), no_certificate);
    check("require_certificate true", &header_with_tls(TLS | CERTIFICATE, 1, &[]), no_certificate);
    check("require_certificate true", &header_with_tls(TLS | CERTIFICATE, 0, &[]), None);
}

/// Each goes when the listener begins to demand what the proxy has not seen of it, on whatever shard it is.
#[test]
fn what_the_proxy_must_have_seen_counts_for_who_is_there() {
    let demands = ["", "proxy_protocol_v2_require_tls true\n", "require_certificate true\n"];
    let lines = |count: usize| format!("shards 3\nenable_proxy_protocol 2\n{}", demands[..count].concat());
    let server = Server::start(&lines(1));
    let welcomed = |id: &str, header: &[u8]| {
        let mut client = connect(&server, header);
        client.send(&format!("CONNECT v5 clean id={id}"));
        client.expect("CONNACK 0x00");
        client
    };
    let mut crowd: Vec<[Client; 3]> = (0..6)
        .map(|number| {
            let way = |way: &str| format!("{way}-{number}");
            let seen = |client| header_with_tls(client, 0, &[]);
            [
                welcomed(&way("plain"), &header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4)),
                welcomed(&way("encrypted"), &seen(TLS)),
                welcomed(&way("shown"), &seen(TLS | CERTIFICATE)),
            ]
        })
        .collect();
    for count in 1..=3 {
        server.reload_with(&lines(count));
        for clients in &mut crowd {
            let (gone, there) = clients.split_at_mut(count - 1);
            if let Some(client) = gone.last_mut() {
                client.expect("DISCONNECT 0x87");
                client.expect_closed();
            }
            for client in there {
                client.send("PINGREQ");
                client.expect("PINGRESP");
            }
        }
    }
}

#[test]
fn the_name_in_the_certificate_that_the_proxy_has_seen() {
    let lines = "use_identity_as_username true\nrequire_certificate true";
    let name = tlv(0x22, b"ann");
    let version = tlv(0x21, b"TLSv1.3");
    let cipher = tlv(0x23, b"TLS_AES_256_GCM_SHA384");
    let server = start(2, lines);
    let mut client = connect(&server, &header_with_tls(TLS | CERTIFICATE, 0, &[version.clone(), name.clone(), cipher]));
    client.send("CONNECT v5 clean id=c username=claimed");
    client.expect("CONNACK");
    server.expect_log("New client connected from 192.0.2.5:6275 as c (*, u'ann').");
    server.expect_log("Connection from 192.0.2.5:6275 negotiated TLSv1.3 cipher TLS_AES_256_GCM_SHA384");
    let mut nameless = connect(&server, &header_with_tls(TLS | CERTIFICATE, 0, &[version]));
    nameless.send("CONNECT v5 clean id=nameless username=claimed");
    nameless.expect("CONNACK 0x86");
    server.expect_log("Client nameless [192.0.2.5:6275] disconnected: not authorised.");
    // The name of a certificate that was not found good is nobody's.
    let server = start(2, "use_identity_as_username true");
    let mut client = connect(&server, &header_with_tls(TLS | CERTIFICATE, 1, &[name]));
    client.send("CONNECT v5 clean id=c username=claimed");
    client.expect("CONNACK 0x86");
}

/// Load balancers that hand TLS on put their header before it.
#[test]
fn tls_and_websocket_behind_the_header() {
    let (authority, folder) = (Authority::new("authority"), scratch_folder("proxy-tls"));
    let (certificate, key) = authority.server().write(&folder, "server");
    let files = format!("certfile {}\nkeyfile {}\n", certificate.display(), key.display());
    let header = header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4);
    for (websocket, number) in [("", 1), ("protocol websockets", 2)] {
        let lines = format!("enable_proxy_protocol 2\n{files}{websocket}");
        on_each_shard_count(&lines, |server| {
            let trust = Trust::new(&authority, Versions::Tls13, None);
            let mut client =
                Client::try_connect_tls_behind(server.address(), &header, &trust).expect("TLS behind the header");
            if !websocket.is_empty() {
                client.upgrade();
            }
            client.send(&format!("CONNECT v5 clean id=both-{number}"));
            client.expect("CONNACK");
            server.expect_log(&format!("New client connected from 192.0.2.5:6275 as both-{number} *"));
        });
    }
}

/// Whether somebody may speak for others depends on who he is, according to the header.
#[test]
fn forwarded_addresses_behind_the_header() {
    let server = start(2, "protocol websockets\nwebsockets_trusted_proxy 192.0.2.0/24");
    let header = header(FROM_CLIENT, STREAM_OVER_IPV4, IPV4);
    let other_header = [&header[..16], b"\xCB\x00\x71\x01", &header[20..]].concat();
    for (header, shown) in [(&header, "198.51.100.9:0"), (&other_header, "203.0.113.1:6275")] {
        let mut client = connect(&server, header);
        assert_eq!(client.ask_upgrade(&format!("{MQTT}X-Forwarded-For: 198.51.100.9\r\n")), UPGRADE_ANSWER);
        client.send_raw(&client_frame(0x82, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"));
        server.expect_log(&format!("New client connected from {shown} as x *"));
    }
}

#[test]
fn the_bound_on_connections_counts_those_behind_a_proxy() {
    let server = start(1, "max_connections 2");
    let clients: Vec<_> = (0..2)
        .map(|number| {
            let mut client = connect(&server, LINE);
            client.send(&format!("CONNECT v311 clean id=c{number}"));
            client.expect("CONNACK");
            client
        })
        .collect();
    connect(&server, LINE).expect_closed();
    server.expect_log("Client connection from 127.0.0.1 denied: max_connections exceeded.");
    for mut client in clients {
        client.send("DISCONNECT");
        client.expect_closed();
    }
    let mut client = connect(&server, LINE);
    client.send("CONNECT v311 clean id=later");
    client.expect("CONNACK");
}
