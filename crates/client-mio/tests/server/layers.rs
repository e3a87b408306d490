//! What lies between a socket and MQTT: TLS, WebSocket, a proxy, and all of them at once.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use midge_client_core::{Client, Message};
use midge_client_transport::{Connector, ConnectorOptions, Endpoint, Proxy, WebSocket};
use midge_codec::{QoS, Version};
use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::Authority;
use midge_testkit::{PATIENCE, Server};

use crate::world::{Told, World, once, options};

/// A server with listeners of each kind.
struct Listeners {
    _server: Server,
    cafile: PathBuf,
    tls: u16,
    websocket: u16,
    secure_websocket: u16,
}

impl Listeners {
    fn start(name: &str) -> Listeners {
        let folder = scratch_folder(&format!("client-mio-{name}"));
        let authority = Authority::new("ca");
        let (certificate, key) = authority.server().write(&folder, "server");
        let cafile = folder.join("ca.pem");
        std::fs::write(&cafile, authority.certificate()).expect("written");
        let [tls, websocket, secure_websocket] = [free_port(), free_port(), free_port()];
        let files = format!("certfile {}\nkeyfile {}", certificate.display(), key.display());
        let server = Server::start(&format!(
            "listener {tls} 127.0.0.1\n{files}\nlistener {websocket} 127.0.0.1\nprotocol websockets\n\
             listener {secure_websocket} 127.0.0.1\nprotocol websockets\n{files}\n"
        ));
        // It is said to accept as soon as the first of them does.
        let deadline = Instant::now() + PATIENCE;
        for port in [tls, websocket, secure_websocket] {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                assert!(Instant::now() < deadline, "no listener on port {port}");
                thread::sleep(Duration::from_millis(5));
            }
        }
        Listeners { _server: server, cafile, tls, websocket, secure_websocket }
    }

    fn connector(&self) -> Connector {
        let options = ConnectorOptions { cafile: Some(self.cafile.clone()), ..ConnectorOptions::default() };
        Connector::open(&options).expect("a connector")
    }

    fn tls(&self, host: &str) -> Endpoint {
        Endpoint { tls: Some(self.connector()), ..Endpoint::tcp(host, self.tls) }
    }

    fn websocket(&self) -> Endpoint {
        with_websocket(Endpoint::tcp("localhost", self.websocket))
    }

    fn secure_websocket(&self) -> Endpoint {
        let endpoint = Endpoint::tcp("127.0.0.1", self.secure_websocket);
        with_websocket(Endpoint { tls: Some(self.connector()), ..endpoint })
    }
}

/// Messages go round, small and large, and the end is polite.
fn exchange(endpoint: Endpoint) {
    let mut world = World::new();
    let id = world.connect_to(endpoint, options(Version::V5, "c"));
    world.subscribe(id, "t");
    let large: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let payloads = [b"before", &large[..], b"behind"];
    for payload in payloads {
        world.driver.publish(id, &Message::new("t", payload, QoS::ExactlyOnce)).expect("room");
    }
    world.until(|told| told.iter().filter(|told| matches!(told, Told::Message(..))).count() == 3);
    assert!(world.payloads() == payloads);
    world.leave(id);
    assert!(!world.told.iter().any(|told| matches!(told, Told::Failed(_))), "a polite end");
}

#[test]
fn messages_go_round_through_every_layer() {
    let listeners = Listeners::start("layers");
    exchange(listeners.tls("localhost"));
    exchange(listeners.tls("127.0.0.1"));
    exchange(listeners.websocket());
    exchange(listeners.secure_websocket());
    let proxy = start_proxy();
    exchange(Endpoint { proxy: Some(proxy.clone()), ..listeners.websocket() });
    exchange(Endpoint { proxy: Some(proxy), ..listeners.secure_websocket() });
}

fn with_websocket(endpoint: Endpoint) -> Endpoint {
    Endpoint { websocket: Some(WebSocket::default()), ..endpoint }
}

