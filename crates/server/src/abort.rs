//! A thread that panics takes the process with it, where the others would be wrong without it.

/// While it lives, a panic of its thread ends the process: a supervisor starts it anew.
pub(crate) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
