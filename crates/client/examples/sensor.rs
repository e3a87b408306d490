//! A sensor: publishes a temperature every second, and what it is doing as a retained message. Should it go without a word, the server says so
//! for it.
//!
//! `cargo run -p midge-client --example sensor -- localhost 1883 kitchen [READINGS]`

use std::error::Error;
use std::time::Duration;

use midge_client::{Client, Endpoint, Message, Options, PropertiesBuf, QoS, Version, Will};
use tokio::time::interval;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, name, rest @ ..] = &arguments[..] else {
        return Err("usage: sensor HOST PORT NAME [READINGS]".into());
    };
    let readings = rest.first().map_or(Ok(u32::MAX), |count| count.parse())?;
    let status = format!("sensors/{name}/status");
    let will = Will {
        topic: status.as_str().into(),
        payload: b"lost"[..].into(),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: PropertiesBuf::new(),
    };
    let options = Options { will: Some(will), ..Options::new(Version::V5, &format!("sensor-{name}")) };
    let (client, _incoming) = Client::connect(Endpoint::tcp(host, port.parse()?), options).await?;

    let say = |what: &'static [u8]| Message { retain: true, ..Message::new(&status, what, QoS::AtLeastOnce) };
    client.publish(&say(b"here")).await?.acknowledged().await?;
    let topic = format!("sensors/{name}/temperature");
    let mut clock = interval(Duration::from_secs(1));
    for reading in 0..readings {
        clock.tick().await;
        let celsius = 20.0 + f64::from(reading % 100) / 10.0;
        // It waits for the message to be taken over, not for the server: a reading is sent when there is a line again.
        let _delivery = client.publish(&Message::new(&topic, celsius.to_string().as_bytes(), QoS::AtLeastOnce)).await?;
    }
    client.publish(&say(b"off")).await?.acknowledged().await?;
    client.close().await;
    Ok(())
}
