//! What a message costs a client: this one on tokio, the same state machine on mio, and rumqttc, against the same server in one run.
//!
//! `cargo run --release -p midge-client --example measure -- PORT`, where a server listens on loopback. User and system time of this
//! process for each message of 64 bytes; ratios count, not the numbers. `-- PORT "receive, QoS 0" tokio` measures lines that begin like that,
//! and one library, for a profiler.

use std::collections::VecDeque;
use std::error::Error;
use std::process::{Child, Command};
use std::time::Duration;

use midge_client::{Client, Endpoint, Message, Options, QoS, Version};
use midge_client_core::Event;
use midge_client_mio::{ConnectionId, Driver, Notice};
use rumqttc::{AsyncClient, Incoming, MqttOptions, Outgoing};
use tokio::task::JoinSet;

/// One measurement of one library.
type Task = fn(Plan) -> Outcome;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// One measurement: so many connections, which together send or receive so many messages each.
#[derive(Clone, Copy)]
struct Plan {
    port: u16,
    connections: usize,
    messages: usize,
    qos: QoS,
}

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("which port?")?.parse()?;
    let [task, detail] = [(); 2].map(|()| arguments.next());
    match task.as_deref() {
        Some("idle") => idle(port, detail.as_deref()),
        Some("feed") => {
            let qos = if detail.as_deref() == Some("0") { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let messages = arguments.next().ok_or("how many?")?.parse()?;
            feed(Plan { port, connections: 1, messages, qos })
        }
        only => compare_all(port, only, detail.as_deref()),
    }
}

/// All measurements, or those with such names and of one library.
fn compare_all(port: u16, only: Option<&str>, library: Option<&str>) -> Outcome {
    println!("{:<34} {:>8} {:>8} {:>8} {:>14}", "CPU per message in ns", "tokio", "mio", "rumqttc", "tokio/rumqttc");
    for connections in [1, 100] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            let plan = Plan { port, connections, messages: MESSAGES / connections, qos };
            for (what, tasks) in [("send", SEND), ("receive", RECEIVE)] {
                let name = format!("{what}, QoS {}, {connections} connections", qos as u8);
                if only.is_none_or(|only| name.starts_with(only)) {
                    compare(&name, plan, tasks.map(|(name, task)| (library.is_none_or(|it| it == name), task)))?;
                }
            }
        }
    }
    for (library, _) in SEND.iter().filter(|_| only.is_none()) {
        // In a process of its own: memory that was used before would be used again.
        Command::new(std::env::current_exe()?).args([&port.to_string(), "idle", library]).status()?;
    }
    Ok(())
}

/// What a connection that does nothing takes of memory, beside what a process needs for the first one.
fn idle(port: u16, library: Option<&str>) -> Outcome {
    let library = library.ok_or("which library?")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let connect = |name, connections| -> Result<Box<dyn std::any::Any>, Box<dyn Error + Send + Sync>> {
        let plan = Plan { port, connections, messages: 0, qos: QoS::AtMostOnce };
        Ok(match library {
            "mio" => Box::new(on_mio(plan, name)?),
            "tokio" => Box::new(runtime.block_on(idle_tokio(plan, name))?),
            _ => Box::new(runtime.block_on(idle_rumqttc(plan, name))?),
        })
    };
    let first = connect("first", 1)?;
    let before = resident_bytes()?;
    let others = connect("idle", IDLE)?;
    println!("idle, {library}: {} bytes for each connection", (resident_bytes()? - before) / IDLE);
    drop((first, others));
    Ok(())
}

async fn idle_tokio(plan: Plan, name: &str) -> Result<Vec<Client>, Box<dyn Error + Send + Sync>> {
    let mut clients = Vec::new();
    for number in 0..plan.connections {
        clients.push(Client::connect(Endpoint::tcp("127.0.0.1", plan.port), options(name, number)).await?.0);
    }
    Ok(clients)
}

async fn idle_rumqttc(
    plan: Plan,
    name: &str,
) -> Result<Vec<(AsyncClient, rumqttc::EventLoop)>, Box<dyn Error + Send + Sync>> {
    let mut clients = Vec::new();
    for number in 0..plan.connections {
        let (client, mut events) = AsyncClient::new(rumqttc_options(name, plan, number), usize::from(WINDOW));
        while !matches!(events.poll().await?, rumqttc::Event::Incoming(Incoming::ConnAck(_))) {}
        clients.push((client, events));
    }
    Ok(clients)
}

fn resident_bytes() -> Result<usize, Box<dyn Error + Send + Sync>> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    Ok(pages.split(' ').nth(1).ok_or("no figure")?.parse::<usize>()? * PAGE_BYTES)
}

/// Three rounds of each that is wanted; the best counts, as the machine has other things to do.
fn compare(name: &str, plan: Plan, libraries: [(bool, Task); 3]) -> Outcome {
    let mut best = [f64::NAN; 3];
    for _ in 0..3 {
        for (best, (_, library)) in best.iter_mut().zip(libraries).filter(|(_, (is_wanted, _))| *is_wanted) {
            let before = processor_ns()?;
            library(plan)?;
            *best = best.min((processor_ns()? - before) / (plan.messages * plan.connections) as f64);
        }
    }
    println!("{name:<34} {:>8.0} {:>8.0} {:>8.0} {:>14.2}", best[0], best[1], best[2], best[0] / best[2]);
    Ok(())
}

