//! A client with rumqttc, which most programs in Rust use; what it says and does is told in `tests/foreign_clients.rs`.

use std::time::Duration;

use rumqttc::{Client, Connection, Event, LastWill, MqttOptions, Outgoing, Packet, QoS};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, port, name, from, count] = &arguments[..] else {
        return Err("say: ROLE PORT NAME FROM COUNT".into());
    };
    let (from, count): (usize, usize) = (from.parse()?, count.parse()?);
    let mut options = MqttOptions::new(name, "127.0.0.1", port.parse()?);
    options.set_clean_session(false).set_keep_alive(Duration::from_secs(30));
    if role == "publish" {
        options.set_last_will(LastWill::new("clients/will", "gone", QoS::AtLeastOnce, false));
        let (client, connection) = Client::new(options, from + count + 1);
        publish(&client, connection, from, count)
    } else {
        let (client, connection) = Client::new(options, count + 1);
        subscribe(&client, connection, count)
    }
}

/// Publishes the numbers, and stays until it is killed.
fn publish(
    client: &Client,
    mut connection: Connection,
    from: usize,
    count: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    for number in from..from + count {
        client.publish("clients/readings", QoS::ExactlyOnce, false, number.to_string())?;
    }
    let mut completed = 0;
    for event in connection.iter() {
        match event? {
            Event::Incoming(Packet::ConnAck(connack)) => println!("connected {}", u8::from(connack.session_present)),
            Event::Incoming(Packet::PubComp(_)) => completed += 1,
            _ => continue,
        }
        if completed == count {
            println!("published");
            // Once.
            completed += 1;
        }
    }
    Ok(())
}

/// Prints so many messages, and takes its leave.
fn subscribe(client: &Client, mut connection: Connection, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    client.subscribe("clients/#", QoS::ExactlyOnce)?;
    let mut completed = 0;
    for event in connection.iter() {
        match event? {
            Event::Incoming(Packet::ConnAck(connack)) => println!("connected {}", u8::from(connack.session_present)),
            Event::Incoming(Packet::Publish(publish)) => {
                let payload = String::from_utf8_lossy(&publish.payload);
                println!("{} {} {payload}", publish.topic, publish.qos as u8);
            }
            // Not before the last exchange is over: the next process would know nothing of it.
            Event::Outgoing(Outgoing::PubAck(_) | Outgoing::PubComp(_)) => {
                completed += 1;
                if completed == count {
                    client.disconnect()?;
                }
            }
            Event::Outgoing(Outgoing::Disconnect) => break,
            _ => {}
        }
    }
    Ok(())
}
