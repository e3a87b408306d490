//! What must hold for any bytes that stand in batches of the log: they are read, or refused with the place, and nothing panics. The checksum
//! keeps damage away from here; a batch that another program wrote has a right one.

use midge_broker::record::{Batch, STAMP_BYTES, references};
use midge_broker::recovery::Recovery;
use midge_broker::{BATCH_HEADER_BYTES, Options};
use std::sync::Arc;

/// Batches of these bytes, each behind a length of one byte and a right stamp, as a snapshot and as what came behind it.
/// Returns how many records were read.
pub(crate) fn recover_any(data: &[u8]) -> usize {
    let mut recovery = Recovery::new(Arc::new(Options::default()), 7);
    let mut count = 0;
    for batch in batches(data) {
        let (address, content) = (batch.0, &batch.1[..]);
        count += records(address, content);
        let refused = recovery.read_snapshot(address, content).err();
        assert!(refused.is_none_or(|refused| refused.position >= address));
    }
    for (address, content) in batches(data) {
        let refused = recovery.replay(address, &content).err();
        let end = address + (BATCH_HEADER_BYTES + content.len()) as u64;
        assert!(refused.is_none_or(|refused| (address..=end).contains(&refused.position)));
        assert!(references(address, &content).map_or(0, |referred| referred.len()) <= content.len());
    }
    recovery.clock();
    count
}

fn records(address: u64, content: &[u8]) -> usize {
    let Ok(mut batch) = Batch::open(address, content) else { return 0 };
    std::iter::from_fn(|| batch.next_record().ok().flatten()).count()
}

fn batches(data: &[u8]) -> impl Iterator<Item = (u64, Vec<u8>)> {
    let (mut rest, mut address) = (data, 1000);
    std::iter::from_fn(move || {
        let (&[flags, length], behind) = rest.split_first_chunk::<2>()?;
        let (content, behind) = behind.split_at(usize::from(length).min(behind.len()));
        let mut batch = vec![0; STAMP_BYTES];
        (batch[0], batch[1], batch[2]) = (1, flags & 1, flags >> 6);
        batch.extend_from_slice(content);
        rest = behind;
        let at = address;
        address += (BATCH_HEADER_BYTES + batch.len()) as u64;
        Some((at, batch))
    })
}
