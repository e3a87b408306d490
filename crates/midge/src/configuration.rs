//! What the console tells of the configuration: each line of the file that says something, what holds where none does, and what is
//! legal and hardly meant. Secrets are not among it.

use std::path::Path;

use midge_config::{Mention, Mentions, Note, Place, State, directives};
use midge_server::{Configuration, ConfigurationLine, ConfigurationWarning};

/// The configuration of this file, or of none.
pub(crate) fn of(file: Option<&str>, mentions: &Mentions, notes: &[Note]) -> Configuration {
    let said = mentions.lines.iter().map(|mention| ConfigurationLine {
        directive: mention.directive.to_owned(),
        value: shown(mention),
        line: line_in(file, &mention.place),
        is_default: false,
    });
    let is_unsaid = |name: &str| mentions.lines.iter().all(|mention| mention.directive != name);
    let works = directives().filter(|directive| directive.state == State::Works && !directive.default.is_empty());
    let unsaid = works.filter(|directive| is_unsaid(directive.name)).map(|directive| ConfigurationLine {
        directive: directive.name.to_owned(),
        value: directive.default.to_owned(),
        line: None,
        is_default: true,
    });
    let warnings = notes.iter().map(|note| {
        let line = line_in(file, &note.place);
        let message = if line.is_some() { note.text.clone() } else { note.to_string() };
        ConfigurationWarning { line, message }
    });
    Configuration {
        file: file
            .map(|file| Path::new(file).canonicalize().map_or(file.to_owned(), |path| path.display().to_string())),
        lines: said.chain(unsaid).collect(),
        warnings: warnings.collect(),
    }
}

/// The line in the main file; a file that it includes has lines of its own.
fn line_in(file: Option<&str>, place: &Place) -> Option<u32> {
    (Some(place.file.as_str()) == file).then_some(place.line)
}

/// Passwords and keys that stand in the file itself are not shown, nor what plugins are told.
fn shown(mention: &Mention) -> String {
    let is_secret = mention.directive.ends_with("password")
        || mention.directive.ends_with("_psk")
        || ["influxdb_token", "webhook_secret", "otlp_header"].contains(&mention.directive)
        || mention.directive.contains("_opt_");
    let is_address = mention.directive.ends_with("_url") || mention.directive.ends_with("_endpoint");
    match (is_secret, is_address) {
        (true, _) => "(not shown)".to_owned(),
        (false, true) => without_secrets(&mention.value),
        (false, false) => mention.value.clone(),
    }
}

/// An address of the web without who asks, and without what is asked: either may be a secret.
fn without_secrets(address: &str) -> String {
    let (address, query) = address.split_once('?').map_or((address, ""), |(address, _)| (address, "?(not shown)"));
    let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
    let host_at = rest.find('/').unwrap_or(rest.len());
    let rest = rest[..host_at].rfind('@').map_or(rest, |at| &rest[at + 1..]);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{rest}{query}")
}

#[cfg(test)]
mod tests {
    use midge_config::{Excerpt, Files};

    use super::*;

    struct OneFile(&'static str);

    impl Files for OneFile {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.into())
        }

        fn list(&self, _: &str) -> Result<Vec<String>, String> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn lines_are_told_with_their_values_and_defaults_without_a_line() {
        let loaded = midge_config::load("m.conf", &OneFile("max_keepalive 60\n")).expect("it loads");
        let told = of(Some("m.conf"), &loaded.mentions, &loaded.notes);
        let line = |name: &str| told.lines.iter().find(|line| line.directive == name).expect("a line");
        let keep_alive = line("max_keepalive");
        assert_eq!((keep_alive.value.as_str(), keep_alive.line, keep_alive.is_default), ("60", Some(1), false));
        let unsaid = line("sys_interval");
        assert_eq!((unsaid.value.as_str(), unsaid.line, unsaid.is_default), ("10", None, true));
    }

    #[test]
    fn secrets_are_not_shown() {
        let check = |directive, expected: &str| {
            let place = Place { file: "m.conf".to_owned(), line: 1, included_at: None };
            let excerpt = Excerpt::new(b"", 0..0);
            let mention = Mention { directive, value: "x".to_owned(), is_path: false, place, excerpt };
            assert_eq!(shown(&mention), expected, "{directive}");
        };
        for secret in ["remote_password", "password", "bridge_psk", "plugin_opt_", "auth_opt_"] {
            check(secret, "(not shown)");
        }
        for secret in ["influxdb_password", "influxdb_token", "webhook_secret", "otlp_header"] {
            check(secret, "(not shown)");
        }
        let address = |address: &str, expected: &str| assert_eq!(without_secrets(address), expected);
        address("https://ada:secret@example.org:8/a@b?key=secret", "https://example.org:8/a@b?(not shown)");
        address("http://127.0.0.1:8086", "http://127.0.0.1:8086");
        address("ada:secret@example.org", "example.org");
        for known in ["password_file", "psk_file", "psk_hint", "max_keepalive"] {
            check(known, "x");
        }
    }
}
