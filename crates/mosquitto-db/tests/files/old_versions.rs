//! Versions 2 to 5, and version 6 of a 32-bit processor: files put together here, byte by byte.

use crate::render::render;

/// A file in the making, of a version to 4.
pub(crate) struct OldFile(Vec<u8>);

impl OldFile {
    pub(crate) fn new(version: u8) -> OldFile {
        OldFile([b"\0\xB5\0mosquitto db".as_slice(), &[0; 4], &[0, 0, 0, version]].concat())
    }

    /// Appends a chunk with these fields.
    pub(crate) fn chunk(mut self, kind: u8, fields: &[&[u8]]) -> OldFile {
        let content = fields.concat();
        self.0.extend([0, kind]);
        self.0.extend((content.len() as u32).to_be_bytes());
        self.0.extend(content);
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

const STORE_ID: &[u8] = &[0x34, 0x12, 0, 0, 0, 0, 0, 0];
const PACKET_ID: &[u8] = &[0, 7];
const TIME_64: &[u8] = &[0x00, 0xCA, 0x9A, 0x3B, 0, 0, 0, 0];

#[track_caller]
fn check(file: &[u8], expected: &[&str]) {
    let lines = render(file).expect("it can be read");
    assert_eq!(lines, expected, "\n{}\n", lines.join("\n"));
}

#[test]
fn version_4() {
    let file = OldFile::new(4)
        .chunk(1, &[&[1, 8], STORE_ID])
        .chunk(
            2,
            &[
                &[STORE_ID, &text("source"), &text("ada"), &[0x07, 0x5B], PACKET_ID].concat(),
                &[&[0, 0], text("a/b").as_slice(), &[2, 1], &[0, 0, 0, 3], b"abc"].concat(),
            ],
        )
        .chunk(6, &[&text("me"), PACKET_ID, TIME_64])
        .chunk(3, &[&text("me"), STORE_ID, PACKET_ID, &[2, 1, 1, 9, 1]])
        .chunk(5, &[&text("me"), &text("a/#"), &[1]])
        .chunk(4, &[STORE_ID]);
    let expected = [
        "version 4",
        "config shutdown=true last=4660",
        "message 4660 a/b q2 \"abc\" retain from source username=ada port=1883 packet=7",
        "client me last=7 left=1000000000",
        "  4660 Out q2 WaitForPubComp packet=7 retain dup of me",
        "subscription me a/# q1",
        "retained 4660",
    ];
    check(&file.bytes(), &expected);
}

#[test]
fn version_3_has_no_username_and_port_with_messages() {
    let file = OldFile::new(3)
        .chunk(1, &[&[0, 8], STORE_ID])
        .chunk(2, &[STORE_ID, &text(""), PACKET_ID, &[0, 0], &text("a"), &[0, 0], &[0; 4]]);
    let expected = ["version 3", "config shutdown=false last=4660", "message 4660 a q0 \"\" from  packet=7"];
    check(&file.bytes(), &expected);
}

#[test]
fn lengths_of_old_versions_are_not_relied_upon() {
    let message = [STORE_ID, &text("source"), &text(""), &[0; 6], &text("a"), &[0, 0], &[0, 0, 0, 1], b"p"];
    let good = OldFile::new(4).chunk(2, &message).chunk(4, &[STORE_ID]).bytes();
    for claimed in [0, 1, 44, 255] {
        let mut file = good.clone();
        file[23 + 5] = claimed;
        check(&file, &["version 4", "message 4660 a q0 \"p\" from source", "retained 4660"]);
    }
}

#[test]
fn times_of_32_bit_processors() {
    let file = OldFile::new(3).chunk(6, &[&text("me"), PACKET_ID, &TIME_64[..4]]);
    check(&file.bytes(), &["version 3", "client me last=7 left=1000000000"]);
}

#[test]
fn version_2_has_no_times() {
    let file = OldFile::new(2).chunk(6, &[&text("me"), PACKET_ID]);
    check(&file.bytes(), &["version 2", "client me last=7"]);
}

/// A file of version 5 or 6.
fn new_file(version: u8, chunks: &[(u8, &[&[u8]])]) -> Vec<u8> {
    let mut file = OldFile::new(version).bytes();
    for (kind, fields) in chunks {
        let content = fields.concat();
        file.extend([0, 0, 0, *kind]);
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(content);
    }
    file
}

#[test]
fn version_5_has_no_username_and_port_with_clients() {
    let client = [TIME_64, &[0, 0, 0, 60], PACKET_ID, &[0, 2], b"me"];
    let message = [STORE_ID, TIME_64, &[0, 0, 0, 1], PACKET_ID, &[0, 6, 0, 3, 0, 1, 0x07, 0x5B, 1, 0], b"sourceadatp"];
    let client_message = [STORE_ID, PACKET_ID, &[0, 2, 1, 11, 0x10, 1], b"me", &[2, 0x0B, 5]];
    let subscription = [[0, 0, 0, 5, 0, 2, 0, 1, 1, 8, 0, 0].as_slice(), b"me#"];
    let config = [STORE_ID, &[1, 8, 0, 0, 0, 0, 0, 0]];
    let chunks: [(u8, &[&[u8]]); 6] =
        [(1, &config), (2, &message), (6, &client), (3, &client_message), (5, &subscription), (4, &[STORE_ID])];
    let expected = [
        "version 5",
        "config shutdown=true last=4660",
        "message 4660 t q1 \"p\" from source username=ada port=1883 packet=7 expires=1000000000",
        "client me last=7 interval=60 ends=1000000000",
        "  4660 Out q1 Queued packet=7 retain properties=[SubscriptionIdentifier(5)] of me",
        "subscription me # q1 options=8 identifier=5",
        "retained 4660",
    ];
    check(&new_file(5, &chunks), &expected);
}

#[test]
fn structs_of_processors_that_align_to_4() {
    let client = [TIME_64, &[0, 0, 0, 60], PACKET_ID, &[0, 2, 0x07, 0x5B, 0, 3], b"meada"];
    let file = new_file(6, &[(1, &[STORE_ID, &[1, 8, 0, 0]]), (6, &client)]);
    let expected = [
        "version 6",
        "config shutdown=true last=4660",
        "client me username=ada port=1883 last=7 interval=60 ends=1000000000",
    ];
    check(&file, &expected);
}

#[test]
fn unknown_chunks_are_passed_over() {
    let expected = ["version 4", "unknown 99 of 5 bytes", "retained 4660"];
    check(&OldFile::new(4).chunk(99, &[b"hello"]).chunk(4, &[STORE_ID]).bytes(), &expected);
    let expected = ["version 6", "unknown 99 of 5 bytes", "retained 4660"];
    check(&new_file(6, &[(99, &[b"hello"]), (4, &[STORE_ID])]), &expected);
}

#[test]
fn a_chunk_with_nothing_behind() {
    check(&OldFile::new(4).bytes(), &["version 4"]);
    check(&new_file(6, &[]), &["version 6"]);
}
