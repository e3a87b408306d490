//! What counts only from the start of the process on: a reload that finds it changed says so.

use crate::options::Options;

/// The directives that say something else now than when the server was started and need a restart to count.
pub(crate) fn needs_restart(started: &Options, now: &Options) -> Vec<&'static str> {
    let mut changed = Vec::new();
    let mut compare = |directive, is_same: bool| {
        if !is_same {
            changed.push(directive);
        }
    };
    compare("shards", started.shards == now.shards);
    compare("user", started.account == now.account);
    compare("pid_file", started.pid_file == now.pid_file);
    match (&started.persistence, &now.persistence) {
        (Some(started), Some(now)) => {
            compare("persistence_location", started.database.parent() == now.database.parent());
            compare("persistence_file", started.database.file_name() == now.database.file_name());
            compare("persistence_sync", started.sync == now.sync);
            compare("persistence_max_bytes", started.max_bytes == now.max_bytes);
        }
        (None, None) => {}
        _ => compare("persistence", false),
    }
    changed
}
