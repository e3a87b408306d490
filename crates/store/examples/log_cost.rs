//! What a batch costs and how fast a log is read: `cargo run --release -p midge-store --example log_cost FOLDER`.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use midge_store::{BATCH_HEADER_BYTES, Log, Options, Repair, SystemDisk};
use rustix::time::{ClockId, clock_gettime};

/// 64 messages of 150 bytes.
const PAYLOAD_BYTES: usize = 64 * 150;

const BATCHES: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("which folder?")?);
    let mut log = Log::open(SystemDisk, &folder, Options::default(), Repair::No)?.log;
    log.prepare()?;
    let mut batch = (PAYLOAD_BYTES as u32).to_le_bytes().to_vec();
    batch.resize(BATCH_HEADER_BYTES + PAYLOAD_BYTES, 7);

    for (what, syncs) in [("written", false), ("written and synced", true)] {
        let (began, used) = (Instant::now(), processor_time());
        let mut switches = Duration::ZERO;
        for _ in 0..BATCHES {
            let one = Instant::now();
            log.write(&mut batch)?;
            switches = switches.max(one.elapsed());
            if syncs {
                log.sync()?;
            }
        }
        let (took, used) = (began.elapsed() / BATCHES, (processor_time() - used) / BATCHES);
        println!("a batch {what}: {took:?}, {used:?} of it processor; the longest write {switches:?}");
    }
    log.sync()?;
    let (start, end, bytes) = (log.start(), log.end(), log.bytes());
    drop(log);

    let began = Instant::now();
    let log = Log::open(SystemDisk, &folder, Options::default(), Repair::No)?.log;
    println!("opened in {:?}", began.elapsed());
    let (began, used) = (Instant::now(), processor_time());
    log.read(start, end, |_, _| ControlFlow::Continue(()))?;
    let (took, used) = (began.elapsed(), processor_time() - used);
    let rate = (end.0 - start.0) as f64 / took.as_secs_f64() / 1e9;
    println!("read: {rate:.1} GB/s, {used:?} processor for {bytes} bytes of files");
    Ok(())
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
