//! A load that goes on for a while: warmed up, measured, and then drained, so that what is missing shows.

use std::time::{Duration, Instant};

use crate::clients::{Clients, Fault, Handler};
use crate::target::{Target, own_cpu_us};
use crate::{Figure, Settings};

/// Something that keeps a server busy.
pub(crate) trait Load: Handler {
    /// Sends what may be sent now.
    fn send(&mut self, clients: &mut Clients) -> Result<(), Fault>;

    /// How much must come of what was sent, from the start.
    fn due(&self) -> u64;

    /// How much of that has come, each once and in order.
    fn done(&self) -> u64;
}

/// What happened between the warm-up and the end.
pub(crate) struct Sample {
    pub(crate) done: f64,
    pub(crate) seconds: f64,
    pub(crate) cpu_us: f64,
    /// How much of the time the generator had a core; it spins, so less than 1 means that others were in its way.
    pub(crate) generator_share: f64,
}

/// Lets the load run for the seconds of the settings, and checks that all came that was due.
pub(crate) fn measure(
    target: &Target,
    clients: &mut Clients,
    load: &mut impl Load,
    settings: &Settings,
) -> Result<Sample, Fault> {
    let mut patience = Patience::new(settings);
    let warm = Instant::now() + Duration::from_secs_f64(settings.seconds * WARM_UP_SHARE);
    while Instant::now() < warm {
        step(clients, load, settings, &mut patience)?;
    }
    let (start, cpu_us, own_us, done) = (Instant::now(), target.cpu_us(), own_cpu_us(), load.done());
    // At least one: a disk that is busy may keep a message longer than a short measurement takes.
    while start.elapsed().as_secs_f64() < settings.seconds || load.done() == done {
        step(clients, load, settings, &mut patience)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let sample = Sample {
        done: (load.done() - done) as f64,
        seconds,
        cpu_us: target.cpu_us() - cpu_us,
        generator_share: (own_cpu_us() - own_us) / 1e6 / seconds,
    };
    drain(clients, load, settings)?;
    Ok(sample)
}

/// Lets the load run until `count` has come, which is all that it ever sends.
pub(crate) fn complete(
    clients: &mut Clients,
    load: &mut impl Load,
    count: u64,
    settings: &Settings,
) -> Result<(), Fault> {
    let mut patience = Patience::new(settings);
    while load.done() < count {
        step(clients, load, settings, &mut patience)?;
    }
    drain(clients, load, settings)
}

/// Waits until all has come that is due.
pub(crate) fn drain(clients: &mut Clients, load: &mut impl Load, settings: &Settings) -> Result<(), Fault> {
    let mut patience = Patience::new(settings);
    while load.done() < load.due() {
        clients.turn(Duration::from_millis(10), load)?;
        patience.check(load)?;
    }
    if load.done() > load.due() {
        return Err(format!("{} came of {} that were due", load.done(), load.due()));
    }
    Ok(())
}

impl Sample {
    /// CPU time of the server for each `thing`, and how many there were in a second.
    pub(crate) fn figures(&self, cpu: &'static str, rate: &'static str) -> Vec<Figure> {
        vec![
            Figure { what: cpu, value: self.cpu_us / self.done },
            Figure { what: rate, value: self.done / self.seconds },
            Figure { what: GENERATOR_SHARE, value: self.generator_share },
        ]
    }
}

fn step(
    clients: &mut Clients,
    load: &mut impl Load,
    settings: &Settings,
    patience: &mut Patience,
) -> Result<(), Fault> {
    load.send(clients)?;
    // A generator that sleeps must be woken, and the server would be charged for that.
    let wait = if settings.pins.is_some() { Duration::ZERO } else { Duration::from_millis(1) };
    clients.turn(wait, load)?;
    patience.check(load)
}

/// Notices when nothing comes any more.
struct Patience {
    done: u64,
    since: Instant,
    limit: Duration,
}

impl Patience {
    fn new(settings: &Settings) -> Self {
        Self { done: 0, since: Instant::now(), limit: settings.patience }
    }

    fn check(&mut self, load: &impl Load) -> Result<(), Fault> {
        if load.done() != self.done {
            self.done = load.done();
            self.since = Instant::now();
        } else if self.since.elapsed() > self.limit {
            return Err(format!("{} are missing of {} that were due", load.due() - load.done(), load.due()));
        }
        Ok(())
    }
}

/// Figures about the measurement, not about the server.
pub(crate) const GENERATOR_SHARE: &str = "share of a core that the generator had";
/// Where the rate is given.
pub(crate) const RATE_REACHED: &str = "deliveries per second, as was asked for";

const WARM_UP_SHARE: f64 = 0.3;
