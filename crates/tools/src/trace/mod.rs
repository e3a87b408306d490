//! `midge trace`: packets of a running server, as they come and go.

mod flags;
mod line;

use std::ffi::OsString;

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::Value;

use self::flags::{Options, TABLE};
use crate::admin::{AdminSocket, Object, choose, request};
use crate::clients::signals::Signals;
use crate::flags::{Reader, Stop};
use crate::output::print;
use crate::{Called, Command, RunningServer};

/// The row of the command.
pub(crate) const COMMAND: Command = Command { page: || TABLE.page(), run };

fn run(called: &Called, words: &[OsString]) -> u8 {
    let (options, server) = match wish(words) {
        Ok(wish) => wish,
        Err(stop) => return called.stop(stop, &TABLE.page()),
    };
    let mut socket = match AdminSocket::open(called, &server) {
        Ok(socket) => socket,
        Err(status) => return status,
    };
    match socket.ask(&request_of(&options)).and_then(|_| show(&mut socket, options.is_json)) {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("{message}");
            1
        }
    }
}

fn wish(words: &[OsString]) -> Result<(Options, RunningServer), Stop> {
    let mut reader = Reader::new(&TABLE, Options::default());
    let operands = reader.read_with_operands_between(words)?;
    let mut options = reader.finish()?;
    if options.client_id.is_none() && options.topic.is_none() && options.address.is_none() {
        let message = "Error: Of whom? Name a client (--client), a topic (--topic) or an address (--address).";
        return Err(Stop::Wrong(message.to_owned()));
    }
    let server = choose(options.server.take(), &operands)?;
    Ok((options, server))
}

fn request_of(options: &Options) -> Object {
    let mut request = request("trace");
    for (name, value) in [("client_id", &options.client_id), ("topic", &options.topic), ("address", &options.address)] {
        request.extend(value.as_ref().map(|value| (name.to_owned(), value.as_str().into())));
    }
    let seconds = Some(options.seconds.unwrap_or(USUAL_SECONDS)).filter(|seconds| *seconds > 0);
    request.extend(options.count.map(|count| ("count".to_owned(), count.into())));
    request.extend(seconds.map(|seconds| ("seconds".to_owned(), seconds.into())));
    if options.shows_payload {
        request.insert("payload_bytes".to_owned(), PAYLOAD_BYTES.into());
    }
    request
}

/// Shows what comes until the end. The error is a message for the user.
fn show(socket: &mut AdminSocket, is_json: bool) -> Result<(), String> {
    let mut signals = Signals::new().map_err(|error| format!("Error: unable to wait for signals: {error}."))?;
    if !is_json {
        eprintln!("Tracing; Ctrl-C ends it.");
    }
    let mut is_enough = false;
    loop {
        let mut lines = String::new();
        while let Some(line) = socket.next_line() {
            let object: Option<Object> = serde_json::from_str(&line).ok();
            if is_json {
                lines.push_str(&line);
                lines.push('\n');
            } else if let Some(text) = object.as_ref().and_then(line::text) {
                lines.push_str(&text);
            }
            if let Some(object) = object.filter(|object| object.contains_key("end")) {
                print(&lines);
                tell_end(&object, is_json);
                return Ok(());
            }
        }
        print(&lines);
        let mut ready = [PollFd::new(&*socket, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        // A signal ends the wait, and is looked at below.
        let _ = poll(&mut ready, None);
        let has_come = !ready[0].revents().is_empty();
        if signals.take().is_some() {
            if std::mem::replace(&mut is_enough, true) {
                // Who asks twice does not want to wait for the last word.
                return Ok(());
            }
            socket.say_enough();
        }
        if has_come && !socket.read()? {
            return Err("Error: the server has ended.".to_owned());
        }
    }
}

fn tell_end(end: &Object, is_json: bool) {
    if is_json {
        return;
    }
    let number = |name: &str| end.get(name).and_then(Value::as_u64).unwrap_or_default();
    let left_out = match number("left_out") {
        0 => String::new(),
        count => format!(", left out: {count}"),
    };
    eprintln!("Packets: {}{left_out}.", number("packets"));
}

const USUAL_SECONDS: u64 = 600;

/// What is shown of a payload.
const PAYLOAD_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_must_be_meant_and_one_server() {
        let check = |line: &str, expected: Result<RunningServer, &str>| {
            let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            let server = wish(&words).map(|(_, server)| server);
            assert_eq!(server, expected.map_err(|message| Stop::Wrong(message.to_owned())), "{line}");
        };
        check("--client a", Ok(RunningServer::Usual));
        check("/var/lib/mosquitto --client a", Ok(RunningServer::WithFolder("/var/lib/mosquitto".into())));
        check("-t a/# -c f", Ok(RunningServer::WithConfiguration("f".to_owned())));
        check("--address ::1 --socket s", Ok(RunningServer::AtSocket("s".into())));
        check("", Err("Error: Of whom? Name a client (--client), a topic (--topic) or an address (--address)."));
        check("--client a one two", Err("Error: One server at a time: 'two' is one too many."));
        let both = "Error: A folder, -c and --socket all say which server is meant; one of them is enough.";
        check("--client a one -c two", Err(both));
        check("--client a -c f --socket s", Err("Error: -c and --socket both say which server is meant."));
        check(
            "--client a --seconds x",
            Err("Error: Invalid --seconds argument \"x\": a number up to 86400 is wanted."),
        );
    }

    #[test]
    fn what_is_asked_says_what_is_meant() {
        let check = |line: &str, expected: &str| {
            let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            let (options, _) = wish(&words).unwrap_or_else(|stop| panic!("{line}: {stop:?}"));
            assert_eq!(Value::Object(request_of(&options)).to_string(), expected);
        };
        check("--client a", r#"{"client_id":"a","command":"trace","seconds":600}"#);
        check(
            "--topic # --address ::1 --count 5 --seconds 0 --payload",
            r##"{"address":"::1","command":"trace","count":5,"payload_bytes":1024,"topic":"#"}"##,
        );
    }
}
