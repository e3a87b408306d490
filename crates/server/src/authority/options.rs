//! What one listener is to ask for.

use std::path::Path;
use std::sync::Arc;

use midge_config::{HttpAuth, JwtAuth};

use crate::options::CertificateName;

/// Who is let in at a listener, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityOptions {
    /// The port, by which a Session remembers where its client came in; 0 for a Unix socket.
    pub port: u16,
    /// Whether clients without a User Name are let in; where nobody can be asked, all.
    pub allow_anonymous: bool,
    /// The Client Identifier that counts is the User Name.
    pub username_is_client_id: bool,
    /// User Names and hashes of their passwords.
    pub password_file: Option<String>,
    /// Tokens in place of passwords.
    pub tokens: Option<Arc<JwtAuth>>,
    /// Web services that are asked.
    pub service: Option<HttpAuth>,
    /// Keys that clients encrypt with, by identity; only where the listener has a hint for them.
    pub psk_file: Option<String>,
    /// Who may do what.
    pub acl_file: Option<String>,
    /// Nothing is granted to those with `+`, `#` or `/` in User Name or Client Identifier.
    pub acl_denies_special_chars: bool,
    /// SUBACK refuses what is not granted.
    pub strict_suback: bool,
    /// What of a client's certificate is its User Name, or the identity of its pre-shared key; `None`: it says itself who it is.
    pub username_of_certificate: Option<CertificateName>,
}

impl AuthorityOptions {
    /// The files that it is made of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let tokens = self.tokens.iter().flat_map(|tokens| [&tokens.key_file, &tokens.secret_file, &tokens.jwks_file]);
        let service = self.service.iter().map(|service| &service.cafile);
        let files = [&self.password_file, &self.psk_file, &self.acl_file];
        files.into_iter().chain(tokens).chain(service).flatten().map(Path::new)
    }
}
