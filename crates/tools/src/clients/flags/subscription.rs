//! Flags that say what is subscribed to, and which messages count.

use super::super::settings::Settings;
use super::super::values;
use super::word;
use crate::flags::{Flag, Kind, Section, Takes};

pub(super) static SECTION: Section<Settings> = Section {
    title: "Subscription",
    flags: &[
        Flag {
            names: &["-t", "--topic"],
            takes: Takes::Word(
                word("FILTER", Kind::Text, "Error: -t argument given but no topic specified."),
                |settings, word| settings.add_topic("-t", word),
            ),
            repeats: true,
            help: "Subscribe to this topic. + stands for one level of it, and # for all that follow.",
        },
        Flag {
            names: &["-U", "--unsubscribe"],
            takes: Takes::Word(
                word("FILTER", Kind::Text, "Error: -U argument given but no unsubscribe topic specified."),
                |settings, word| {
                    settings.subscription.unsubscribes.push(values::filter("-U", "unsubscribe", word)?);
                    Ok(())
                },
            ),
            repeats: true,
            help: "Give a subscription up that the session has (-c).",
        },
        super::QOS,
        RETAIN_AS_PUBLISHED,
        RETAIN_HANDLING,
    ],
};

pub(super) static SELECTION: Section<Settings> = Section {
    title: "Selection",
    flags: &[
        Flag {
            names: &["-T", "--filter-out"],
            takes: Takes::Word(
                word("FILTER", Kind::Text, "Error: -T argument given but no topic filter specified."),
                |settings, word| {
                    settings.subscription.filters_out.push(values::filter("-T", "filter", word)?);
                    Ok(())
                },
            ),
            repeats: true,
            help: "Leave out messages on these topics.",
        },
        NO_RETAINED,
        Flag {
            names: &["--retained-only"],
            takes: on!(subscription.is_retained_only),
            repeats: false,
            help: "Only retained messages count, and the first other one ends it.",
        },
        Flag {
            names: &["--remove-retained"],
            takes: on!(subscription.removes_retained),
            repeats: false,
            help: "Remove each retained message that is shown from the server. -T saves some.",
        },
        Flag {
            names: &["--random-filter"],
            takes: put!(
                word("PERCENT", Kind::Text, "Error: --random-filter argument given but no chance specified."),
                output.chance_per_mille = values::chance_per_mille
            ),
            repeats: false,
            help: "Show each message with this chance only, from 0.1 to 100.",
        },
        Flag {
            names: &["-C"],
            takes: put!(
                word("COUNT", Kind::Text, "Error: -C argument given but no count specified."),
                subscription.count = values::count
            ),
            repeats: false,
            help: "Leave after so many messages.",
        },
        Flag {
            names: &["-E"],
            takes: on!(subscription.ends_when_subscribed),
            repeats: false,
            help: "Leave when the server has answered all subscriptions.",
        },
        super::TIMEOUT,
    ],
};

/// What `rr` may say of its one Subscription.
pub(super) static RETAINED: Section<Settings> =
    Section { title: "Subscription", flags: &[NO_RETAINED, RETAIN_AS_PUBLISHED, RETAIN_HANDLING] };

const NO_RETAINED: Flag<Settings> = Flag {
    names: &["-R"],
    takes: Takes::Nothing(|settings| {
        settings.subscription.is_without_retained = true;
        settings.subscription.options.retain_handling = midge_codec::RetainHandling::DoNotSend;
        Ok(())
    }),
    repeats: false,
    help: "Leave out retained messages.",
};

const RETAIN_AS_PUBLISHED: Flag<Settings> = Flag {
    names: &["--retain-as-published"],
    takes: on!(subscription.options.retain_as_published),
    repeats: false,
    help: "Have messages marked as retained that were published so. MQTT version 5.",
};

const RETAIN_HANDLING: Flag<Settings> = Flag {
    names: &["--retain-handling"],
    takes: put!(
        word(
            "WHEN",
            Kind::OneOf(&["always", "new", "never"]),
            "Error: --retain-handling argument given but no option specified."
        ),
        subscription.options.retain_handling = values::retain_handling
    ),
    repeats: false,
    help: "When retained messages are sent: always (usual), for new subscriptions, or never. MQTT version 5.",
};
