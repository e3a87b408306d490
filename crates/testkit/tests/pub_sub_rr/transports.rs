//! The ways to a server: TLS, WebSocket, Unix sockets, a proxy.

use std::fs;
use std::path::PathBuf;

use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::Authority;
use midge_testkit::{Server, socks5};

use crate::tool::{check, fails, tool};

/// A server that listens in every way, and a folder with certificates.
struct Listeners {
    _server: Server,
    folder: PathBuf,
    plain: u16,
    tls: u16,
    for_known: u16,
    elsewhere: u16,
    websocket: u16,
    secure_websocket: u16,
}

impl Listeners {
    fn start(name: &str) -> Listeners {
        let folder = scratch_folder(&format!("pub-sub-rr-{name}"));
        let authority = Authority::new("ca");
        let (certificate, key) = authority.server().write(&folder, "server");
        authority.client("ada").write(&folder, "ada");
        fs::write(folder.join("ca.pem"), authority.certificate()).expect("written");
        fs::write(folder.join("other.pem"), Authority::new("other").certificate()).expect("written");
        let (other_certificate, other_key) =
            authority.issue("elsewhere", &["elsewhere"], |_| ()).write(&folder, "elsewhere");
        let [tls, for_known, elsewhere, websocket, secure_websocket] = std::array::from_fn(|_| free_port());
        let files = format!("certfile {}\nkeyfile {}", certificate.display(), key.display());
        let server = Server::start(&format!(
            "listener {tls} 127.0.0.1\n{files}\n\
             listener {for_known} 127.0.0.1\n{files}\ncafile {}\nrequire_certificate true\n\
             listener {elsewhere} 127.0.0.1\ncertfile {}\nkeyfile {}\n\
             listener {websocket} 127.0.0.1\nprotocol websockets\n\
             listener {secure_websocket} 127.0.0.1\nprotocol websockets\n{files}\n\
             listener 0 {}\n",
            folder.join("ca.pem").display(),
            other_certificate.display(),
            other_key.display(),
            folder.join("sock").display(),
        ));
        // The other ports are opened after the one that was waited for.
        server.expect_log("* running");
        let plain = server.port();
        Listeners { _server: server, folder, plain, tls, for_known, elsewhere, websocket, secure_websocket }
    }

    /// A message goes that way, and comes that way.
    #[track_caller]
    fn works(&self, flags: &str) {
        for line in [format!("pub -t way -m there -r -q 1 {flags}"), format!("sub -t way -C 1 -q 1 {flags}")] {
            let mut command = tool(&line);
            command.current_dir(&self.folder);
            check(command, if line.starts_with("sub") { "there\n" } else { "" });
        }
    }

    #[track_caller]
    fn fails(&self, flags: &str, said: &str) {
        let mut command = tool(&format!("pub -t way -m there -q 1 {flags}"));
        command.current_dir(&self.folder);
        fails(command, said, 1);
    }
}

#[test]
fn messages_go_every_way() {
    let listeners = Listeners::start("ways");
    let Listeners { tls, for_known, websocket, secure_websocket, .. } = &listeners;
    listeners.works(&format!("-h localhost -p {tls} --cafile ca.pem"));
    listeners.works(&format!("-h 127.0.0.1 -p {tls} --cafile ca.pem --tls-version tlsv1.3"));
    listeners.works(&format!("-p {tls} --cafile ca.pem --ciphers ECDHE-ECDSA-AES256-GCM-SHA384 --tls-keylog keys"));
    listeners.works(&format!("-p {for_known} --cafile ca.pem --cert ada.pem --key ada.key"));
    listeners.works(&format!("-p {websocket} --ws"));
    listeners.works(&format!("-L ws://localhost:{websocket}/way"));
    listeners.works(&format!("-p {secure_websocket} --ws --cafile ca.pem -V 5"));
    listeners.works("--unix sock");
    let keys = fs::read_to_string(listeners.folder.join("keys")).expect("it was written");
    assert!(keys.contains("CLIENT_HANDSHAKE_TRAFFIC_SECRET "), "{keys}");
}

#[test]
fn who_is_not_trusted_is_named() {
    let listeners = Listeners::start("trust");
    let Listeners { plain, tls, for_known, elsewhere, .. } = &listeners;
    let unknown = "is of an issuer that is not trusted";
    listeners.fails(&format!("-p {tls} --cafile other.pem"), unknown);
    listeners.fails(&format!("-p {tls} --cafile other.pem --insecure"), unknown);
    listeners.fails(&format!("-p {tls} --tls-use-os-certs"), "Error: ");
    listeners.fails(&format!("-p {plain} --cafile ca.pem"), "Error: ");
    listeners.fails(&format!("-p {for_known} --cafile ca.pem"), "Error: ");
    listeners.fails(&format!("-p {elsewhere} --cafile ca.pem"), "Error: ");
    listeners.works(&format!("-p {elsewhere} --cafile ca.pem --insecure"));
}

#[test]
fn a_proxy_leads_to_the_server() {
    let listeners = Listeners::start("proxy");
    let proxy = socks5::start("us@er", "pass:word");
    listeners.works(&format!("-p {} --proxy socks5h://us%40er:pass%3Aword@127.0.0.1:{proxy}", listeners.plain));
    listeners.works(&format!(
        "-p {} --cafile ca.pem --proxy socks5h://us%40er:pass%3Aword@localhost:{proxy}",
        listeners.tls
    ));
    listeners.fails(
        &format!("-p {} --proxy socks5h://us%40er:wrong@127.0.0.1:{proxy}", listeners.plain),
        "Error: the proxy ",
    );
}