#[test]
fn what_fails_in_a_layer_is_said_with_a_remedy() {
    let listeners = Listeners::start("failures");
    let check = |endpoint: Endpoint, sentence: &str| {
        let mut world = World::new();
        let id = world.driver.add(Client::new(once()), endpoint);
        world.until_over(id);
        let [Told::Failed(told), Told::Disconnected(..)] = &world.told[..] else { panic!("{:?}", world.told) };
        assert!(told.starts_with(sentence), "{told}");
    };
    let strangers = scratch_folder("client-mio-strangers").join("ca.pem");
    std::fs::write(&strangers, Authority::new("other").certificate()).expect("written");
    let trusting = ConnectorOptions { cafile: Some(strangers), ..ConnectorOptions::default() };
    let stranger = Endpoint { tls: Connector::open(&trusting).ok(), ..listeners.tls("localhost") };
    check(stranger, "the certificate of localhost is of an issuer that is not trusted: name the file");
    let silent = Endpoint { tls: Some(listeners.connector()), ..Endpoint::tcp("localhost", listeners.websocket) };
    check(silent, "the server has closed the connection instead of an answer: check the port");
    let other = Endpoint { tls: Some(listeners.connector()), ..Endpoint::tcp("127.0.0.1", start_other()) };
    check(other, "127.0.0.1 does not speak TLS on this port: check the port");
    let over_http = with_websocket(Endpoint::tcp("localhost", listeners.tls));
    check(over_http, "the server does not switch to WebSocket (the answer is no HTTP): check the port");
    let path = WebSocket { path: "no slash".into(), ..WebSocket::default() };
    check(Endpoint { websocket: Some(path), ..listeners.websocket() }, "the path for WebSocket begins with a slash");
    let nobody = Endpoint { proxy: Some(start_proxy()), ..Endpoint::tcp("127.0.0.1", free_port()) };
    check(nobody, "the proxy says that the server refuses connections");
}

#[test]
fn who_does_not_finish_a_handshake_is_waited_for_no_longer_than_was_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let silent = Endpoint { timeout_ms: 50, ..with_websocket(Endpoint::tcp("127.0.0.1", port)) };
    let mut world = World::new();
    let id = world.driver.add(Client::new(once()), silent);
    world.until_over(id);
    let [Told::Failed(told), Told::Disconnected(..)] = &world.told[..] else { panic!("{:?}", world.told) };
    assert!(told.starts_with(&format!("127.0.0.1:{port} does not answer")), "{told}");
}

/// A server of something else, that says who it is.
fn start_other() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let mut streams: Vec<_> = listener.incoming().flatten().take(1).collect();
        streams.iter_mut().for_each(|stream| drop(stream.write_all(b"SSH-2.0-OpenSSH\r\n")));
        let _ = streams[0].read(&mut [0; 1000]);
    });
    port
}

/// A proxy without login, for as long as the test.
fn start_proxy() -> Proxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(&stream));
        }
    });
    Proxy { host: "127.0.0.1".into(), port, login: None }
}

fn serve(mut client: &TcpStream) -> io::Result<()> {
    let mut greeting = [0; 3];
    client.read_exact(&mut greeting)?;
    client.write_all(&[5, 0])?;
    let mut head = [0; 4];
    client.read_exact(&mut head)?;
    let host = match head[3] {
        1 => {
            let mut ip = [0; 4];
            client.read_exact(&mut ip)?;
            Ipv4Addr::from(ip).to_string()
        }
        _ => {
            let mut length = [0];
            client.read_exact(&mut length)?;
            let mut name = vec![0; length[0].into()];
            client.read_exact(&mut name)?;
            String::from_utf8(name).map_err(io::Error::other)?
        }
    };
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    let Ok(server) = TcpStream::connect((&*host, u16::from_be_bytes(port))) else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    thread::scope(|scope| {
        scope.spawn(|| pass(client, &server));
        pass(&server, client);
    });
    Ok(())
}

fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
