//! What stands in a token whose signature is right.

use std::sync::Arc;

use serde_json::Value;

use super::{Token, TokenError, TokenPolicy};
use crate::grants;

/// The claims of a token.
pub(super) struct TokenClaims<'a> {
    pub(super) claims: &'a Value,
}

impl TokenClaims<'_> {
    pub(super) fn judge(&self, policy: &TokenPolicy, now_s: u64, key: u64) -> Result<Token, TokenError> {
        let expires_at_s = self.time("exp").ok_or(TokenError::NoExpiry)?;
        if expires_at_s <= now_s {
            return Err(TokenError::Expired);
        }
        let is_early = || self.time("nbf").is_none_or(|begin_s| begin_s > now_s + CLOCKS_DIFFER_S);
        if self.claims.get("nbf").is_some() && is_early() {
            return Err(TokenError::TooEarly);
        }
        if policy.issuer.as_deref().is_some_and(|wanted| self.text("iss") != Some(wanted)) {
            return Err(TokenError::Issuer);
        }
        if policy.audience.as_deref().is_some_and(|wanted| !self.is_for(wanted)) {
            return Err(TokenError::Audience);
        }
        let user_name = self.text(&policy.user_claim).filter(|name| is_user_name(name)).ok_or(TokenError::UserName)?;
        let acl = policy
            .acl_claim
            .as_deref()
            .map(|claim| self.claims.get(claim).and_then(grants::acl).ok_or(TokenError::Acl))
            .transpose()?;
        Ok(Token { user_name: user_name.to_owned(), expires_at_s, acl: acl.map(Arc::new), key })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// Seconds since 1970, which may have a fraction.
    fn time(&self, claim: &str) -> Option<u64> {
        let value = self.claims.get(claim)?;
        value.as_u64().or_else(|| value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64))
    }

    /// `aud` is one string or several.
    fn is_for(&self, wanted: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(audience)) => audience == wanted,
            Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience.as_str() == Some(wanted)),
            _ => false,
        }
    }
}

/// What MQTT takes for a string, and no log shows in a way that deceives.
fn is_user_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= usize::from(u16::MAX) && !name.chars().any(char::is_control)
}

/// Of a token that was made a moment ago by another machine.
const CLOCKS_DIFFER_S: u64 = 5;
