//! `midge trace`, as it is seen on a terminal, and as JSON.

use midge_testkit::Conversation;

use crate::terminal::Terminal;
use crate::tool::{fails, tool};
use crate::top::{server_with_socket, tool_at};

#[test]
fn a_conversation_is_seen_as_lines() {
    let server = server_with_socket();
    let mut terminal = Terminal::start(tool_at(&server, "trace --client c --count 7 --payload"), 140, 12);
    terminal.sees("the beginning", |picture| picture.first().is_some_and(|line| line == "Tracing; Ctrl-C ends it."));
    let mut talk = Conversation::with(&server);
    talk.play(
        "c connects v5 clean keep-alive=60
         c subscribes a/# qos=1
         c> PUBLISH b qos=1 id=7 m=21.5
         c< PUBACK id=7 0x10
         c disconnects",
    );
    terminal.sees("all packets", |picture| {
        let lines: Vec<&str> = picture.iter().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest).collect();
        lines.len() == 9
            && lines[1].starts_with("c > CONNECT MQTT 5 from 127.0.0.1:")
            && lines[1].ends_with(" clean-start keep-alive=60")
            && lines[2].starts_with("c < CONNACK 0x00 Success")
            && lines[3].starts_with("c > SUBSCRIBE id=")
            && lines[3].ends_with(" \"a/#\" qos=1")
            && lines[4].ends_with(" 0x01 Granted QoS 1")
            && lines[5] == "c > PUBLISH id=7 qos=1 \"b\" 4 bytes \"21.5\""
            && lines[6] == "c < PUBACK id=7 0x10 No matching subscribers"
            && lines[7] == "c > DISCONNECT 0x00 Normal disconnection"
            && picture[8] == "Packets: 7."
    });
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn it_ends_when_it_is_told_to_and_says_what_it_saw() {
    let server = server_with_socket();
    let mut terminal = Terminal::start(tool_at(&server, "trace --topic a/#"), 80, 6);
    terminal.sees("the beginning", |picture| picture.first().is_some_and(|line| line == "Tracing; Ctrl-C ends it."));
    let mut talk = Conversation::with(&server);
    talk.play("c connects v311 clean\nc> PUBLISH b qos=1 id=1 m=x & PUBLISH a/b qos=1 id=2 m=x\nc< PUBACK id=1\nc< PUBACK id=2");
    terminal.sees("a packet", |picture| {
        picture.len() == 2 && picture[1].ends_with("c > PUBLISH id=2 qos=1 \"a/b\" 1 bytes")
    });
    assert_eq!(terminal.interrupt(), Some(0));
}

#[test]
fn somebody_must_be_meant() {
    fails(tool("trace --socket x"), "Error: Of whom? Name a client (--client), a topic (--topic) or an address", 1);
    let server = server_with_socket();
    fails(
        tool_at(&server, "trace --topic a/#/b"),
        "Error: the server refuses: \"topic\" is a Topic Filter that is not",
        1,
    );
    fails(tool_at(&server, "trace --address here"), "Error: the server refuses: \"address\" is an IP address", 1);
    fails(tool("trace --client c --socket /nonexistent/s"), "Error: no server listens on /nonexistent/s: ", 1);
}
