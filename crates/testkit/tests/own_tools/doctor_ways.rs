//! `doctor` on ways with layers: WebSocket, encrypted and not, and a SOCKS5 proxy.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::Authority;
use midge_testkit::{Server, socks5};

use crate::doctor::check;
use crate::tool::tool;

/// A server that speaks MQTT over TCP and over WebSocket, and its authority's certificate in a folder.
struct Listeners {
    server: Server,
    folder: PathBuf,
    websocket: u16,
    secure_websocket: u16,
}

impl Listeners {
    fn start(test: &str) -> Listeners {
        let folder = scratch_folder(test);
        let authority = Authority::new("ca");
        let (certificate, key) = authority.server().write(&folder, "server");
        fs::write(folder.join("ca.pem"), authority.certificate()).expect("written");
        fs::write(folder.join("other.pem"), Authority::new("other").certificate()).expect("written");
        let [websocket, secure_websocket] = std::array::from_fn(|_| free_port());
        let server = Server::start(&format!(
            "listener {websocket} 127.0.0.1\nprotocol websockets\n\
             listener {secure_websocket} 127.0.0.1\nprotocol websockets\ncertfile {}\nkeyfile {}\n",
            certificate.display(),
            key.display(),
        ));
        // The other ports are opened after the one that was waited for.
        server.expect_log("* running");
        Listeners { server, folder, websocket, secure_websocket }
    }

    fn doctor(&self, port: u16, flags: &str) -> Command {
        let mut command = tool(&format!("doctor -h 127.0.0.1 -p {port} {flags}"));
        command.current_dir(&self.folder);
        command
    }
}

/// What is said of a way, and of a server that is well.
fn well(way: &[&'static str]) -> Vec<&'static str> {
    let server = [
        "ok CONNECT MQTT 5",
        "ok subscribe to midge- QoS 2",
        "ok publish to midge-",
        "ok round trip QoS 1",
        "ok round trip QoS 0",
        "ok round trip QoS 2",
        "All is well.",
    ];
    [way, &server].concat()
}

/// What is said of a way that ends.
fn ill(way: &[&'static str]) -> Vec<&'static str> {
    [way, &["It does not work. Problems: 1."]].concat()
}

#[test]
fn websocket_is_looked_at() {
    let listeners = Listeners::start("doctor-websocket");
    let Listeners { websocket, secure_websocket, .. } = listeners;
    let way = [TCP, "ok WebSocket the server speaks MQTT at /mqtt"];
    check(listeners.doctor(websocket, "--ws"), &well(&way), 0);
    let way = [
        TCP,
        "ok TLS TLSv1_3, TLS13_*",
        "ok certificate for localhost*",
        "ok expiry the chain of certificates expires in * days",
        "ok WebSocket the server speaks MQTT at /mqtt",
    ];
    check(listeners.doctor(secure_websocket, "--ws --cafile ca.pem"), &well(&way), 0);
    let no_websocket = "FAIL WebSocket the server has closed the connection instead of switching to WebSocket: check that the \
                        port is for that.";
    check(listeners.doctor(listeners.server.port(), "--ws"), &ill(&[TCP, no_websocket]), 1);
    let unknown = "FAIL TLS the certificate of 127.0.0.1 is of an issuer that is not trusted*";
    check(listeners.doctor(secure_websocket, "--ws --cafile other.pem"), &ill(&[TCP, unknown]), 1);
    let without = "FAIL CONNECT the server has closed the connection without an answer: *WebSocket*";
    check(listeners.doctor(websocket, ""), &ill(&[TCP, without]), 1);
}

#[test]
fn a_proxy_is_looked_at() {
    let listeners = Listeners::start("doctor-proxy");
    let Listeners { secure_websocket, .. } = listeners;
    let plain = listeners.server.port();
    let proxy = format!("127.0.0.1:{}", socks5::start("ada", "secret"));
    let doctor =
        |port, login: &str, flags: &str| listeners.doctor(port, &format!("--proxy socks5h://{login}@{proxy} {flags}"));
    let connected = "ok proxy 127.0.0.1:* has connected us to 127.0.0.1:*";
    check(doctor(plain, "ada:secret", ""), &well(&[PROXY, connected]), 0);
    let way = [
        PROXY,
        connected,
        "ok TLS TLSv1_3, TLS13_*",
        "ok certificate for localhost*",
        "ok expiry *",
        "ok WebSocket the server speaks MQTT at /mqtt",
    ];
    check(doctor(secure_websocket, "ada:secret", "--ws --cafile ca.pem"), &well(&way), 0);
    let unknown = "FAIL proxy the proxy does not know this user name with this password.";
    check(doctor(plain, "ada:wrong", ""), &ill(&[PROXY, unknown]), 1);
    let nobody =
        "FAIL proxy the proxy says that the server refuses connections: check the port, and whether the server runs.";
    check(doctor(free_port(), "ada:secret", ""), &ill(&[PROXY, nobody]), 1);
    let no_proxy = listeners.doctor(plain, &format!("--proxy socks5h://127.0.0.1:{}", free_port()));
    check(
        no_proxy,
        &ill(&["FAIL proxy 127.0.0.1:* refuses connections: check the port, and whether the server runs."]),
        1,
    );
}

const TCP: &str = "ok TCP 127.0.0.1:* accepts connections";
const PROXY: &str = "ok proxy 127.0.0.1:* accepts connections";
