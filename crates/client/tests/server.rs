//! The client against the real server.

use midge_client::{
    Acknowledge, Client, ConnectError, Endpoint, Error, Incident, Incoming, Message, Options, QoS, ReasonCode,
    Received, Reconnect, Refusal, Subscription, Version,
};
use midge_testkit::{PATIENCE, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Options of a client that comes back quickly, as tests have no time.
fn options(version: Version, client_id: &str) -> Options {
    let reconnect = Some(Reconnect { least_ms: 20, most_ms: 50 });
    Options { reconnect, clean_start: false, session_expiry_interval_s: 1_000, ..Options::new(version, client_id) }
}

/// A client that is connected.
async fn start(server: &Server, options: Options) -> (Client, Incoming) {
    timeout(PATIENCE, Client::connect(endpoint(server), options))
        .await
        .expect("an outcome in time")
        .expect("a connection")
}

fn endpoint(server: &Server) -> Endpoint {
    Endpoint::tcp("127.0.0.1", server.port())
}

async fn next(incoming: &mut Incoming) -> Incident<'_> {
    timeout(PATIENCE, incoming.next()).await.expect("an incident in time").expect("an incident")
}

async fn next_message(subscription: &mut Subscription) -> Received<'_> {
    timeout(PATIENCE, subscription.next()).await.expect("a message in time").expect("a message")
}

async fn subscribe(client: &Client, filter: &str, qos: QoS) -> Subscription {
    timeout(PATIENCE, client.subscribe(filter, qos)).await.expect("an answer in time").expect("a subscription")
}

fn number<'a>(message: impl Into<Received<'a>>) -> usize {
    std::str::from_utf8(message.into().payload).ok().and_then(|text| text.parse().ok()).expect("a number")
}

async fn publish(client: &Client, payload: &str, qos: QoS) -> Result<ReasonCode, Error> {
    let message = Message::new("t/1", payload.as_bytes(), qos);
    timeout(PATIENCE, async { client.publish(&message).await?.acknowledged().await }).await.expect("an end in time")
}

#[tokio::test]
async fn messages_go_round_in_each_version_and_at_each_qos() {
    let server = Server::start("");
    for version in Version::ALL {
        let (client, mut incoming) = start(&server, options(version, "c")).await;
        let mut messages = subscribe(&client, "t/+", QoS::ExactlyOnce).await;
        assert_eq!(messages.granted, QoS::ExactlyOnce);
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            assert_eq!(publish(&client, "x", qos).await, Ok(ReasonCode::SUCCESS));
            let message = next_message(&mut messages).await;
            assert_eq!((message.topic, message.payload, message.qos), ("t/1", &b"x"[..], qos));
        }
        timeout(PATIENCE, client.close()).await.expect("an end in time");
        assert!(matches!(next(&mut incoming).await, Incident::Disconnected { reason_code: None, .. }));
        assert!(incoming.next().await.is_none() && messages.next().await.is_none());
        assert_eq!(publish(&client, "x", QoS::AtMostOnce).await, Err(Error::Over));
    }
}

#[tokio::test]
async fn what_was_taken_over_is_delivered_though_the_server_is_killed_and_comes_back() {
    let mut server = Server::start("persistence true\nmax_queued_messages 0\n");
    let (client, _incoming) = start(&server, options(Version::V5, "c")).await;
    let mut messages = subscribe(&client, "t/+", QoS::ExactlyOnce).await;
    let publisher = client.clone();
    let publishing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            publish(&publisher, &number.to_string(), QoS::ExactlyOnce).await.expect("success");
        }
    });
    let mut numbers = Vec::new();
    while numbers.len() < MESSAGES {
        numbers.push(number(next_message(&mut messages).await));
        if numbers.len() % (MESSAGES / 3) == 0 && numbers.len() < MESSAGES {
            server.kill();
            server.restart();
        }
    }
    publishing.await.expect("all are acknowledged");
    assert_eq!(numbers, Vec::from_iter(0..MESSAGES), "each once, in their order");
}

#[tokio::test]
async fn who_is_slow_to_listen_is_sent_no_more_and_loses_nothing() {
    let server = Server::start("max_queued_messages 0\n");
    let (listener, _incidents) = start(&server, options(Version::V5, "listener")).await;
    let mut messages = subscribe(&listener, "t/+", QoS::AtLeastOnce).await;
    let (publisher, quiet) = start(&server, options(Version::V311, "publisher")).await;
    drop(quiet);
    let count = 3_000;
    let mut deliveries = Vec::new();
    for number in 0..count {
        let payload = number.to_string();
        let message = Message::new("t/1", payload.as_bytes(), QoS::AtLeastOnce);
        deliveries.push(publisher.publish(&message).await.expect("taken over"));
    }
    for delivery in deliveries {
        timeout(PATIENCE, delivery.acknowledged()).await.expect("an end in time").expect("success");
    }
    for wanted in 0..count {
        assert_eq!(number(next_message(&mut messages).await), wanted);
    }
}

