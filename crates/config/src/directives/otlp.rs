//! A collector of OpenTelemetry that is sent metrics and log lines.

use super::Scope::Global;
use super::Take::{Bool, Integer, Path, Text, Words};
use super::{Again, Bounds, Directive, Given, directive};
use crate::draft::Draft;
use crate::otlp::header_fault;
use crate::web::set_url;

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("otlp_endpoint", Global, Text(Again::Replaces, |draft, url| set_url(draft, url, |draft| &mut draft.config.otlp.endpoint)))
        .reloadable()
        .single()
        .with_feature("otlp")
        .doc("Send metrics and log lines to the collector of OpenTelemetry that is there: http://HOST:4318.")
        .note(
            "Not in Mosquitto. OTLP/HTTP with Protobuf; /v1/metrics and /v1/logs are put behind it. While the collector is away, some \
             lines wait in memory, and those beyond are counted and left out.",
        ),
    directive("otlp_header", Global, Words(header))
        .reloadable()
        .with_feature("otlp")
        .doc("A header of each request, NAME VALUE, such as authorization Bearer TOKEN; may be given more than once."),
    directive("otlp_cafile", Global, Path(Again::Replaces, |draft, path| draft.config.otlp.cafile = Some(path)))
        .reloadable()
        .single()
        .with_feature("otlp")
        .doc("The file with the certificates that vouch for the collector; without it those of the system do."),
    directive(
        "otlp_interval",
        Global,
        Integer(Bounds { min: 1, max: 86_400, outside: "Invalid 'otlp_interval' value ({})." }, |draft, seconds| {
            draft.config.otlp.interval_s = seconds as u32;
        }),
    )
    .default("60")
    .reloadable()
    .single()
    .with_feature("otlp")
    .doc("Send metrics every so many seconds. Log lines are sent within a second."),
    directive("otlp_metrics", Global, Bool(|draft, on| draft.config.otlp.metrics = on))
        .default("true")
        .reloadable()
        .single()
        .with_feature("otlp")
        .doc("Whether the collector is sent metrics: those of the console's /metrics, but for what only a console knows."),
    directive("otlp_logs", Global, Bool(|draft, on| draft.config.otlp.logs = on))
        .default("true")
        .reloadable()
        .single()
        .with_feature("otlp")
        .doc("Whether the collector is sent log lines: those that log_type and connection_messages let through.")
        .note("With `log_dest none` they go nowhere else."),
];

fn header(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(name) = draft.word(given.name, words.next()) else { return };
    let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(words.rest()));
    match header_fault(&name, &value) {
        Some(fault) => draft.error_unshown(format!("Invalid 'otlp_header' value ({name}): {fault}."), None),
        None => {
            let name = name.to_ascii_lowercase();
            draft.config.otlp.headers.retain(|(other, _)| *other != name);
            draft.config.otlp.headers.push((name, value.into_owned()));
        }
    }
}
