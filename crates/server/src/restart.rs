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
    compare("admin_socket", started.admin_socket == now.admin_socket);
    compare("sys_presence", started.sys_presence == now.sys_presence);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use midge_config::{Config, PersistenceSync, State, directives};

    use super::*;
    use crate::options::Identity;

    /// What the manual says of each directive is what is told.
    #[test]
    fn all_that_is_not_reloadable_is_told() {
        let check = |change: &dyn Fn(&mut Config), expected: &[&'static str]| -> Vec<&'static str> {
            let [mut before, mut after] = [(); 2].map(|()| Config::without_file());
            (before.persistence.on, after.persistence.on) = (true, true);
            before.shards = Some(1);
            after.shards = Some(1);
            change(&mut after);
            let [before, after] = [before, after].map(|config| Options::from_config(&config, Identity::Midge));
            let told = needs_restart(&before, &after);
            assert_eq!(told, expected);
            told
        };
        let process = |config: &mut Config| {
            config.shards = Some(2);
            config.user = "ann".to_owned();
            config.pid_file = Some("pid".to_owned());
            config.admin_socket = Some("socket".to_owned());
            config.sys_presence = true;
        };
        let kept = |config: &mut Config| {
            config.persistence.location = Some("folder".to_owned());
            config.persistence.file = "other.db".to_owned();
            config.persistence.sync = PersistenceSync::Os;
            config.persistence.max_bytes = Some(1 << 40);
        };
        let told: BTreeSet<&str> = [
            check(&|_| (), &[]),
            check(&process, &["shards", "user", "pid_file", "admin_socket", "sys_presence"]),
            check(&kept, &["persistence_location", "persistence_file", "persistence_sync", "persistence_max_bytes"]),
            check(&|config| config.persistence.on = false, &["persistence"]),
        ]
        .concat()
        .into_iter()
        .collect();
        let works = directives().filter(|directive| directive.state == State::Works);
        let not_reloadable = works.filter(|directive| !directive.reloadable).map(|directive| directive.name);
        assert_eq!(told, not_reloadable.collect());
    }
}
