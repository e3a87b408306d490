//! What the flags of the clients set.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use midge_codec::{QoS, SubscriptionOptions, Version};

use super::recording_settings::RecordingSettings;
use super::retained::RetainedSettings;
use super::values;
use crate::bench::LoadSettings;
use crate::format::Format;
use crate::json_path::JsonPath;
use crate::property::PacketProperties;
use crate::url::{ProxyUrl, ServerUrl};

/// A client. They read the same flag differently here and there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tool {
    /// `pub`.
    Publisher,
    /// `sub`.
    Subscriber,
    /// `rr`.
    Requester,
    /// `retained`.
    Retained,
    /// `record`.
    Recorder,
    /// `replay`.
    Replayer,
    /// `doctor`.
    Doctor,
}

/// Everything that was said on the command line and in the options file.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) tool: Tool,
    pub(crate) server: Server,
    pub(crate) tls: Tls,
    pub(crate) client: ClientSettings,
    pub(crate) will: WillSettings,
    /// `-D`.
    pub(crate) properties: PacketProperties,
    /// `-t`, each of them. A Topic Name in `pub` and `rr`, of which the last counts; Topic Filters in `sub`.
    pub(crate) topics: Vec<String>,
    /// `-q`.
    pub(crate) qos: QoS,
    pub(crate) message: MessageSettings,
    pub(crate) subscription: SubscriptionSettings,
    pub(crate) output: OutputSettings,
    /// Of `bench`.
    pub(crate) load: LoadSettings,
    /// `-d`: each packet is told.
    pub(crate) is_debugging: bool,
    /// `--quiet`: nothing goes to standard error.
    pub(crate) is_quiet: bool,
    /// `-W`, in seconds.
    pub(crate) timeout_s: Option<u32>,
    /// The words that are no flags.
    pub(crate) operands: Vec<OsString>,
    pub(crate) retained: RetainedSettings,
    pub(crate) recording: RecordingSettings,
    /// `-f` of `ctrl`: the file that is changed instead of what a server holds.
    pub(crate) control_file: Option<PathBuf>,
}

/// Where the server is, and the way to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    /// `-h`; the own machine, where there is none.
    pub(crate) host: Option<String>,
    /// `-p`; that of the protocol, where there is none.
    pub(crate) port: Option<u16>,
    /// `--unix`.
    pub(crate) socket: Option<PathBuf>,
    /// `--ws`.
    pub(crate) is_websocket: bool,
    /// `-A`.
    pub(crate) bind: Option<IpAddr>,
    /// `--proxy`.
    pub(crate) proxy: Option<ProxyUrl>,
}

/// How the connection is encrypted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    /// `--cafile`.
    pub(crate) ca_file: Option<PathBuf>,
    /// `--capath`.
    pub(crate) ca_folder: Option<PathBuf>,
    /// `--tls-use-os-certs`, and URLs of encrypted schemes.
    pub(crate) trusts_system: bool,
    /// `--cert`.
    pub(crate) certificate_file: Option<PathBuf>,
    /// `--key`.
    pub(crate) key_file: Option<PathBuf>,
    /// `--ciphers`.
    pub(crate) ciphers: Option<String>,
    /// `--tls-version`.
    pub(crate) version: Option<String>,
    /// `--tls-alpn`.
    pub(crate) alpn: Option<String>,
    /// `--tls-keylog`.
    pub(crate) key_log: Option<PathBuf>,
    /// `--insecure`: any name may stand in the certificate.
    pub(crate) is_insecure: bool,
    /// `--no-tls`.
    pub(crate) is_unwanted: bool,
    /// `--keyform`.
    pub(crate) key_form: Option<String>,
    /// `--tls-engine`.
    pub(crate) engine: Option<String>,
    /// `--psk`, in hexadecimal digits.
    pub(crate) psk: Option<String>,
    /// `--psk-identity`.
    pub(crate) psk_identity: Option<String>,
}

