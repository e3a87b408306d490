//! The calls that differ between platforms, one module for each. Linux is the one that is built and measured.

mod linux;

pub use linux::{
    Memory, add_shared_listener, memory, open_beneath, raise_open_files_limit, remove_shared_listener, thread_time_ns,
    usable_cores,
};
pub(crate) use linux::{bind_to_interface, peek, read_spare, set_quick_ack, skip};
