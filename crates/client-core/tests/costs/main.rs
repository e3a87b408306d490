//! What a Client costs: nothing is allocated for a message that comes in, nor for one of QoS 0 that goes out, an idle Client is small, and
//! a day of reconnects leaves nothing behind. Alone in its program, as it replaces the allocator.

mod day;
#[allow(dead_code, reason = "its other users need the rest")]
#[path = "../../../broker/tests/rules/world/mod.rs"]
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use midge_client_core::{Accepted, Client, Event, Message, Options};
use midge_codec::{QoS, Version};
use midge_testkit::{Packet, wire};

fn bytes(notation: &str) -> Vec<u8> {
    wire::encode(&Packet::parse(notation), 5)
}

fn write_all(client: &mut Client) {
    let count = client.output().len();
    client.handle_written(0, count, &mut |_| {});
}

/// A Client that the server has accepted, with all its buffers at their size.
fn online() -> Client {
    let mut client = Client::new(Options::new(Version::V5, "c"));
    client.begin_connection();
    client.handle_connected(0);
    write_all(&mut client);
    client.handle_bytes(0, &bytes("CONNACK topic-alias-maximum=5"), &mut |_| {});
    client
}

#[test]
fn messages_allocate_nothing() {
    let mut client = online();
    let script = ["PUBLISH t m=x", "PUBLISH t qos=1 id=1 m=x", "PUBLISH t qos=2 id=2 m=x", "PUBREL id=2"];
    let received: Vec<u8> = script.iter().flat_map(|notation| bytes(notation)).collect();
    let message = Message::new("a/b", b"payload", QoS::AtMostOnce);
    for round in 0..3 {
        let before = ALLOCATIONS.get();
        let mut shown = 0;
        client.handle_bytes(0, &received, &mut |event| shown += usize::from(matches!(event, Event::Message(..))));
        assert_eq!(shown, 3);
        assert_eq!(client.publish(0, &message), Ok(Accepted::Sent));
        write_all(&mut client);
        assert!(round == 0 || ALLOCATIONS.get() == before, "in round {round}");
    }
    let before = ALLOCATIONS.get();
    client.publish(0, &Message::new("a/b", b"payload", QoS::AtLeastOnce)).expect("room");
    assert!(ALLOCATIONS.get() > before, "they are counted");
}

#[test]
fn an_idle_client_is_small() {
    let before = BYTES.get();
    let mut client = Box::new(online());
    write_all(&mut client);
    client.handle_timeout(60_000, &mut |_| {});
    write_all(&mut client);
    let bytes = BYTES.get() - before;
    assert!(bytes <= IDLE_BYTES_MAX, "{bytes} bytes, {} of them the Client itself", size_of::<Client>());
}

/// With its options, Client Identifier and the buffer of its last PINGREQ.
const IDLE_BYTES_MAX: isize = 1_500;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator; the counters are constants of their thread and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get() + layout.size() as isize);
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
        // SAFETY: the caller keeps the rules of `dealloc`, and the memory came from `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}
