//! A gateway at the end of a bad line: each line of standard input is a message, and once it says `kept` it will be delivered, whatever
//! happens to the line, to the server, or to this program.
//!
//! `cargo run -p midge-client --example offline_gateway -- localhost:1883 /var/lib/gateway < readings.txt`

use std::error::Error;
use std::io::{self, BufRead};
use std::path::Path;
use std::thread;

use midge_client::{Client, Endpoint, Incident, Incoming, Message, Options, Outbox, QoS, Version};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [host, port, folder] = arguments().ok_or("usage: offline_gateway HOST:PORT FOLDER")?;
    let options = Options {
        clean_start: false,
        // The server keeps the session for a week while the line is down.
        session_expiry_interval_s: 7 * 24 * 3_600,
        ..Options::new(Version::V5, "gateway")
    };
    let outbox = Outbox::open(Path::new(&folder))?;
    let endpoint = Endpoint::tcp(&host, port.parse()?);
    let (client, incoming) = Client::start_with_outbox(endpoint, options, outbox)?;
    tokio::spawn(tell(incoming));

    let mut lines = read_lines();
    while let Some(line) = lines.recv().await {
        let reading = Message::new("gateway/readings", line.as_bytes(), QoS::ExactlyOnce);
        // It waits here until the message is on the disk; whether it has been delivered is of no interest.
        let _delivery = client.publish(&reading).await?;
        println!("kept {line}");
    }
    client.close().await;
    Ok(())
}

/// Says what happens to the line.
async fn tell(mut incoming: Incoming) {
    while let Some(incident) = incoming.next().await {
        match incident {
            Incident::Connected { .. } => eprintln!("connected"),
            Incident::Failed(failure) => eprintln!("{failure}"),
            Incident::OutboxFailed(why) => eprintln!("{why}"),
            _ => {}
        }
    }
}

fn read_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn arguments() -> Option<[String; 3]> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next()?;
    let (host, port) = address.rsplit_once(':')?;
    Some([host.to_owned(), port.to_owned(), arguments.next()?])
}
