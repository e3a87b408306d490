//! `signal`, Mosquitto's `mosquitto_signal`: tells servers by their process what to do.

mod flags;
mod process;

use std::ffi::OsString;
use std::fmt;

use crate::flags::{Reader, Stop, lossy};
use crate::output::reason;
use crate::{Called, Command};
use flags::TABLE;
use process::Process;

/// The row of the command.
pub(crate) const COMMAND: Command = Command { page: || TABLE.page(), run };

/// What a server can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    ConfigReload,
    LogRotate,
    Shutdown,
    TreePrint,
    Xtreport,
}

impl Order {
    const NAMES: &[&str] = &["config-reload", "log-rotate", "shutdown", "tree-print", "xtreport"];

    fn named(name: &str) -> Option<Order> {
        match name {
            "config-reload" => Some(Order::ConfigReload),
            "log-rotate" => Some(Order::LogRotate),
            "shutdown" => Some(Order::Shutdown),
            "tree-print" => Some(Order::TreePrint),
            "xtreport" => Some(Order::Xtreport),
            _ => None,
        }
    }

    /// The number of the signal by which a server knows it.
    fn signal(self) -> i32 {
        match self {
            Order::ConfigReload | Order::LogRotate => libc::SIGHUP,
            Order::Shutdown => libc::SIGINT,
            Order::TreePrint => libc::SIGUSR2,
            Order::Xtreport => libc::SIGRTMIN(),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Order::NAMES[*self as usize])
    }
}

fn run(called: &Called, words: &[OsString]) -> u8 {
    let page = TABLE.page();
    if words.is_empty() {
        called.help(&page);
        return 1;
    }
    match wish(words) {
        Ok((Target::Process(process), order)) => one(process, order),
        Ok((Target::All, order)) => all(order),
        Err(stop) => called.stop(stop, &page),
    }
}

/// Who is told something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    /// Each server of this machine.
    All,
    Process(Process),
}

fn wish(words: &[OsString]) -> Result<(Target, Order), Stop> {
    let mut reader = Reader::new(&TABLE, None);
    let operands = reader.read(words)?;
    let wrong = |message: &str| Stop::Wrong(message.to_owned());
    let target = reader.finish()?.ok_or_else(|| wrong("Error: One of -a or -p must be used."))?;
    let name = lossy(operands.first().ok_or_else(|| wrong("Error: No signal given."))?);
    let order = Order::named(&name).ok_or_else(|| Stop::Wrong(format!("Error: Unknown signal '{name}'.")))?;
    Ok((target, order))
}

fn one(process: Process, order: Order) -> u8 {
    match send(process, order) {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("Error sending signal to process {process}: {why}");
            1
        }
    }
}

/// Servers of others, and that there is none, are no failure.
fn all(order: Order) -> u8 {
    let servers = match process::servers() {
        Ok(servers) => servers,
        Err(error) => {
            eprintln!("Error reading /proc: {}.", reason(&error));
            return 1;
        }
    };
    for server in servers {
        if let Err(why) = send(server, order) {
            eprintln!("Unable to signal process {server}: {why}");
        }
    }
    0
}

/// The error is the end of the message for the user.
fn send(process: Process, order: Order) -> Result<(), String> {
    if order != Order::Shutdown && process.would_end_by(order.signal()) {
        return Err(format!("it does not understand {order}, and would end. Is it a server, and has it started?"));
    }
    process.send(order.signal()).map_err(|error| reason(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_an_order_are_named() {
        let check = |line: &str, expected: Result<(Target, Order), &str>| {
            let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            assert_eq!(wish(&words), expected.map_err(|message| Stop::Wrong(message.to_owned())), "{line}");
        };
        let seven = Target::Process(Process::numbered(7).expect("a number"));
        check("-a config-reload", Ok((Target::All, Order::ConfigReload)));
        check("-p 7 shutdown", Ok((seven, Order::Shutdown)));
        check("-a -p 7 tree-print", Ok((seven, Order::TreePrint)));
        check("-p", Err("Error: -p argument given but process ID missing."));
        check("-p 0 xtreport", Err("Error: Process ID must be >0."));
        check("-p x xtreport", Err("Error: Process ID must be >0."));
        check("-a", Err("Error: No signal given."));
        check("--invalid", Err("Error: One of -a or -p must be used."));
        check("-a invalid", Err("Error: Unknown signal 'invalid'."));
    }

    #[test]
    fn an_order_goes_by_its_name() {
        for name in Order::NAMES {
            assert_eq!(Order::named(name).map(|order| order.to_string()).as_deref(), Some(*name));
        }
    }
}
