//! The file to which the server hands on whatever is published, in a campaign: what was acknowledged stands in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::account::{Delivered, Published, Verdict};

/// See the module.
pub(crate) struct FileSink(PathBuf);

impl FileSink {
    pub(crate) fn new(folder: &Path) -> FileSink {
        FileSink(folder.join("load.jsonl"))
    }

    /// Lines of configuration that have it written, and renamed every now and then.
    pub(crate) fn configuration(&self) -> String {
        let path = self.0.display();
        format!("file_sink {path}\nfile_sink_topic load/#\nfile_sink_max_bytes 200000\nfile_sink_keep {KEEP}\n")
    }

    /// What stands in it and in those that it was renamed to, once it has all or nothing more comes.
    pub(crate) fn delivered(&self, published: &[Published], patience: Duration) -> Delivered {
        let (mut count, mut heard) = (0, Instant::now());
        loop {
            let delivered = Delivered { subscriber: "the file".to_owned(), qos: 1, messages: self.messages() };
            if delivered.messages.len() > count {
                (count, heard) = (delivered.messages.len(), Instant::now());
            }
            let has_all = Verdict::of(published, std::slice::from_ref(&delivered)).lost == 0;
            if has_all || heard.elapsed() > patience {
                return delivered;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn messages(&self) -> Vec<(String, u64)> {
        let older = (1..=KEEP).rev().map(|number| PathBuf::from(format!("{}.{number}", self.0.display())));
        let texts = older.chain([self.0.clone()]).filter_map(|path| fs::read_to_string(path).ok());
        texts.flat_map(|text| text.lines().filter_map(message).collect::<Vec<_>>()).collect()
    }
}

/// The topic, and the number with which the payload begins; `None`: the line is being written just now.
fn message(line: &str) -> Option<(String, u64)> {
    let object: Value = serde_json::from_str(line).ok()?;
    let number = object["payload"].as_str()?.split(':').next()?.parse().ok()?;
    Some((object["topic"].as_str()?.to_owned(), number))
}

/// More than any campaign fills.
const KEEP: u32 = 999;
