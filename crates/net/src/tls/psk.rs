//! Pre-shared keys (RFC 4279; RFC 8446, 4.2.11), of which only OpenSSL knows.
//!
//! What must hold: whom an identity names is believed only once the connection is encrypted with the key of that identity.

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslContextBuilder, SslRef};

use super::PreSharedKeys;
use super::listener::TlsError;

/// What stands beside a connection that may use a pre-shared key.
struct Exchange {
    /// Until the end of the handshake: files are read again, and connections last.
    keys: Mutex<Option<Arc<dyn PreSharedKeys>>>,
    offer: Option<Offer>,
}

/// The identity that a client has named last.
pub(crate) enum Offer {
    /// There is this key for it.
    Known(String, Box<[u8]>),
    /// There is none.
    Unknown(String),
}

/// Connections of this context may use pre-shared keys, and are sent this hint which to use.
pub(crate) fn allow(context: &mut SslContextBuilder, hint: &str) -> Result<(), TlsError> {
    set_hint(context, hint).ok_or_else(|| TlsError::new(format!("Unable to set TLS PSK hint \"{hint}\".")))?;
    // No key is no error of ours: OpenSSL tells the client as it has to be told.
    context.set_psk_server_callback(|ssl, identity, room| Ok(give_key(ssl, identity, room).unwrap_or(0)));
    Ok(())
}

/// The keys for this connection.
pub(crate) fn set_keys(ssl: &mut Ssl, keys: Arc<dyn PreSharedKeys>) {
    if let Some(index) = *EXCHANGE {
        ssl.set_ex_data(index, Exchange { keys: Mutex::new(Some(keys)), offer: None });
    }
}

/// What the client has said of itself. Nothing is proved with it.
pub(crate) fn offer(ssl: &SslRef) -> Option<&Offer> {
    ssl.ex_data((*EXCHANGE)?)?.offer.as_ref()
}

/// The handshake is over.
pub(crate) fn forget_keys(ssl: &SslRef) {
    let exchange = (*EXCHANGE).and_then(|index| ssl.ex_data(index));
    if let Some(exchange) = exchange {
        *exchange.keys.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whose key encrypts the connection, and which, after the handshake. TLS 1.2 keeps the identity with the session. In TLS 1.3 a key that
/// was taken counts as a session that is resumed, and no other is on these listeners; what was looked up last is what was taken.
pub(crate) fn proved(ssl: &SslRef) -> Option<(&str, &[u8])> {
    match offer(ssl)? {
        Offer::Known(identity, key) if ssl.session_reused() || ssl.psk_identity() == Some(identity.as_bytes()) => {
            Some((identity, key))
        }
        _ => None,
    }
}

/// Puts the key for this identity into `room`; its length.
fn give_key(ssl: &mut SslRef, identity: Option<&[u8]>, room: &mut [u8]) -> Option<usize> {
    let exchange = ssl.ex_data_mut((*EXCHANGE)?)?;
    let identity = String::from_utf8_lossy(identity?).into_owned();
    let keys = exchange.keys.get_mut().unwrap_or_else(PoisonError::into_inner);
    match keys.as_ref().and_then(|keys| keys.key(&identity)) {
        Some(key) if key.len() <= room.len() => {
            room[..key.len()].copy_from_slice(key);
            let length = key.len();
            exchange.offer = Some(Offer::Known(identity, key.into()));
            Some(length)
        }
        _ => {
            exchange.offer = Some(Offer::Unknown(identity));
            None
        }
    }
}

/// `None`: it is longer than OpenSSL takes.
#[allow(unsafe_code)]
fn set_hint(context: &SslContextBuilder, hint: &str) -> Option<()> {
    // The crate `openssl` has no name for it.
    unsafe extern "C" {
        fn SSL_CTX_use_psk_identity_hint(context: *mut c_void, hint: *const c_char) -> c_int;
    }
    let hint = CString::new(hint).ok()?;
    // SAFETY: the context is alive and nobody else's while it is built; the hint ends with a NUL byte and is copied.
    let is_set = unsafe { SSL_CTX_use_psk_identity_hint(context.as_ptr().cast(), hint.as_ptr()) };
    (is_set == 1).then_some(())
}

/// Where OpenSSL keeps it for us; `None` where it has no memory.
static EXCHANGE: LazyLock<Option<Index<Ssl, Exchange>>> = LazyLock::new(|| Ssl::new_ex_index().ok());
