//! What the configuration says of other systems.

use midge_broker::ServiceOptions;
use midge_broker::service::CLIENT_ID_PREFIX;
use midge_config::{Config, TemplatePart, TimeUnit};
use midge_sinks::batch::Limits;
use midge_sinks::line::Kind;
use midge_sinks::template::{Part, Template};
use midge_sinks::time::Unit;

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SinkOptions {
    /// Points for InfluxDB.
    InfluxDb(Box<InfluxDbOptions>),
    /// A web service.
    Webhook(WebhookOptions),
    /// A file.
    File(FileOptions),
}

/// InfluxDB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InfluxDbOptions {
    /// Where it is.
    pub url: String,
    /// Into what, and who says so.
    pub account: InfluxDbAccount,
    /// The file with the certificates that vouch for it.
    pub cafile: Option<String>,
    /// Topic Filters.
    pub topics: Vec<String>,
    /// What is written.
    pub points: midge_sinks::influxdb::Options,
}

/// Into what, and who says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InfluxDbAccount {
    /// Of version 1.
    Database {
        /// Its name.
        name: String,
        /// User name and password.
        user: Option<(String, String)>,
    },
    /// Of versions 2 and 3.
    Bucket {
        /// Its name.
        name: String,
        /// The organization whose it is.
        org: Option<String>,
        /// The token.
        token: Option<String>,
    },
}

/// A web service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookOptions {
    /// Where it is.
    pub url: String,
    /// What requests are signed with.
    pub secret: Option<String>,
    /// The file with the certificates that vouch for it.
    pub cafile: Option<String>,
    /// Topic Filters.
    pub topics: Vec<String>,
}

/// A file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileOptions {
    /// Which.
    pub path: String,
    /// When it is this large, another one is begun.
    pub max_bytes: u64,
    /// How many older ones are kept.
    pub keep: u16,
    /// Topic Filters.
    pub topics: Vec<String>,
}

impl SinkOptions {
    /// What there is in this configuration, which was found to be whole.
    pub(crate) fn of(config: &Config) -> Vec<SinkOptions> {
        let sinks = &config.sinks;
        let influxdb = influxdb(&sinks.influxdb).map(|options| SinkOptions::InfluxDb(Box::new(options)));
        let webhook = sinks.webhook.url.clone().map(|url| {
            let midge_config::Webhook { topics, secret, cafile, .. } = sinks.webhook.clone();
            SinkOptions::Webhook(WebhookOptions { url, secret, cafile, topics })
        });
        let file = sinks.file.path.clone().map(|path| {
            let midge_config::FileSink { topics, max_bytes, keep, .. } = sinks.file.clone();
            SinkOptions::File(FileOptions { path, max_bytes, keep, topics })
        });
        [influxdb, webhook, file].into_iter().flatten().collect()
    }

    /// What the shards know of it.
    pub(crate) fn service(&self) -> ServiceOptions {
        let filters = self.topics().iter().map(|filter| filter.as_str().into()).collect();
        ServiceOptions { client_id: self.client_id().into(), filters }
    }

    /// As files and threads are called.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            SinkOptions::InfluxDb(_) => "influxdb",
            SinkOptions::Webhook(_) => "webhook",
            SinkOptions::File(_) => "file",
        }
    }

    pub(crate) fn client_id(&self) -> String {
        format!("{CLIENT_ID_PREFIX}{}", self.name())
    }

    pub(crate) fn topics(&self) -> &[String] {
        match self {
            SinkOptions::InfluxDb(options) => &options.topics,
            SinkOptions::Webhook(options) => &options.topics,
            SinkOptions::File(options) => &options.topics,
        }
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        match self {
            SinkOptions::InfluxDb(options) => format!("InfluxDB at {}", without_query(&options.url)),
            SinkOptions::Webhook(options) => format!("The web service {}", without_query(&options.url)),
            SinkOptions::File(options) => format!("The file {}", options.path),
        }
    }

    /// When batches are sent.
    pub(crate) fn limits(&self) -> Limits {
        match self {
            // What InfluxData advises, and as long as nobody minds who looks at a chart.
            SinkOptions::InfluxDb(_) => Limits { messages: 5000, bytes: 4 << 20, wait_ms: 1000 },
            SinkOptions::Webhook(_) => Limits { messages: 500, bytes: 512 << 10, wait_ms: 200 },
            SinkOptions::File(_) => Limits { messages: 5000, bytes: 4 << 20, wait_ms: 100 },
        }
    }
}

/// What follows a question mark may be a secret.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

fn influxdb(config: &midge_config::InfluxDb) -> Option<InfluxDbOptions> {
    let url = config.url.clone()?;
    let account = match (&config.database, &config.bucket) {
        (Some(name), _) => {
            let user = config.username.clone().map(|name| (name, config.password.clone().unwrap_or_default()));
            InfluxDbAccount::Database { name: name.clone(), user }
        }
        (None, bucket) => {
            InfluxDbAccount::Bucket { name: bucket.clone()?, org: config.org.clone(), token: config.token.clone() }
        }
    };
    let points = midge_sinks::influxdb::Options {
        measurement: template(&config.measurement),
        tags: config.tags.iter().map(|(name, value)| (name.clone(), template(value))).collect(),
        fields: config.fields.clone(),
        time: config.time.clone().map(|(path, counts)| (path, unit(counts))),
        precision: unit(config.precision),
        whole_numbers: if config.integers { Kind::Integer } else { Kind::Float },
    };
    Some(InfluxDbOptions { url, account, cafile: config.cafile.clone(), topics: config.topics.clone(), points })
}

fn template(parts: &[TemplatePart]) -> Template {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Text(text) => Part::Text(text.clone()),
        TemplatePart::Topic => Part::Topic,
        TemplatePart::Level(number) => Part::Level(*number),
    };
    Template::new(parts.iter().map(part).collect())
}

fn unit(unit: TimeUnit) -> Unit {
    match unit {
        TimeUnit::Seconds => Unit::Seconds,
        TimeUnit::Milliseconds => Unit::Milliseconds,
        TimeUnit::Microseconds => Unit::Microseconds,
        TimeUnit::Nanoseconds => Unit::Nanoseconds,
    }
}
