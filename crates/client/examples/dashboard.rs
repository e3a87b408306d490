//! A dashboard: prints what sensors say, each kind from a stream of its own, and what happens to the connection.
//!
//! `cargo run -p midge-client --example dashboard -- localhost 1883 [LINES]`

use std::error::Error;

use midge_client::{Client, Endpoint, Incident, Options, QoS, Received, Version};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, rest @ ..] = &arguments[..] else { return Err("usage: dashboard HOST PORT [LINES]".into()) };
    let lines = rest.first().map_or(Ok(u32::MAX), |count| count.parse())?;
    let options = Options::new(Version::V5, "dashboard");
    let (client, mut incidents) = Client::connect(Endpoint::tcp(host, port.parse()?), options).await?;
    let mut temperatures = client.subscribe("sensors/+/temperature", QoS::AtLeastOnce).await?;
    let mut states = client.subscribe("sensors/+/status", QoS::AtLeastOnce).await?;
    println!("ready");

    let mut shown = 0;
    while shown < lines {
        tokio::select! {
            Some(message) = temperatures.next() => println!("{} °C: {}", text(message), sensor(message)),
            Some(message) = states.next() => println!("{}: {}", text(message), sensor(message)),
            Some(incident) = incidents.next() => {
                tell(&incident);
                continue;
            }
            else => break,
        }
        shown += 1;
    }
    client.close().await;
    Ok(())
}

/// The second level of its topic.
fn sensor(message: Received<'_>) -> &str {
    message.topic.split('/').nth(1).unwrap_or_default()
}

fn text(message: Received<'_>) -> String {
    String::from_utf8_lossy(message.payload).into_owned()
}

fn tell(incident: &Incident<'_>) {
    match incident {
        Incident::Failed(failure) => eprintln!("{failure}"),
        Incident::Connected { .. } => eprintln!("connected again"),
        _ => {}
    }
}
