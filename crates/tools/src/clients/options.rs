//! How the client introduces itself, from the settings.

use std::hash::{BuildHasher, RandomState};
use std::process;

use midge_client_core::{Acknowledge, Authentication, Options, Will};
use midge_codec::{PropertiesBuf, Property, Version};

use super::settings::{Settings, Tool};

/// The options of the client. It does not connect again by itself.
///
/// # Errors
/// With the message for the user, where no CONNECT can say that.
pub(crate) fn options(settings: &Settings) -> Result<Options, String> {
    let client = &settings.client;
    let mut options = Options {
        clean_start: !client.is_persistent,
        session_expiry_interval_s: settings.session_expiry_interval_s(),
        keep_alive_s: client.keep_alive_s,
        will: will(settings),
        username: client.username.as_deref().map(Into::into),
        password: client.password.as_deref().map(Into::into),
        receive_maximum: receive_maximum(settings),
        tolerates_excess: true,
        topic_alias_maximum: 0,
        topic_aliases_made: u16::from(settings.properties.publish.as_properties().topic_alias().is_some()),
        acknowledge: Acknowledge::ByHand,
        held_bytes_max: HELD_BYTES_MAX,
        inflight_max: client.inflight_max,
        reconnect: None,
        tells_packets: settings.is_debugging,
        ..Options::new(client.version, &client_id(settings))
    };
    take_properties(settings, &mut options);
    options.check().map_err(|error| format!("Error: {}.", error.message()))?;
    Ok(options)
}

fn client_id(settings: &Settings) -> String {
    let client = &settings.client;
    match (&client.id, &client.id_prefix) {
        (Some(id), _) => id.clone(),
        (None, Some(prefix)) => format!("{prefix}{}", process::id()),
        // Servers of this version give no identifiers.
        (None, None) if client.version == Version::V31 => {
            let chance = RandomState::new().hash_one(process::id());
            format!("mosq-{chance:016x}")
        }
        (None, None) => String::new(),
    }
}

fn will(settings: &Settings) -> Option<Will> {
    let will = &settings.will;
    let topic = will.topic.as_deref()?.into();
    let properties = settings.properties.will.clone();
    Some(Will { topic, payload: will.payload.as_slice().into(), qos: will.qos, retain: will.retain, properties })
}

/// No more than are wanted, so that those behind them stay with the server.
fn receive_maximum(settings: &Settings) -> u16 {
    let wanted = match settings.tool {
        // Mosquitto 2.0 sends retained messages without heeding a smaller one.
        Tool::Retained | Tool::Recorder => return u16::MAX,
        Tool::Publisher | Tool::Replayer | Tool::Doctor => None,
        Tool::Subscriber => settings.subscription.count,
        Tool::Requester => Some(1),
    };
    wanted.and_then(|wanted| u16::try_from(wanted).ok()).unwrap_or(u16::MAX).min(RECEIVE_MAXIMUM)
}

/// Those of CONNECT that mean something to the client itself; the others are sent as they are.
fn take_properties(settings: &Settings, options: &mut Options) {
    let mut others = PropertiesBuf::new();
    let mut method = None;
    let mut data = None;
    for property in settings.properties.connect.as_properties().iter() {
        match property {
            Property::SessionExpiryInterval(seconds) => {
                if settings.client.session_expiry_interval_s.is_none() {
                    options.session_expiry_interval_s = seconds;
                }
            }
            Property::ReceiveMaximum(maximum) => options.receive_maximum = maximum,
            Property::MaximumPacketSize(size) => options.maximum_packet_size = size,
            Property::TopicAliasMaximum(maximum) => options.topic_alias_maximum = maximum,
            Property::RequestResponseInformation(wanted) => options.requests_response_information = wanted == 1,
            Property::AuthenticationMethod(name) => method = Some(name),
            Property::AuthenticationData(bytes) => data = Some(bytes),
            other => {
                others.push(other);
            }
        }
    }
    options.authentication = method.map(|method| Authentication { method: method.into(), data: data.map(Into::into) });
    options.connect_properties = others;
}

/// What Mosquitto's tools take at a time.
const RECEIVE_MAXIMUM: u16 = 20;

/// Of messages that wait for the server: enough to keep it busy, whatever stands behind a pipe.
const HELD_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::flags;
    use super::*;

    #[track_caller]
    fn made(tool: Tool, line: &str) -> Result<Options, String> {
        let words: Vec<_> = line.split_whitespace().chain(["-o", "/dev/null"]).map(Into::into).collect();
        options(&flags::read(tool, &words).unwrap_or_else(|stop| panic!("{line}: {stop:?}")))
    }

    #[test]
    fn a_client_without_flags_is_as_mosquittos() {
        let options = made(Tool::Subscriber, "-t a").unwrap();
        assert_eq!((options.version, &*options.client_id, options.clean_start), (Version::V311, "", true));
        assert_eq!((options.keep_alive_s, options.receive_maximum, options.inflight_max), (60, 20, 20));
        let old = made(Tool::Publisher, "-V 31 -t a -m b").unwrap();
        assert!(old.client_id.starts_with("mosq-") && old.client_id.len() <= 23, "{}", old.client_id);
    }

    #[test]
    fn only_what_is_counted_is_taken() {
        assert_eq!(made(Tool::Subscriber, "-t a -C 3").unwrap().receive_maximum, 3);
        assert_eq!(made(Tool::Subscriber, "-t a -C 300").unwrap().receive_maximum, 20);
        assert_eq!(made(Tool::Requester, "-t a -e b -m x").unwrap().receive_maximum, 1);
    }

    #[test]
    fn properties_that_mean_something_to_the_client_are_heeded() {
        let options = made(
            Tool::Subscriber,
            "-t a -D connect receive-maximum 7 -D connect topic-alias-maximum 9 -D connect user-property a b -D connect \
             session-expiry-interval 5 -D connect authentication-method m",
        )
        .unwrap();
        assert_eq!((options.receive_maximum, options.topic_alias_maximum), (7, 9));
        assert_eq!(options.session_expiry_interval_s, 5);
        assert_eq!(options.connect_properties.as_properties().iter().count(), 1);
        assert_eq!(options.authentication.unwrap().method.as_ref(), "m");
    }

    #[test]
    fn what_no_connect_can_say_is_refused() {
        let line = format!("-t a -i {}", "i".repeat(65_536));
        let expected = "Error: Client Identifier, User Name, Password or Will of more than 65,535 bytes.";
        assert_eq!(made(Tool::Subscriber, &line).unwrap_err(), expected);
    }
}
