//! The secrets of connections, written to a file for those who look into recorded traffic (`--tls-keylog`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file in the format of NSS, which Wireshark reads. Whoever has it can read all connections: only the owner may.
#[derive(Debug)]
pub struct KeyLog {
    file: Mutex<File>,
}

/// Two are never of one file.
impl PartialEq for KeyLog {
    fn eq(&self, other: &KeyLog) -> bool {
        std::ptr::eq(self, other)
    }
}

impl KeyLog {
    /// Opens the file at `path` to write at its end.
    pub fn open(path: &Path) -> io::Result<KeyLog> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(KeyLog { file: Mutex::new(file) })
    }
}

impl KeyLog {
    /// A line of it.
    pub(crate) fn write(&self, line: &str) {
        // It is a tool for looking at one's own server: a full disk must not end connections.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.write(&format!("{label} {} {}", hex(client_random), hex(secret)));
    }
}