/// What this thread has used, which does all the work. From a file, as profilers do not know every system call.
fn processor_ns() -> Result<f64, Box<dyn Error + Send + Sync>> {
    let line = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(line.split(' ').next().ok_or("no figure")?.parse()?)
}

fn options(name: &str, number: usize) -> Options {
    Options { inflight_max: WINDOW, ..Options::new(Version::V311, &format!("{name}-{number}")) }
}

/// Runs one task for each connection.
fn on_tokio<Task: Future<Output = Outcome> + Send + 'static>(plan: Plan, task: fn(Plan, usize) -> Task) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..plan.connections {
            tasks.spawn(task(plan, number));
        }
        while let Some(outcome) = tasks.join_next().await {
            outcome??;
        }
        Ok(())
    })
}

fn send_tokio(plan: Plan) -> Outcome {
    on_tokio(plan, |plan, number| async move {
        let (client, _incoming) = Client::connect(Endpoint::tcp("127.0.0.1", plan.port), options("s", number)).await?;
        let mut open = VecDeque::new();
        for sent in 1..=plan.messages {
            // The last one tells that all have arrived.
            let qos = if sent == plan.messages { QoS::AtLeastOnce } else { plan.qos };
            let delivery = client.publish(&Message::new("measure/sent", &PAYLOAD, qos)).await?;
            if qos > QoS::AtMostOnce {
                open.push_back(delivery);
            }
            if open.len() >= usize::from(WINDOW) {
                open.pop_front().ok_or("none")?.acknowledged().await?;
            }
        }
        for delivery in open {
            delivery.acknowledged().await?;
        }
        client.close().await;
        Ok(())
    })
}

fn receive_tokio(plan: Plan) -> Outcome {
    on_tokio(plan, |plan, number| async move {
        let (client, _incoming) = Client::connect(Endpoint::tcp("127.0.0.1", plan.port), options("r", number)).await?;
        let mut messages = client.subscribe("measure/received", plan.qos).await?;
        let feeder = begin_feeding(plan, number)?;
        for _ in 0..plan.messages {
            messages.next().await.ok_or("the client has left")?;
        }
        client.close().await;
        end_feeding(feeder)
    })
}

fn send_rumqttc(plan: Plan) -> Outcome {
    on_tokio(plan, |plan, number| async move {
        let (client, mut events) = AsyncClient::new(rumqttc_options("s", plan, number), usize::from(WINDOW));
        let publishing = tokio::spawn(async move {
            for sent in 1..=plan.messages {
                let qos = if sent == plan.messages { QoS::AtLeastOnce } else { plan.qos };
                client.publish("measure/sent", rumqttc_qos(qos), false, PAYLOAD).await?;
            }
            Ok::<_, rumqttc::ClientError>(client)
        });
        let mut left = if plan.qos == QoS::AtMostOnce { 1 } else { plan.messages };
        while left > 0 {
            if let rumqttc::Event::Incoming(Incoming::PubAck(_)) = events.poll().await? {
                left -= 1;
            }
        }
        leave_rumqttc(&publishing.await??, &mut events).await
    })
}

fn receive_rumqttc(plan: Plan) -> Outcome {
    on_tokio(plan, |plan, number| async move {
        let (client, mut events) = AsyncClient::new(rumqttc_options("r", plan, number), usize::from(WINDOW));
        client.subscribe("measure/received", rumqttc_qos(plan.qos)).await?;
        let mut feeder = None;
        let mut left = plan.messages;
        while left > 0 {
            match events.poll().await? {
                rumqttc::Event::Incoming(Incoming::SubAck(_)) => feeder = begin_feeding(plan, number)?,
                rumqttc::Event::Incoming(Incoming::Publish(_)) => left -= 1,
                _ => {}
            }
        }
        leave_rumqttc(&client, &mut events).await?;
        end_feeding(feeder)
    })
}

fn rumqttc_options(name: &str, plan: Plan, number: usize) -> MqttOptions {
    let mut options = MqttOptions::new(format!("{name}-{number}"), "127.0.0.1", plan.port);
    options.set_inflight(WINDOW);
    options
}

fn rumqttc_qos(qos: QoS) -> rumqttc::QoS {
    if qos == QoS::AtMostOnce { rumqttc::QoS::AtMostOnce } else { rumqttc::QoS::AtLeastOnce }
}

async fn leave_rumqttc(client: &AsyncClient, events: &mut rumqttc::EventLoop) -> Outcome {
    client.disconnect().await?;
    while !matches!(events.poll().await?, rumqttc::Event::Outgoing(Outgoing::Disconnect)) {}
    Ok(())
}

