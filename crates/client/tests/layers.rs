//! What lies between a socket and MQTT, on tokio.

use std::sync::Arc;
use std::time::{Duration, Instant};

use midge_client::{
    Client, ConnectError, Connector, ConnectorOptions, Endpoint, Failure, Message, Options, QoS, Version, WebSocket,
};
use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::Authority;
use midge_testkit::{PATIENCE, Server};
use tokio::time::{sleep, timeout};

/// Messages go round, small and large, and the end is polite.
async fn exchange(endpoint: Endpoint) {
    let (client, _incoming) = connect(endpoint).await.expect("a connection");
    let mut messages = client.subscribe("t", QoS::ExactlyOnce).await.expect("a subscription");
    let large: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let payloads = [b"before", &large[..], b"behind"];
    for payload in payloads {
        let _sent = client.publish(&Message::new("t", payload, QoS::ExactlyOnce)).await.expect("room");
    }
    for payload in payloads {
        let message = timeout(PATIENCE, messages.next()).await.expect("a message in time").expect("a message");
        assert!(message.payload == payload);
    }
    timeout(PATIENCE, client.close()).await.expect("an end in time");
}

/// The first connection; a listener may come a little later than the first of its server.
async fn connect(endpoint: Endpoint) -> Result<(Client, midge_client::Incoming), ConnectError> {
    let (endpoint, deadline) = (Arc::new(endpoint), Instant::now() + PATIENCE);
    loop {
        let connecting = Client::connect(Arc::clone(&endpoint), Options::new(Version::V5, "c"));
        match timeout(PATIENCE, connecting).await.expect("an outcome in time") {
            Err(ConnectError::Failed(failure))
                if matches!(*failure, Failure::Connect { .. }) && Instant::now() < deadline =>
            {
                sleep(Duration::from_millis(10)).await;
            }
            outcome => return outcome,
        }
    }
}

#[tokio::test]
async fn messages_go_round_through_every_layer() {
    let folder = scratch_folder("client-layers");
    let authority = Authority::new("ca");
    let (certificate, key) = authority.server().write(&folder, "server");
    let cafile = folder.join("ca.pem");
    std::fs::write(&cafile, authority.certificate()).expect("written");
    let path = folder.join("m.sock");
    let [tls, websocket, both] = [free_port(), free_port(), free_port()];
    let files = format!("certfile {}\nkeyfile {}", certificate.display(), key.display());
    let _server = Server::start(&format!(
        "listener {tls} 127.0.0.1\n{files}\nlistener {websocket} 127.0.0.1\nprotocol websockets\n\
         listener {both} 127.0.0.1\nprotocol websockets\n{files}\nlistener 0 {}\n",
        path.display()
    ));
    let options = ConnectorOptions { cafile: Some(cafile), ..ConnectorOptions::default() };
    let connector = Some(Connector::open(&options).expect("a connector"));
    let frames = Some(WebSocket::default());
    exchange(Endpoint::unix(&path)).await;
    exchange(Endpoint { tls: connector.clone(), ..Endpoint::tcp("localhost", tls) }).await;
    exchange(Endpoint { websocket: frames.clone(), ..Endpoint::tcp("localhost", websocket) }).await;
    exchange(Endpoint { tls: connector, websocket: frames, ..Endpoint::tcp("localhost", both) }).await;
    let stranger =
        Endpoint { tls: Connector::open(&ConnectorOptions::default()).ok(), ..Endpoint::tcp("localhost", tls) };
    if stranger.tls.is_some() {
        let error = connect(stranger).await.err().expect("nobody vouches for it").to_string();
        assert!(error.starts_with("the certificate of localhost is of an issuer that is not trusted"), "{error}");
    }
}
