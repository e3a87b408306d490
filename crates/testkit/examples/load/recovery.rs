//! The start of a server that has much to remember: queues of absent Sessions and Retained Messages, a million of each.
//!
//! It is ended in order, started, killed, and started once more. Not every server outlives being killed, but what it has read at the
//! one start it can read at the next. In the end everything must still be there, each message once.

use rustix::process::Signal;

use crate::clients::{Clients, Fault};
use crate::target::{Start, Target};
use crate::{Figure, Point, Settings, absent, retained};

pub(crate) fn run(target: &mut Target, settings: &Settings) -> Result<Vec<Point>, Fault> {
    let count = settings.counts.as_ref().and_then(|counts| counts.first().copied()).unwrap_or(1_000_000);
    let queues = absent::begin(target, settings, absent::SESSIONS, 4, 100)?.send_all(count, settings)?;
    let mut clients = Clients::new(target.address, settings.version)?;
    clients.skip_names(absent::SESSIONS);
    clients.enter(1, &|_| Vec::new(), 0)?;
    retained::store(&mut clients, count, settings)?;
    clients.leave()?;

    let what = format!("{count} queued, {count} retained");
    let mut points = Vec::new();
    for (signal, end) in [(Signal::TERM, "an orderly end"), (Signal::KILL, "kill -9")] {
        let start = target.start_again(signal)?;
        points.push(Point { label: format!("{what}, after {end}"), count: None, figures: figures(&start, target) });
    }
    absent::take_back(target, settings, &queues)?;
    let mut clients = Clients::new(target.address, settings.version)?;
    retained::replay(&mut clients, count, settings)?;
    Ok(points)
}

fn figures(start: &Start, target: &Target) -> Vec<Figure> {
    let mut figures = vec![
        Figure { what: "seconds until it listens", value: start.seconds },
        Figure { what: "seconds of CPU until then", value: start.cpu_us / 1e6 },
        Figure { what: "bytes in memory", value: target.memory_bytes() },
        Figure { what: "bytes on disk", value: target.disk_bytes() },
    ];
    // A server that says nothing of it has no such figure.
    if let Some(own_ms) = start.own_ms {
        figures.insert(1, Figure { what: "ms of that by its own account", value: own_ms });
    }
    figures
}