/// How the client introduces itself.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// `-V`, or 5 where a flag wants it.
    pub(crate) version: Version,
    /// `-i`.
    pub(crate) id: Option<String>,
    /// `-I`.
    pub(crate) id_prefix: Option<String>,
    /// `-c`: the Session goes on.
    pub(crate) is_persistent: bool,
    /// `-x`.
    pub(crate) session_expiry_interval_s: Option<u32>,
    /// `-k`.
    pub(crate) keep_alive_s: u16,
    /// `-u`.
    pub(crate) username: Option<String>,
    /// `-P`.
    pub(crate) password: Option<Vec<u8>>,
    /// `-M`.
    pub(crate) inflight_max: u16,
}

/// What the server publishes should the client go without a word.
#[derive(Clone, Debug, Default)]
pub(crate) struct WillSettings {
    /// `--will-topic`.
    pub(crate) topic: Option<String>,
    /// `--will-payload`.
    pub(crate) payload: Vec<u8>,
    /// `--will-qos`.
    pub(crate) qos: QoS,
    /// `--will-retain`.
    pub(crate) retain: bool,
}

/// What `pub` and `rr` send.
#[derive(Clone, Debug)]
pub(crate) struct MessageSettings {
    /// The payload.
    pub(crate) source: Option<Source>,
    /// `-r`.
    pub(crate) retain: bool,
    /// `--repeat`.
    pub(crate) count: u32,
    /// `--repeat-delay`.
    pub(crate) delay: Duration,
    /// `-e`: where `rr` waits for the answer.
    pub(crate) response_topic: Option<String>,
}

/// Where a payload comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// `-m`.
    Word(Vec<u8>),
    /// `-f`.
    File(PathBuf),
    /// `-s`: all of standard input.
    StandardInput,
    /// `-l`: each line of standard input is a message.
    Lines,
    /// `-n`.
    Nothing,
}

/// What `sub` wants of the server, and which of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubscriptionSettings {
    /// Of all Subscriptions; the QoS stands elsewhere.
    pub(crate) options: SubscriptionOptions,
    /// `-U`.
    pub(crate) unsubscribes: Vec<String>,
    /// `-T`: messages on these topics are left out.
    pub(crate) filters_out: Vec<String>,
    /// `-R`.
    pub(crate) is_without_retained: bool,
    /// `--retained-only`.
    pub(crate) is_retained_only: bool,
    /// `--remove-retained`.
    pub(crate) removes_retained: bool,
    /// `-C`.
    pub(crate) count: Option<u32>,
    /// `-E`.
    pub(crate) ends_when_subscribed: bool,
}

/// How messages are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputSettings {
    /// `-F`.
    pub(crate) format: Option<Format>,
    /// `-N`: payloads as they are, without an end of line.
    pub(crate) is_bare: bool,
    /// `-v`.
    pub(crate) is_verbose: bool,
    /// `--pretty`.
    pub(crate) is_pretty: bool,
    /// `--random-filter`, in thousandths; `None`: all.
    pub(crate) chance_per_mille: Option<u16>,
    /// `--watch`.
    pub(crate) is_watching: bool,
    /// `--chart`.
    pub(crate) chart: Option<JsonPath>,
    /// `--table`.
    pub(crate) is_table: bool,
    /// `--message-rate`.
    pub(crate) counts_only: bool,
    /// `--latency`.
    pub(crate) tells_latency: bool,
}

impl Settings {
    /// What counts where nothing is said.
    pub(crate) fn new(tool: Tool) -> Settings {
        let version = match tool {
            Tool::Publisher | Tool::Subscriber => Version::V311,
            Tool::Requester | Tool::Retained | Tool::Recorder | Tool::Replayer | Tool::Doctor => Version::V5,
        };
        Settings {
            tool,
            server: Server::default(),
            tls: Tls::default(),
            client: ClientSettings {
                version,
                id: None,
                id_prefix: None,
                is_persistent: false,
                session_expiry_interval_s: None,
                keep_alive_s: 60,
                username: None,
                password: None,
                inflight_max: 20,
            },
            will: WillSettings::default(),
            properties: PacketProperties::default(),
            topics: Vec::new(),
            qos: if tool == Tool::Recorder { QoS::ExactlyOnce } else { QoS::AtMostOnce },
            message: MessageSettings {
                source: None,
                retain: false,
                count: 1,
                delay: Duration::ZERO,
                response_topic: None,
            },
            subscription: SubscriptionSettings::default(),
            output: OutputSettings::default(),
            load: LoadSettings::default(),
            is_debugging: false,
            is_quiet: false,
            timeout_s: None,
            operands: Vec::new(),
            retained: RetainedSettings::default(),
            recording: RecordingSettings::default(),
            control_file: None,
        }
    }