#[tokio::test]
async fn a_message_that_was_not_acknowledged_comes_again() {
    let mut server = Server::start("persistence true\n");
    let by_hand = Options { acknowledge: Acknowledge::ByHand, ..options(Version::V5, "c") };
    let (client, _incoming) = start(&server, by_hand).await;
    let mut messages = subscribe(&client, "t/+", QoS::AtLeastOnce).await;
    for payload in ["1", "2"] {
        publish(&client, payload, QoS::AtLeastOnce).await.expect("success");
    }
    let first = next_message(&mut messages).await.into_owned();
    assert_eq!((number(&first), number(next_message(&mut messages).await)), (1, 2));
    assert!(client.acknowledge(&first, ReasonCode::SUCCESS));
    assert!(!client.acknowledge(&first, ReasonCode::SUCCESS), "only once");
    // The server answers this behind the acknowledgement.
    subscribe(&client, "u", QoS::AtMostOnce).await;
    server.kill();
    server.restart();
    assert_eq!(number(next_message(&mut messages).await), 2);
}

#[tokio::test]
async fn who_publishes_faster_than_there_is_room_waits() {
    let server = Server::start("");
    let mut options = options(Version::V5, "c");
    options.held_messages_max = 1;
    let (client, _incoming) = start(&server, options).await;
    let message = Message::new("t", b"x", QoS::AtLeastOnce);
    let first = client.try_publish(&message).expect("room for one");
    assert!(matches!(client.try_publish(&message), Err(Error::Refused(Refusal::Full))));
    let together = async {
        let waiting = [client.publish(&message), client.publish(&message), client.publish(&message)];
        for publishing in waiting {
            publishing.await?.acknowledged().await?;
        }
        first.acknowledged().await
    };
    assert!(timeout(PATIENCE, together).await.expect("an end in time").is_ok());
}

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let mut server = Server::start("");
    server.kill();
    let (client, mut incoming) = Client::start(endpoint(&server), options(Version::V5, "c")).expect("options");
    let message = Message::new("t", b"x", QoS::AtMostOnce);
    let delivery = client.publish(&message).await.expect("taken over");
    let Incident::Failed(failure) = next(&mut incoming).await else { panic!("no failure") };
    assert!(failure.to_string().contains("refuses connections: check the port"), "{failure}");
    assert!(matches!(next(&mut incoming).await, Incident::Disconnected { reason_code: None, .. }));
    server.restart();
    assert_eq!(timeout(PATIENCE, delivery.acknowledged()).await.expect("in time"), Ok(ReasonCode::SUCCESS));
}

#[tokio::test]
async fn what_was_taken_over_is_sent_though_the_last_handle_is_gone() {
    let server = Server::start("");
    let (listener, _incidents) = start(&server, options(Version::V5, "listener")).await;
    let mut messages = subscribe(&listener, "t/+", QoS::AtLeastOnce).await;
    let (client, _incoming) = start(&server, options(Version::V5, "c")).await;
    for number in 0..10 {
        let payload = number.to_string();
        let message = Message::new("t/1", payload.as_bytes(), QoS::AtLeastOnce);
        let _unasked = client.publish(&message).await.expect("taken over");
    }
    drop(client);
    for wanted in 0..10 {
        assert_eq!(number(next_message(&mut messages).await), wanted);
    }
}

#[tokio::test]
async fn refusals_are_told() {
    let server = Server::start("max_qos 1\nretain_available false\n");
    let (client, _incoming) = start(&server, options(Version::V5, "c")).await;
    assert_eq!(publish(&client, "x", QoS::ExactlyOnce).await, Err(Error::Refused(Refusal::QosNotSupported)));
    assert!(matches!(client.subscribe("a/#/b", QoS::AtMostOnce).await, Err(Error::TopicFilter(_))));
    let locked = Server::start("allow_anonymous false\n");
    let refused = Client::connect(endpoint(&locked), options(Version::V5, "c")).await;
    let Err(ConnectError::Refused(Some(ReasonCode::NOT_AUTHORIZED), cause)) = refused else {
        panic!("{:?}", refused.err())
    };
    assert_eq!(cause, "the server has refused the connection");
    let refused = refused.map(drop);
    assert_eq!(
        format!("{refused:?}"),
        "Err(the server has refused the connection: Not authorized)",
        "what `main` would say"
    );
    let without_username = Options { password: Some((*b"p").into()), ..Options::new(Version::V311, "c") };
    assert!(Client::start(endpoint(&locked), without_username).is_err());
}

