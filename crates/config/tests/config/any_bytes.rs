//! Whatever a file holds, reading it ends with a configuration or with errors that say where.

use midge_config::directives;
use proptest::prelude::*;

use crate::support::read;

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes);
    }

    /// Known first words get past the first check.
    #[test]
    fn any_values_are_read(lines in prop::collection::vec((any_name(), any_value()), 0..20)) {
        let text: Vec<String> = lines.into_iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        check(text.concat().as_bytes());
    }
}

fn any_name() -> impl Strategy<Value = &'static str> {
    let names: Vec<&str> =
        directives().flat_map(|one| [one.name].into_iter().chain(one.aliases.iter().copied())).collect();
    prop::sample::select(names)
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (-2..70_000).prop_map(|number: i32| number.to_string()),
        any::<u32>().prop_map(|number| format!("{number:#x}")),
        prop::sample::select(vec![
            "true", "false", "0", "1", "none", "all", "mqtt", "ipv6", "9d", "os", "9ms", "\u{0}", "\t", "\""
        ])
        .prop_map(str::to_owned),
        "\\PC{0,20}",
    ]
}

fn check(bytes: &[u8]) {
    match read(bytes) {
        Ok(loaded) => assert!(!loaded.config.listeners.is_empty(), "there is always somewhere to connect to"),
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.iter().all(|problem| problem.place.is_some()), "every error says where");
        }
    }
}
