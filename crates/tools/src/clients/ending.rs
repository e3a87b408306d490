//! How a connection ends without our will: what people are told, and the exit status.

use std::io::ErrorKind;

use midge_client_core::Cause;
use midge_client_transport::Failure;
use midge_codec::ReasonCode;

use super::settings::Tool;

/// How a connection ended, other than by ourselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// CONNACK refuses, with this code.
    Refused(u8),
    /// The server has ended it with this code.
    Dismissed(ReasonCode),
    /// What it sent is no MQTT.
    ProtocolError(&'static str),
    /// It wants a step of enhanced authentication.
    Challenge,
    /// It does not answer.
    Silent,
    /// It is gone.
    Lost,
}

impl End {
    /// `None`: we have left.
    pub(crate) fn of(cause: &Cause<'_>) -> Option<End> {
        Some(match cause {
            Cause::Left => return None,
            Cause::Refused(connack) => End::Refused(connack.code),
            Cause::Dismissed(disconnect) => End::Dismissed(disconnect.reason_code),
            Cause::ProtocolError(_, text) => End::ProtocolError(text),
            Cause::ConnAckTimeout | Cause::KeepAliveTimeout => End::Silent,
            Cause::Closed => End::Lost,
        })
    }

    /// Whether another connection may do better: not, where the server has said what it thinks of this client. One that is
    /// unavailable, or busy, may think better of it.
    pub(super) fn passes(self) -> bool {
        match self {
            End::Refused(code) => matches!(code, 3 | 0x88 | 0x89 | 0x9F),
            End::Dismissed(ReasonCode::SESSION_TAKEN_OVER) | End::Challenge => false,
            End::Dismissed(_) | End::ProtocolError(_) | End::Silent | End::Lost => true,
        }
    }

    /// The exit status, and what people are told.
    pub(crate) fn told(self, tool: Tool) -> (u8, String) {
        match self {
            End::Refused(code) if tool == Tool::Publisher => {
                (code, format!("Connection error: {}\nError: The connection was refused.", refusal(code)))
            }
            End::Refused(code) => (code, format!("Connection error: {}", refusal(code))),
            End::Dismissed(ReasonCode::SESSION_TAKEN_OVER) => {
                let taken = "another client has connected with the same client id (-i)";
                (ReasonCode::SESSION_TAKEN_OVER.0, format!("Error: The server has ended the connection: {taken}."))
            }
            End::Dismissed(code) => (code.0, format!("Error: The server has ended the connection: {}.", code.name())),
            End::ProtocolError(text) => {
                let usual = "A network protocol error occurred when communicating with the broker";
                (STATUS_PROTOCOL, format!("Error: {usual}: {text}."))
            }
            End::Challenge => {
                let wants = "The server wants a further step of authentication, which this tool does not know";
                (STATUS_AUTHENTICATION, format!("Error: {wants}."))
            }
            End::Silent => (STATUS_LOST, "Error: The connection was lost: the server does not answer.".to_owned()),
            End::Lost => (STATUS_LOST, "Error: The connection was lost.".to_owned()),
        }
    }
}

/// The exit status where there is no connection, and what people are told, as Mosquitto begins it.
pub(crate) fn failed(failure: &Failure) -> (u8, String) {
    match failure {
        Failure::Connect { to, error } if error.kind() == ErrorKind::ConnectionRefused => {
            (1, format!("Error: Connection refused by {to}: check the port, and whether the server runs."))
        }
        Failure::Broken(_) | Failure::Closed => (STATUS_LOST, format!("Error: The connection was lost: {failure}.")),
        failure => (1, format!("Error: {failure}.")),
    }
}

/// What CONNACK means: the codes of version 5 begin at 128.
fn refusal(code: u8) -> String {
    match code {
        0x84 => {
            let reason = ReasonCode(code).name();
            format!("{reason}. Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.")
        }
        0x80.. => ReasonCode(code).name().to_owned(),
        1 => "Connection Refused: unacceptable protocol version.".to_owned(),
        2 => "Connection Refused: identifier rejected.".to_owned(),
        3 => "Connection Refused: broker unavailable.".to_owned(),
        4 => "Connection Refused: bad user name or password.".to_owned(),
        5 => "Connection Refused: not authorised.".to_owned(),
        _ => "Connection Refused: unknown reason.".to_owned(),
    }
}

/// What the server sent is no MQTT.
const STATUS_PROTOCOL: u8 = 2;

/// The connection was lost.
pub(crate) const STATUS_LOST: u8 = 7;

/// Enhanced authentication goes on, and nobody can answer.
const STATUS_AUTHENTICATION: u8 = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_its_words_and_status() {
        let check = |code, tool, expected: &str| {
            assert_eq!(End::Refused(code).told(tool), (code, expected.to_owned()));
        };
        check(5, Tool::Subscriber, "Connection error: Connection Refused: not authorised.");
        check(0x87, Tool::Requester, "Connection error: Not authorized");
        let refused = "Connection error: Connection Refused: identifier rejected.\nError: The connection was refused.";
        check(2, Tool::Publisher, refused);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for end in [End::Lost, End::Silent, End::Refused(3), End::Refused(0x89), End::Dismissed(ReasonCode(0x8B))] {
            assert!(end.passes(), "{end:?}");
        }
        for end in [End::Challenge, End::Refused(5), End::Refused(0x87), End::Dismissed(ReasonCode(0x8E))] {
            assert!(!end.passes(), "{end:?}");
        }
    }
}
