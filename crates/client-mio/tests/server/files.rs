//! What is watched along with the connections, and how long a turn waits.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::path::Path;
use std::time::Duration;

use midge_client_core::{Client, Options};
use midge_client_mio::{Driver, Notice};
use midge_client_transport::Endpoint;
use midge_codec::Version;

use crate::world::{Told, World};

#[test]
fn a_file_is_told_of_while_there_is_something_in_it() {
    let mut world = World::new();
    let (mut reader, mut writer) = pipe().expect("a pipe");
    let id = world.driver.watch(&reader).expect("it can be watched");
    world.turn();
    assert_eq!(world.told, [], "nothing is in it");
    writer.write_all(b"abc").expect("room");
    for _ in 0..3 {
        world.turn();
        assert_eq!(std::mem::take(&mut world.told), [Told::Ready], "once more, as nothing was read");
    }
    world.driver.set_watching(id, false);
    world.turn();
    assert_eq!(world.told, [], "not wanted");
    world.driver.set_watching(id, true);
    world.turn();
    assert_eq!(std::mem::take(&mut world.told), [Told::Ready]);
    let mut buffer = [0; 3];
    reader.read_exact(&mut buffer).expect("three bytes");
    world.turn();
    assert_eq!(world.told, [], "all was read");
    drop(writer);
    world.turn();
    assert_eq!(world.told, [Told::Ready], "the end can be read");
}

#[test]
fn a_regular_file_can_always_be_read() {
    let mut world = World::new();
    let file = File::open("/proc/self/exe").expect("a file");
    let id = world.driver.watch(&file).expect("it can be watched");
    world.turn();
    world.turn();
    assert_eq!(world.told, [Told::Ready, Told::Ready]);
    world.driver.unwatch(id);
    world.turn();
    assert_eq!(world.told.len(), 2);
}

#[test]
fn a_turn_waits_no_longer_than_it_is_told_to() {
    let mut driver = Driver::new().expect("a driver");
    let waker = driver.waker();
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        waker.wake().expect("a driver");
    });
    driver.turn(None, &mut |notice| panic!("{notice:?}")).expect("a turn");
    other.join().expect("no panic");
    let until_ms = driver.now_ms() + 30;
    while driver.now_ms() < until_ms {
        driver.turn(Some(until_ms), &mut |notice| panic!("{notice:?}")).expect("a turn");
    }
}

#[test]
fn what_is_told_before_the_wait_is_not_waited_upon() {
    let mut driver = Driver::new().expect("a driver");
    let options = Options { reconnect: None, ..Options::new(Version::V311, "c") };
    driver.add(Client::new(options), Endpoint::unix(Path::new("/no/such/socket")));
    let mut has_failed = false;
    // Nothing would ever end this one.
    driver.turn(None, &mut |notice| has_failed |= matches!(notice, Notice::Failed(..))).expect("a turn");
    assert!(has_failed);
}
