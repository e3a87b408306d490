//! A program that goes on with a Session which the server has kept: what waited in it comes before the program could subscribe.

use midge_client::{
    Acknowledge, Client, Endpoint, Incident, Message, Options, Outbox, QoS, ReasonCode, Received, Reconnect,
    Subscription, Version,
};
use midge_testkit::environment::scratch_folder;
use midge_testkit::{PATIENCE, Server};
use tokio::time::timeout;

fn options(version: Version, client_id: &str) -> Options {
    let reconnect = Some(Reconnect { least_ms: 20, most_ms: 50 });
    Options { reconnect, clean_start: false, session_expiry_interval_s: 1_000, ..Options::new(version, client_id) }
}

fn endpoint(server: &Server) -> Endpoint {
    Endpoint::tcp("127.0.0.1", server.port())
}

/// A program that does not listen to what happens besides.
async fn connect(server: &Server, options: Options) -> Client {
    let (client, _) = timeout(PATIENCE, Client::connect(endpoint(server), options))
        .await
        .expect("an outcome in time")
        .expect("a connection");
    client
}

/// Leaves a Session with these Subscriptions behind.
async fn leave_session(server: &Server, options: Options, filters: &[&str]) {
    let client = connect(server, options).await;
    for filter in filters {
        subscribe(&client, filter).await;
    }
    timeout(PATIENCE, client.close()).await.expect("an end in time");
}

async fn publish(client: &Client, topic: &str, payload: usize, qos: QoS) {
    let payload = payload.to_string();
    let message = Message::new(topic, payload.as_bytes(), qos);
    let published = async { client.publish(&message).await?.acknowledged().await };
    timeout(PATIENCE, published).await.expect("an end in time").expect("success");
}

/// The server answers this behind what waited, as far as it had sent that.
async fn round_trip(client: &Client) {
    publish(client, "nobody", 0, QoS::AtLeastOnce).await;
}

async fn subscribe(client: &Client, filter: &str) -> Subscription {
    timeout(PATIENCE, client.subscribe(filter, QoS::ExactlyOnce)).await.expect("an answer in time").expect("success")
}

async fn next(messages: &mut Subscription) -> Received<'_> {
    timeout(PATIENCE, messages.next()).await.expect("a message in time").expect("a message")
}

async fn expect_numbers(messages: &mut Subscription, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        assert_eq!(String::from_utf8_lossy(next(messages).await.payload), number.to_string());
    }
}

/// With more than the server has under way at a time, most comes after SUBACK.
const WAITING: usize = 50;

#[tokio::test]
async fn what_waited_comes_to_the_first_subscription_before_what_is_newer() {
    let server = Server::start("");
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    for version in Version::ALL {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            leave_session(&server, options(version, "c"), &["u/#", "t/+"]).await;
            for number in 0..WAITING {
                publish(&publisher, ["t/1", "u/1"][number % 2], number, qos).await;
            }
            let client = connect(&server, options(version, "c")).await;
            round_trip(&client).await;
            let mut messages = subscribe(&client, "t/+").await;
            publish(&publisher, "t/2", WAITING, qos).await;
            let mut others = subscribe(&client, "u/1").await;
            // Acknowledgements leave in the order of the messages, so both have to be read.
            tokio::join!(
                expect_numbers(&mut messages, (0..=WAITING).step_by(2)),
                expect_numbers(&mut others, (1..WAITING).step_by(2))
            );
            assert_eq!(client.discarded(), 0);
            for filter in ["u/#", "u/1", "t/+"] {
                client.unsubscribe(filter).await.expect("success");
            }
            timeout(PATIENCE, client.close()).await.expect("an end in time");
        }
    }
}

#[tokio::test]
async fn what_stood_unread_when_nobody_listened_any_more_waits_too() {
    let server = Server::start("");
    leave_session(&server, options(Version::V5, "c"), &["t/+"]).await;
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    for number in 0..10 {
        publish(&publisher, "t/1", number, QoS::AtLeastOnce).await;
    }
    let (client, mut incoming) = Client::connect(endpoint(&server), options(Version::V5, "c")).await.expect("a server");
    round_trip(&client).await;
    for number in 0..3 {
        let Some(Incident::Message(message)) = incoming.next().await else { panic!("no message") };
        assert_eq!(message.payload, number.to_string().as_bytes());
    }
    drop(incoming);
    expect_numbers(&mut subscribe(&client, "t/+").await, 3..10).await;
}

#[tokio::test]
async fn what_stood_unread_comes_to_a_stream_that_is_there_already() {
    let server = Server::start("");
    leave_session(&server, options(Version::V311, "c"), &["t/+"]).await;
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    for number in 0..10 {
        publish(&publisher, "t/1", number, QoS::AtLeastOnce).await;
    }
    let (client, incoming) = Client::connect(endpoint(&server), options(Version::V311, "c")).await.expect("a server");
    round_trip(&client).await;
    let mut messages = subscribe(&client, "t/+").await;
    drop(incoming);
    expect_numbers(&mut messages, 0..10).await;
}