#[tokio::test]
async fn each_subscription_has_its_own_stream() {
    let server = Server::start("");
    for version in [Version::V5, Version::V311] {
        let (client, mut incoming) = start(&server, options(version, "c")).await;
        let mut all = subscribe(&client, "t/#", QoS::AtLeastOnce).await;
        let mut one = subscribe(&client, "t/1", QoS::AtLeastOnce).await;
        for topic in ["t/1", "t/2"] {
            let message = Message::new(topic, topic.as_bytes(), QoS::AtLeastOnce);
            client.publish(&message).await.expect("room").acknowledged().await.expect("success");
        }
        for topic in ["t/1", "t/2"] {
            assert_eq!(next_message(&mut all).await.topic, topic);
        }
        assert_eq!(next_message(&mut one).await.topic, "t/1");
        drop(all);
        publish(&client, "left", QoS::AtLeastOnce).await.expect("success");
        assert_eq!(next_message(&mut one).await.payload, b"left");
        drop(one);
        publish(&client, "unrouted", QoS::AtLeastOnce).await.expect("success");
        let Incident::Message(message) = next(&mut incoming).await else { panic!("no message") };
        assert_eq!(message.payload, b"unrouted");
        client.unsubscribe("t/#").await.expect("success");
        client.unsubscribe("t/1").await.expect("success");
        timeout(PATIENCE, client.close()).await.expect("an end in time");
    }
}

#[tokio::test]
async fn a_handler_may_publish_whatever_waits_behind_its_message() {
    let server = Server::start("max_queued_messages 0\n");
    let (publisher, _incidents) = start(&server, options(Version::V5, "publisher")).await;
    let with_little_room = Options { held_messages_max: 1, ..options(Version::V5, "handler") };
    let (client, _incoming) = start(&server, with_little_room).await;
    let mut messages = subscribe(&client, "t/+", QoS::AtLeastOnce).await;
    let count = 3_000;
    for number in 0..count {
        let payload = number.to_string();
        let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        let _sent = publisher.publish(&Message::new("t/1", payload.as_bytes(), qos)).await.expect("room");
    }
    for wanted in 0..count {
        let message = next_message(&mut messages).await;
        assert_eq!(number(message), wanted);
        let copy = Message::new("copies", message.payload, QoS::AtLeastOnce);
        let handled = async { client.publish(&copy).await?.acknowledged().await };
        timeout(PATIENCE, handled).await.expect("no dead-lock").expect("success");
    }
}

#[tokio::test]
async fn a_request_gets_its_response() {
    let server = Server::start("");
    let (responder, _incidents) = start(&server, options(Version::V5, "responder")).await;
    let mut requests = subscribe(&responder, "double/+", QoS::AtLeastOnce).await;
    let answering = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let doubled = (2 * number(request)).to_string();
            assert!(responder.respond(&request, doubled.as_bytes()).await.expect("sent"));
        }
    });
    let (client, _incoming) = start(&server, options(Version::V5, "c")).await;
    let ask = |payload: &'static str| {
        let message = Message::new("double/it", payload.as_bytes(), QoS::AtLeastOnce);
        let client = client.clone();
        async move { timeout(PATIENCE, client.request(&message)).await.expect("a response in time") }
    };
    assert!(matches!(ask("1").await, Err(Error::NoResponseTopic)));
    client.accept_responses("responses/c").await.expect("a subscription");
    let (two, six) = tokio::join!(ask("1"), ask("3"));
    assert_eq!((number(&two.expect("a response")), number(&six.expect("a response"))), (2, 6));
    answering.abort();
}

#[tokio::test]
async fn what_was_handed_out_does_not_come_again_after_a_clean_end() {
    let server = Server::start("");
    for (round, payload) in ["first", "second", "third"].into_iter().enumerate() {
        let (client, _incoming) = start(&server, options(Version::V5, "c")).await;
        let mut messages = subscribe(&client, "t/+", QoS::ExactlyOnce).await;
        publish(&client, payload, QoS::ExactlyOnce).await.expect("success");
        assert_eq!(next_message(&mut messages).await.payload, payload.as_bytes(), "round {round}");
        timeout(PATIENCE, client.close()).await.expect("an end in time");
    }
}

#[tokio::test]
async fn a_server_that_does_not_read_keeps_nobody_from_leaving() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.read_exact(&mut [0; 10]).await.expect("the beginning of CONNECT");
        stream.write_all(b"\x20\x03\x00\x00\x00").await.expect("room");
        stream
    });
    let (client, _incoming) =
        Client::connect(Endpoint::tcp("127.0.0.1", port), options(Version::V5, "c")).await.expect("a connection");
    let _unread = serving.await.expect("no panic");
    let payload = vec![7; 1 << 20];
    for _ in 0..20 {
        let _sent = client.publish(&Message::new("t", &payload, QoS::AtMostOnce)).await.expect("room");
    }
    client.disconnect();
    timeout(PATIENCE, client.close()).await.expect("an end in time");
}

const MESSAGES: usize = 60;