/// Connections on mio, with one who is told what happens on any of them.
fn on_mio(plan: Plan, name: &str) -> Result<(Driver, Vec<ConnectionId>), Box<dyn Error + Send + Sync>> {
    let mut driver = Driver::new()?;
    let endpoint = std::sync::Arc::new(Endpoint::tcp("127.0.0.1", plan.port));
    let client = |number| midge_client_core::Client::new(options(name, number));
    let ids: Vec<_> = (0..plan.connections).map(|number| driver.add(client(number), endpoint.clone())).collect();
    let mut connected = 0;
    while connected < ids.len() {
        driver.turn(None, &mut |notice| {
            connected += usize::from(matches!(notice, Notice::Event(_, Event::Connected(_))));
        })?;
    }
    Ok((driver, ids))
}

fn send_mio(plan: Plan) -> Outcome {
    let (mut driver, ids) = on_mio(plan, "s")?;
    let mut unsent = vec![plan.messages; ids.len()];
    let mut acknowledged = 0;
    let wanted = if plan.qos == QoS::AtMostOnce { ids.len() } else { plan.messages * ids.len() };
    while acknowledged < wanted {
        for (&id, unsent) in ids.iter().zip(&mut unsent) {
            for _ in 0..usize::from(WINDOW) {
                if *unsent == 0 || driver.client(id).held().0 >= usize::from(WINDOW) {
                    break;
                }
                let qos = if *unsent == 1 { QoS::AtLeastOnce } else { plan.qos };
                driver.publish(id, &Message::new("measure/sent", &PAYLOAD, qos))?;
                *unsent -= 1;
            }
        }
        let is_waiting = unsent.iter().all(|&unsent| unsent == 0) || plan.qos > QoS::AtMostOnce;
        let until_ms = if is_waiting { None } else { Some(0) };
        driver.turn(until_ms, &mut |notice| {
            acknowledged += usize::from(matches!(notice, Notice::Event(_, Event::Acknowledged { .. })));
        })?;
    }
    Ok(())
}

fn receive_mio(plan: Plan) -> Outcome {
    let (mut driver, ids) = on_mio(plan, "r")?;
    let mut answered = 0;
    for &id in &ids {
        let mut filters = midge_client::SubscribeFiltersBuf::new();
        let options = midge_client::SubscriptionOptions { qos: plan.qos, ..Default::default() };
        filters.push(midge_client::TopicFilter::parse("measure/received").map_err(|error| error.to_string())?, options);
        driver.client_mut(id).subscribe(filters, midge_client::PropertiesBuf::new())?;
    }
    while answered < ids.len() {
        driver.turn(None, &mut |notice| {
            answered += usize::from(matches!(notice, Notice::Event(_, Event::Answered { .. })));
        })?;
    }
    let feeder = begin_feeding(plan, 0)?;
    let mut received = 0;
    while received < plan.messages * ids.len() {
        driver.turn(None, &mut |notice| {
            received += usize::from(matches!(notice, Notice::Event(_, Event::Message(..))));
        })?;
    }
    end_feeding(feeder)
}

/// Who publishes to all that receive: a process of its own, so that its time does not count. The first connection begins it; those that
/// subscribe later miss nothing, as it waits for a moment.
fn begin_feeding(plan: Plan, number: usize) -> Result<Option<Child>, std::io::Error> {
    if number > 0 {
        return Ok(None);
    }
    let [port, qos, messages] = [plan.port.to_string(), (plan.qos as u8).to_string(), plan.messages.to_string()];
    Command::new(std::env::current_exe()?).args([&port, "feed", &qos, &messages]).spawn().map(Some)
}

fn end_feeding(feeder: Option<Child>) -> Outcome {
    feeder.map_or(Ok(()), |mut feeder| feeder.wait().map(drop).map_err(Into::into))
}

/// Publishes at a rate that everybody keeps up with: what is measured is work, not waiting.
fn feed(plan: Plan) -> Outcome {
    std::thread::sleep(Duration::from_millis(500));
    let (mut driver, ids) = on_mio(plan, "feeder")?;
    for burst in 0..plan.messages.div_ceil(BURST) {
        for _ in 0..BURST.min(plan.messages - burst * BURST) {
            driver.publish(ids[0], &Message::new("measure/received", &PAYLOAD, plan.qos))?;
        }
        let next_ms = driver.now_ms() + 2;
        while driver.now_ms() < next_ms || driver.client(ids[0]).held().0 > 0 {
            driver.turn(Some(next_ms), &mut |_| {})?;
        }
    }
    Ok(())
}

const SEND: [(&str, Task); 3] = [("tokio", send_tokio), ("mio", send_mio), ("rumqttc", send_rumqttc)];
const RECEIVE: [(&str, Task); 3] = [("tokio", receive_tokio), ("mio", receive_mio), ("rumqttc", receive_rumqttc)];

const MESSAGES: usize = 100_000;

const PAGE_BYTES: usize = 4096;

/// Connections that do nothing.
const IDLE: usize = 500;

/// Published at a time to those that receive.
const BURST: usize = 100;

/// Messages of QoS 1 under way.
const WINDOW: u16 = 100;

const PAYLOAD: [u8; 64] = [b'x'; 64];
