//! Request and response: one client answers questions, another asks them.
//!
//! `cargo run -p midge-client --example request_response -- localhost 1883`

use std::error::Error;
use std::time::Duration;

use midge_client::{Client, Endpoint, Message, Options, QoS, Subscription, Version};
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port] = &arguments[..] else { return Err("usage: request_response HOST PORT".into()) };
    let endpoint = Endpoint::tcp(host, port.parse()?);

    let (answering, _incoming) = Client::connect(endpoint.clone(), Options::new(Version::V5, "answering")).await?;
    let requests = answering.subscribe("squares/of", QoS::AtLeastOnce).await?;
    tokio::spawn(answer(answering, requests));

    let (asking, _incoming) = Client::connect(endpoint, Options::new(Version::V5, "asking")).await?;
    asking.accept_responses("squares/answers/asking").await?;
    for number in 1..=3 {
        let request = number.to_string();
        let request = Message::new("squares/of", request.as_bytes(), QoS::AtLeastOnce);
        let response = timeout(Duration::from_secs(5), asking.request(&request)).await??;
        println!("{number} squared is {}", String::from_utf8_lossy(&response.payload));
    }
    asking.close().await;
    Ok(())
}

/// Answers requests for as long as there are any. That it publishes while more of them wait is no danger.
async fn answer(client: Client, mut requests: Subscription) {
    while let Some(request) = requests.next().await {
        let number: Option<i64> = str::from_utf8(request.payload).ok().and_then(|text| text.parse().ok());
        let answer = number.map_or("no number".to_owned(), |number| (number * number).to_string());
        if let Err(error) = client.respond(request, answer.as_bytes()).await {
            eprintln!("{error}");
        }
    }
}
