//! What is wrong with damaged files, in words and with the place.

use midge_mosquitto_db::{Content, ReadErrorKind, Reader};

use crate::old_versions::OldFile;
use crate::render::render;

const RUNNING: &[u8] = include_bytes!("../fixtures/v6-running.db");
const EMPTY: &[u8] = include_bytes!("../fixtures/v6-empty.db");

/// The error of the file that holds these bytes instead of those at this position.
fn spoilt(file: &[u8], position: usize, bytes: &[u8]) -> String {
    let mut file = file.to_vec();
    file[position..position + bytes.len()].copy_from_slice(bytes);
    error(&file)
}

fn error(file: &[u8]) -> String {
    render(file).expect_err("it is damaged").to_string()
}

#[test]
fn headers() {
    assert_eq!(error(b""), "at byte 0: it is empty");
    assert_eq!(error(b"hello"), "at byte 0: it is not a mosquitto.db: those begin in another way");
    assert_eq!(spoilt(EMPTY, 14, b"B"), "at byte 0: it is not a mosquitto.db: those begin in another way");
    for length in 1..23 {
        let expected = format!("at byte {length}: the file ends in the middle, so something of it is missing");
        assert_eq!(error(&EMPTY[..length]), expected);
    }
}

#[test]
fn versions() {
    assert_eq!(spoilt(EMPTY, 22, &[7]), "at byte 19: it has format version 7; versions 2 to 6 can be read");
    assert_eq!(spoilt(EMPTY, 22, &[1]), "at byte 19: it has format version 1; versions 2 to 6 can be read");
}

#[test]
fn a_version_that_is_not_known_can_be_looked_at() {
    let file = OldFile::new(77).chunk(4, &[&[1, 0, 0, 0, 0, 0, 0, 0]]).bytes();
    let mut reader = Reader::of_any_version(&file[..]).expect("it has a header");
    assert_eq!(reader.header().version, 77);
    let chunk = reader.next_chunk().expect("there is a chunk").expect("there is a chunk");
    assert!(matches!(chunk.content, Content::Retained(retained) if retained.store_id == 1));
}

#[test]
fn every_cut() {
    let mut ends = vec![23];
    let mut reader = Reader::new(RUNNING).expect("it is good");
    while let Some(chunk) = reader.next_chunk().expect("it is good") {
        ends.push(chunk.header.position as usize + chunk.header.length as usize);
    }
    for length in 23..RUNNING.len() {
        match render(&RUNNING[..length]) {
            Ok(_) => assert!(ends.contains(&length), "nothing is said about a cut at byte {length}"),
            Err(error) => {
                assert!(matches!(error.kind, ReadErrorKind::Truncated) && !ends.contains(&length), "{error}");
                assert_eq!(error.position, length as u64);
            }
        }
    }
}

#[test]
fn a_cut_in_an_unknown_chunk() {
    let file = OldFile::new(4).chunk(99, &[b"hello"]).bytes();
    let expected = "at byte 33, in a chunk of 5 bytes that is of an unknown kind: the file ends in the middle, so \
                    something of it is missing";
    assert_eq!(error(&file[..file.len() - 1]), expected);
}

#[test]
fn store_ids_of_another_size() {
    let expected = "at byte 41, in a chunk of 16 bytes that is the configuration: store ids have 4 bytes instead of 8";
    assert_eq!(spoilt(EMPTY, 40, &[4]), expected);
}

#[test]
fn impossible_lengths() {
    let expected = "at byte 31, in a chunk of 4294967295 bytes that is the configuration: a chunk cannot be that long: \
                    268566557 bytes at most";
    assert_eq!(spoilt(EMPTY, 27, &[0xFF; 4]), expected);
    let longest = 268_566_557_u32.to_be_bytes();
    let expected = "at byte 47, in a chunk of 268566557 bytes that is the configuration: the file ends in the middle, so \
                    something of it is missing";
    assert_eq!(spoilt(EMPTY, 27, &longest), expected);
}

/// The content of the first message, of 64 bytes.
const MESSAGE: usize = 55;

#[test]
fn lengths_that_contradict_each_other() {
    let place = "in a chunk of 64 bytes that is a message";
    let payload = spoilt(RUNNING, MESSAGE + 16, &[0xFF; 4]);
    assert_eq!(payload, format!("at byte 107, {place}: it ends before the end of its payload"));
    let username = spoilt(RUNNING, MESSAGE + 24, &[0xFF; 2]);
    assert_eq!(username, format!("at byte 95, {place}: it ends before the end of its publisher's username"));
    // Of the payload, the last byte becomes a Property Length.
    let properties = spoilt(RUNNING, MESSAGE + 19, &[11]);
    assert_eq!(properties, format!("at byte 118, {place}: it ends before the end of its Properties"));
    assert!(spoilt(EMPTY, 30, &[15]).ends_with("the configuration: it goes on behind its last field"));
}

#[test]
fn lengths_that_fit_nothing() {
    let retained = |length: u8| {
        let content = vec![0; length.into()];
        error(&[EMPTY, &[0, 0, 0, 4, 0, 0, 0, length], &content].concat())
    };
    let short = "at byte 55, in a chunk of 7 bytes that is a retained message: it ends before the end of its store id";
    assert_eq!(retained(7), short);
    let long = "at byte 63, in a chunk of 9 bytes that is a retained message: it goes on behind its last field";
    assert_eq!(retained(9), long);
}

#[test]
fn a_payload_that_cannot_be_in_old_versions() {
    let payload = [0x10, 2, 0, 0x1E];
    let file = OldFile::new(3).chunk(2, &[&[0; 8], &[0; 2], &[0; 4], &[0; 2], &[0; 2], &payload]).bytes();
    let place = "in a chunk of 22 bytes that is a message";
    assert_eq!(error(&file), format!("at byte 51, {place}: a chunk cannot be that long: 268566557 bytes at most"));
}

#[test]
fn values_without_a_meaning() {
    let qos = spoilt(RUNNING, MESSAGE + 30, &[3]);
    assert_eq!(qos, "at byte 85, in a chunk of 64 bytes that is a message: QoS 3 does not exist");
    let message = |at: usize, value: u8| {
        let mut fields = [0; 17];
        fields[at] = value;
        error(&OldFile::new(4).chunk(3, &[&fields]).bytes())
    };
    let place = "in a chunk of 17 bytes that is a message of a client";
    assert_eq!(message(14, 2), format!("at byte 43, {place}: direction 2 does not exist"));
    assert_eq!(message(15, 12), format!("at byte 44, {place}: state 12 does not exist"));
}

#[test]
fn wrong_properties() {
    // Payload Format Indicator of the retained message with Properties.
    let at = RUNNING.windows(4).position(|bytes| bytes == [0x3F, 1, 1, 3]).expect("it is there");
    let says = |position: usize, bytes: &[u8]| spoilt(RUNNING, position, bytes);
    assert!(says(at + 1, &[0x11]).contains("its Properties are wrong: Property is not allowed in this packet"));
    assert!(says(at, &[0x7F]).ends_with("it ends before the end of its Properties"));
    assert!(says(at, &[0xFF; 5]).contains("its Properties are wrong: "));
    assert!(says(at, &[2]).ends_with("it goes on behind its last field"));
}
