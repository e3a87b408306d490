//! Tokens in place of passwords: JSON Web Tokens (RFC 7519), signed (RFC 7515) by somebody whose keys the operator trusts.
//!
//! What must hold: the operator says which algorithms count, and the token only which of these it uses; an algorithm is only ever
//! tried with keys of its own kind, so that a public key is never taken for a secret; `none` is no algorithm here. A token says
//! until when it counts. Nothing of it is believed before its signature is verified.

mod claims;
mod keys;
mod signature;
#[cfg(test)]
mod tests;

use claims::TokenClaims;
pub use keys::Keys;
pub use signature::Algorithm;

use std::fmt;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;

use crate::Acl;

/// What makes a token good.
pub struct TokenPolicy {
    /// Those that count; the operator lists them.
    pub algorithms: Vec<Algorithm>,
    /// Who may sign.
    pub keys: Keys,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must be or hold.
    pub audience: Option<String>,
    /// The claim that is the User Name.
    pub user_claim: String,
    /// The claim that says what the Client may do; a token without it grants nothing. `None`: tokens do not say.
    pub acl_claim: Option<String>,
}

/// What a good token says.
#[derive(Debug)]
pub struct Token {
    /// Who it is.
    pub user_name: String,
    /// Seconds since 1970 at which it ceases to be good.
    pub expires_at_s: u64,
    /// What the Client may do, where tokens say so.
    pub acl: Option<Arc<Acl>>,
    /// Tells the key that signed it from others; stays the same when keys are read again.
    pub key: u64,
}

/// Why a token is no good. None of it is a secret: where the signature is wrong it says nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// Not three parts of Base64, or not JSON in them.
    Malformed,
    /// Its header wants what is not understood here.
    Critical,
    /// None that the operator lists.
    Algorithm,
    /// No key of ours has made it.
    Signature,
    /// `exp` is missing or no number.
    NoExpiry,
    /// `exp` has come.
    Expired,
    /// `nbf` has not come.
    TooEarly,
    /// `iss` is another.
    Issuer,
    /// `aud` is another.
    Audience,
    /// The claim that is the User Name is missing, empty or no string.
    UserName,
    /// The claim that says what the Client may do is not of the right form.
    Acl,
}

impl TokenError {
    /// The signature was right: nobody is guessing.
    pub fn is_signed(self) -> bool {
        !matches!(self, TokenError::Malformed | TokenError::Critical | TokenError::Algorithm | TokenError::Signature)
    }

    /// In words.
    pub const fn cause(self) -> &'static str {
        match self {
            TokenError::Malformed => "the password is not a token",
            TokenError::Critical => "the token needs an extension",
            TokenError::Algorithm => "the token has an algorithm that is not allowed",
            TokenError::Signature => "the token has a wrong signature",
            TokenError::NoExpiry => "the token does not say when it expires",
            TokenError::Expired => "the token has expired",
            TokenError::TooEarly => "the token is not valid yet",
            TokenError::Issuer => "the token is from another issuer",
            TokenError::Audience => "the token is for another audience",
            TokenError::UserName => "the token has no user name",
            TokenError::Acl => "the token does not say what its client may do",
        }
    }
}

impl TokenPolicy {
    /// Whether a password is a good token at this time, in seconds since 1970, and what it says.
    pub fn verify(&self, password: &[u8], now_s: u64) -> Result<Token, TokenError> {
        let (signed, signature) = split_last(password).ok_or(TokenError::Malformed)?;
        let (header, payload) = split_last(signed).ok_or(TokenError::Malformed)?;
        let header = json(header)?;
        if header.get("crit").is_some() {
            return Err(TokenError::Critical);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
        let algorithm = algorithm.filter(|algorithm| self.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?;
        let signature = base64(signature)?;
        let key_id = header.get("kid").and_then(Value::as_str);
        let key = self.keys.verify(algorithm, key_id, signed, &signature).ok_or(TokenError::Signature)?;
        TokenClaims { claims: &json(payload)? }.judge(self, now_s, key)
    }

    /// Whether this one of [`Token::key`] still counts.
    pub fn trusts(&self, key: u64) -> bool {
        self.keys.contains(key)
    }

    /// The first algorithm that no key is for.
    pub fn idle_algorithm(&self) -> Option<Algorithm> {
        self.algorithms.iter().copied().find(|algorithm| !self.keys.have_one_for(*algorithm))
    }
}

/// Without keys, which are nothing for a log.
impl fmt::Debug for TokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPolicy").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// Whether a password has the form of a token: three parts in the alphabet of Base64 for addresses, the first of which begins as
/// an object of JSON does.
pub fn is_token(password: &[u8]) -> bool {
    let is_character = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let dots = password.iter().filter(|byte| **byte == b'.').count();
    password.starts_with(b"ey") && dots == 2 && password.iter().all(is_character)
}

fn split_last(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = text.iter().rposition(|byte| *byte == b'.')?;
    Some((&text[..dot], &text[dot + 1..]))
}

fn json(part: &[u8]) -> Result<Value, TokenError> {
    let value: Value = serde_json::from_slice(&base64(part)?).map_err(|_| TokenError::Malformed)?;
    if value.is_object() { Ok(value) } else { Err(TokenError::Malformed) }
}

fn base64(part: &[u8]) -> Result<Vec<u8>, TokenError> {
    let text = str::from_utf8(part).map_err(|_| TokenError::Malformed)?;
    Base64UrlUnpadded::decode_vec(text).map_err(|_| TokenError::Malformed)
}
