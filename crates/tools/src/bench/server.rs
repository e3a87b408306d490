//! A server that is measured: how it is called, the way to it, and how clients introduce themselves.

use std::process;
use std::sync::Arc;

use midge_client_core::{Client, Options};
use midge_client_transport::Endpoint;
use midge_codec::QoS;

use super::scenario::{Pace, Plan};
use super::settings::ServerSettings;
use super::target::Process;
use crate::clients::settings::Settings;
use crate::clients::{endpoint, options};

/// See the module.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) process: Option<Process>,
    pub(super) endpoint: Arc<Endpoint>,
    /// Those of all clients but for their identifiers.
    options: Options,
    /// What Client Identifiers begin with.
    id_prefix: String,
}

/// All servers that the flags name; this machine, where they name none.
///
/// # Errors
/// With the message for the user, where there is no way to one.
pub(super) fn servers(settings: &Settings, plan: &Plan) -> Result<Vec<Arc<Server>>, String> {
    let usual = [ServerSettings::default()];
    let named = if settings.load.servers.is_empty() { &usual[..] } else { &settings.load.servers };
    named.iter().map(|server| Server::new(settings, server, plan).map(Arc::new)).collect()
}

impl Server {
    fn new(settings: &Settings, server: &ServerSettings, plan: &Plan) -> Result<Server, String> {
        let settings = of_server(settings, server);
        let properties = settings.properties.connect.as_properties();
        let window = match plan.pace {
            Pace::Window(window) => u16::try_from(window).unwrap_or(u16::MAX),
            Pace::Rate(_) => u16::MAX,
        };
        let options = Options {
            receive_maximum: properties.receive_maximum().unwrap_or(u16::MAX),
            // A message is as long as the user has asked for.
            topic_aliases_made: 0,
            acknowledge: Default::default(),
            held_messages_max: HELD_MESSAGES_MAX,
            held_bytes_max: usize::MAX,
            inflight_max: if plan.qos == QoS::AtMostOnce { 1 } else { window },
            ..options::options(&settings)?
        };
        let endpoint = Arc::new(endpoint::endpoint(&settings)?);
        let address = endpoint.address.to_string();
        let id_prefix = format!("{}-{}", settings.client.id_prefix.as_deref().unwrap_or("bench"), process::id());
        let name = server.name.clone().unwrap_or_else(|| address.clone());
        Ok(Server { name, address, process: server.process, endpoint, options, id_prefix })
    }

    /// The client with this number.
    pub(super) fn client(&self, number: usize) -> Client {
        let client_id = format!("{}-{number}", self.id_prefix).into();
        Client::new(Options { client_id, ..self.options.clone() })
    }
}

/// The settings as they are for one server.
fn of_server(settings: &Settings, server: &ServerSettings) -> Settings {
    let mut settings = settings.clone();
    settings.server.host.clone_from(&server.host);
    settings.server.port = server.port;
    settings.server.socket.clone_from(&server.socket);
    if let Some(url) = server.url.clone() {
        settings.server.host = Some(url.host);
        settings.server.port = server.port.or(Some(url.port));
        settings.server.is_websocket |= url.is_websocket;
        settings.tls.trusts_system |= url.is_encrypted;
        settings.client.username = url.username.or(settings.client.username);
        settings.client.password = url.password.map(String::into_bytes).or(settings.client.password);
    }
    settings
}

/// Of one client, where a server does not keep up with a rate: more are due, and not published.
const HELD_MESSAGES_MAX: usize = 10_000;
