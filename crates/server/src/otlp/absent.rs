//! A server that is built without: its configuration cannot name a collector.

use std::io;

use midge_config::Otlp;

use super::Surroundings;

/// Nothing is sent anywhere.
pub(crate) struct Exports;

impl Exports {
    pub(crate) fn new(_: Surroundings) -> Exports {
        Exports
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as where there is something to do")]
    pub(crate) fn put_in_force(&self, _: &Otlp) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "as where there is something to do")]
    pub(crate) fn measure_last(&self) {}

    #[expect(clippy::unused_self, reason = "as where there is something to do")]
    pub(crate) fn stop(&self) {}
}
