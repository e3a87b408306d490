//! What one listener is to ask for.

use std::path::Path;
use std::time::Duration;

use midge_auth::Algorithm;

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
    pub tokens: Option<TokenOptions>,
    /// Web services that are asked.
    pub service: Option<ServiceOptions>,
    /// Keys that clients encrypt with, by identity; only where the listener has a hint for them.
    pub psk_file: Option<String>,
    /// Who may do what.
    pub acl_file: Option<String>,
    /// Nothing is granted to those with `+`, `#` or `/` in User Name or Client Identifier.
    pub acl_denies_special_chars: bool,
    /// SUBACK refuses what is not granted.
    pub strict_suback: bool,
    /// The User Name of a client is in its certificate, or goes with its pre-shared key.
    pub is_named_by_encryption: bool,
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

/// What makes a token good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenOptions {
    /// How they may be signed.
    pub algorithms: Vec<Algorithm>,
    /// The file with public keys.
    pub key_file: Option<String>,
    /// The file that is a secret.
    pub secret_file: Option<String>,
    /// The file with a set of keys.
    pub jwks_file: Option<String>,
    /// Who has to have issued them.
    pub issuer: Option<String>,
    /// Whom they have to be for.
    pub audience: Option<String>,
    /// The claim that is the User Name.
    pub user_claim: String,
    /// The claim that says what the client may do.
    pub acl_claim: Option<String>,
}

impl TokenOptions {
    /// Whether these are content with each token that those were content with, and find the same in it, where its key is trusted.
    pub(super) fn agree_with(&self, before: &TokenOptions) -> bool {
        before.algorithms.iter().all(|algorithm| self.algorithms.contains(algorithm))
            && (self.issuer.is_none() || self.issuer == before.issuer)
            && (self.audience.is_none() || self.audience == before.audience)
            && (&self.user_claim, &self.acl_claim) == (&before.user_claim, &before.acl_claim)
    }
}

/// Web services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Who may come in.
    pub user_url: Option<String>,
    /// What they may do.
    pub acl_url: Option<String>,
    /// For both answers together.
    pub timeout: Duration,
    /// For how long who was let in comes in again without a question.
    pub cache: Duration,
    /// The file with the certificates that vouch for the services; `None`: those of the system do.
    pub cafile: Option<String>,
}
