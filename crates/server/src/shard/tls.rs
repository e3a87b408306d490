//! What the encryption of a connection means to the shard: whom it names, and what the operator is told of it.

use std::io;

use midge_broker::event::Event;
use midge_net::Address;
use midge_net::tls::{Tls, TlsFailure, common_name, distinguished_name};

use super::Shard;
use crate::authority::Named;
use crate::log::{About, Escaped, LogBuffer, LogType};
use crate::options::CertificateName;

/// Whom its pre-shared key or its certificate names.
pub(super) fn named(tls: &Tls, name: CertificateName) -> Option<Named> {
    if let (CertificateName::CommonName, Some(identity)) = (name, tls.psk_identity()) {
        return Some(Named::ByPreSharedKey(identity.into()));
    }
    let certificate = tls.peer_certificate()?;
    let username = match name {
        CertificateName::CommonName => common_name(&certificate),
        CertificateName::Subject => distinguished_name(&certificate),
    };
    username.map(|username| Named::ByCertificate(username.into()))
}

/// After the line that tells of the client.
pub(super) fn tell_negotiated(log: &mut LogBuffer, wall_s: u64, event: &Event, address: Option<&Address>, tls: &Tls) {
    let client_id = Escaped(event.client_id.as_deref().unwrap_or_default());
    if let (Some(version), Some(cipher)) = (tls.version(), tls.cipher()) {
        let about = About {
            event: "negotiated",
            client_id: event.client_id.as_deref(),
            username: event.username.as_deref(),
            address,
            ..About::default()
        };
        let text = format_args!("Client {client_id} negotiated {version} cipher {cipher}");
        log.line_about(wall_s, LogType::Notice, &about, text);
    }
}

impl Shard {
    /// Where a read failed because of a client that did not even do what the listener asks for, that gets a line of its own.
    pub(super) fn tell_tls_failure(&mut self, index: usize, error: &io::Error) {
        let failure = error.get_ref().and_then(|error| error.downcast_ref::<TlsFailure>());
        let Some(failure) = failure.filter(|failure| failure.is_refusal()) else { return };
        let address = &self.connections[index].address;
        let text = format_args!("Connection from {address} rejected, {failure}.");
        let about = About::connection("rejected", address);
        self.log.repeated_line_about(self.turn.now.wall_s, LogType::Notice, ("rejected connections", &about), text);
    }
}