    /// `-t`.
    pub(crate) fn add_topic(&mut self, flag: &str, topic: &OsStr) -> Result<(), String> {
        let topic = match self.tool {
            Tool::Subscriber | Tool::Retained | Tool::Recorder => values::filter(flag, "subscription", topic)?,
            Tool::Publisher | Tool::Requester | Tool::Replayer | Tool::Doctor => {
                values::topic_name(flag, "publish", topic)?
            }
        };
        self.topics.push(topic);
        Ok(())
    }

    /// `-L`.
    pub(crate) fn take_url(&mut self, word: &OsStr) -> Result<(), String> {
        let url = ServerUrl::parse(values::text("-L", word)?, !matches!(self.tool, Tool::Replayer | Tool::Doctor))?;
        match self.tool {
            Tool::Replayer | Tool::Doctor if url.topic.is_empty() => {}
            Tool::Replayer => {
                let there = "Error: Topics are those of the recording: leave them out of the URL, and see --map.";
                return Err(there.to_owned());
            }
            _ => self.add_topic("-L topic", OsStr::new(&url.topic))?,
        }
        self.take_server(url);
        Ok(())
    }

    /// The server of a URL, without its topic.
    pub(crate) fn take_server(&mut self, url: ServerUrl) {
        self.server.host = Some(url.host);
        self.server.port = Some(url.port);
        self.server.is_websocket |= url.is_websocket;
        self.tls.trusts_system |= url.is_encrypted;
        self.client.username = url.username.or(self.client.username.take());
        self.client.password = url.password.map(String::into_bytes).or(self.client.password.take());
    }

    /// How many seconds the Session outlives the connection; there is none before version 5.
    pub(crate) fn session_expiry_interval_s(&self) -> u32 {
        let usual = if self.client.is_persistent { u32::MAX } else { 0 };
        self.client.session_expiry_interval_s.unwrap_or(usual)
    }

    /// What flags demand of each other that no rule of the table can say.
    ///
    /// # Errors
    /// With the message for the user, as Mosquitto words it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let client = &self.client;
        let is_v5 = client.version == Version::V5;
        if client.id.is_none() && is_v5 && self.session_expiry_interval_s() == u32::MAX {
            let wanted = "Error: You must provide a client id if you are using an infinite session expiry interval.";
            return Err(wanted.to_owned());
        }
        if client.id.is_none() && !is_v5 && client.is_persistent {
            return Err("Error: You must provide a client id if you are using the -c option.".to_owned());
        }
        if !is_v5 && client.password.is_some() && client.username.is_none() {
            return Err("Error: A password (-P) needs a username (-u) before MQTT version 5.".to_owned());
        }
        self.tls.check()?;
        if self.tool == Tool::Subscriber && self.topics.is_empty() && self.subscription.unsubscribes.is_empty() {
            return Err("Error: You must specify a topic to subscribe to (-t) or unsubscribe from (-U).".to_owned());
        }
        Ok(())
    }
}

impl Tls {
    /// Keys are kept in files here, and not by engines of OpenSSL.
    fn check(&self) -> Result<(), String> {
        let no_engine = |flag| {
            Err(format!("Error: {flag} cannot be used, as engines of OpenSSL are not: keep the key in a file (--key)."))
        };
        match self.key_form.as_deref() {
            None | Some("pem") if self.engine.is_some() => no_engine("--tls-engine"),
            None | Some("pem") => Ok(()),
            Some("engine") => no_engine("--keyform engine"),
            Some(_) => Err("Error: Problem setting key form, it must be one of 'pem' or 'engine'.".to_owned()),
        }
    }
}