#[tokio::test]
async fn a_subscription_that_was_given_up_at_once_leaves_its_messages_to_others() {
    let server = Server::start("");
    leave_session(&server, options(Version::V5, "c"), &["t/+"]).await;
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    for number in 0..WAITING {
        publish(&publisher, "t/1", number, QoS::AtLeastOnce).await;
    }
    let client = connect(&server, options(Version::V5, "c")).await;
    tokio::select! {
        biased;
        _ = client.subscribe("t/+", QoS::AtLeastOnce) => panic!("an answer before it was asked"),
        () = std::future::ready(()) => {}
    }
    expect_numbers(&mut subscribe(&client, "t/#").await, 0..WAITING).await;
}

#[tokio::test]
async fn what_is_held_when_the_program_leaves_waits_for_the_next_one() {
    let server = Server::start("");
    leave_session(&server, options(Version::V5, "c"), &["t/+"]).await;
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publish(&publisher, "t/1", qos as usize, qos).await;
    }
    for _ in 0..2 {
        let client = connect(&server, options(Version::V5, "c")).await;
        round_trip(&client).await;
        timeout(PATIENCE, client.close()).await.expect("an end in time");
    }
    let folder = scratch_folder("client-resumed-outbox");
    for _ in 0..2 {
        let outbox = Outbox::open(&folder).expect("free");
        let (client, _) =
            Client::start_with_outbox(endpoint(&server), options(Version::V5, "c"), outbox).expect("it suits");
        round_trip(&client).await;
        timeout(PATIENCE, client.close()).await.expect("an end in time");
    }
    let outbox = Outbox::open(&folder).expect("free");
    let (client, _) =
        Client::start_with_outbox(endpoint(&server), options(Version::V5, "c"), outbox).expect("it suits");
    round_trip(&client).await;
    expect_numbers(&mut subscribe(&client, "t/+").await, [1, 2]).await;
    timeout(PATIENCE, client.close()).await.expect("an end in time");
}

#[tokio::test]
async fn a_connection_that_is_lost_meanwhile_neither_loses_nor_doubles_what_is_held() {
    let mut server = Server::start("persistence true\n");
    leave_session(&server, options(Version::V5, "c"), &["t/+", "u"]).await;
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    for number in 0..6 {
        publish(&publisher, "t/1", number, [QoS::AtLeastOnce, QoS::ExactlyOnce][number / 3]).await;
    }
    let client = connect(&server, options(Version::V5, "c")).await;
    round_trip(&client).await;
    server.kill();
    server.restart();
    round_trip(&client).await;
    let mut messages = subscribe(&client, "t/+").await;
    publish(&publisher, "t/1", 6, QoS::ExactlyOnce).await;
    let mut numbers = Vec::new();
    for _ in 0..7 {
        numbers.push(String::from_utf8_lossy(next(&mut messages).await.payload).into_owned());
    }
    assert_eq!(numbers.pop().as_deref(), Some("6"));
    numbers.sort();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn suback_comes_and_streams_flow_however_much_is_held() {
    let server = Server::start("max_inflight_messages 0\nmax_queued_messages 0\n");
    leave_session(&server, options(Version::V5, "c"), &["t/+"]).await;
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    let count = 5_000;
    let mut deliveries = Vec::new();
    for number in 0..count {
        let payload = number.to_string();
        let message = Message::new("t/1", payload.as_bytes(), QoS::AtLeastOnce);
        deliveries.push(publisher.publish(&message).await.expect("room"));
    }
    for delivery in deliveries {
        timeout(PATIENCE, delivery.acknowledged()).await.expect("an end in time").expect("success");
    }
    let client = connect(&server, options(Version::V5, "c")).await;
    let mut others = subscribe(&client, "u/+").await;
    for number in 0..100 {
        publish(&publisher, "u/1", number, QoS::AtLeastOnce).await;
    }
    expect_numbers(&mut others, 0..100).await;
    expect_numbers(&mut subscribe(&client, "t/+").await, 0..count).await;
}

#[tokio::test]
async fn who_acknowledges_by_hand_is_waited_for() {
    let server = Server::start("");
    leave_session(&server, options(Version::V5, "c"), &["t/+"]).await;
    let publisher = connect(&server, options(Version::V5, "publisher")).await;
    for number in 0..2 {
        publish(&publisher, "t/1", number, QoS::AtLeastOnce).await;
    }
    let by_hand = || Options { acknowledge: Acknowledge::ByHand, ..options(Version::V5, "c") };
    for expected in [vec![0, 1], vec![1]] {
        let client = connect(&server, by_hand()).await;
        round_trip(&client).await;
        let mut messages = subscribe(&client, "t/+").await;
        let first = next(&mut messages).await.into_owned();
        assert_eq!(&*first.payload, expected[0].to_string().as_bytes());
        expect_numbers(&mut messages, expected[1..].iter().copied()).await;
        assert!(client.acknowledge(&first, ReasonCode::SUCCESS));
        timeout(PATIENCE, client.close()).await.expect("an end in time");
    }
}
