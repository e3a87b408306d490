//! The calls that differ between platforms, one module for each. Linux is the one that is built and measured.

mod linux;

pub use linux::{Memory, add_shared_listener, memory, raise_open_files_limit, remove_shared_listener, usable_cores};
pub(crate) use linux::{read_spare, set_quick_ack};
