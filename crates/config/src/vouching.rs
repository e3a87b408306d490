//! Who vouches for clients beside password files: keys that tokens are signed with, and web services.

/// Tokens (JSON Web Tokens) in place of passwords.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JwtAuth {
    /// How they may be signed; none: there are no tokens.
    pub algorithms: Vec<String>,
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
    /// The claim that says what the Client may do.
    pub acl_claim: Option<String>,
}

impl Default for JwtAuth {
    fn default() -> Self {
        JwtAuth {
            algorithms: Vec::new(),
            key_file: None,
            secret_file: None,
            jwks_file: None,
            issuer: None,
            audience: None,
            user_claim: "sub".to_owned(),
            acl_claim: None,
        }
    }
}

impl JwtAuth {
    /// Do tokens let in anybody?
    pub fn is_on(&self) -> bool {
        !self.algorithms.is_empty()
    }

    /// What keeps the server from starting with it, a sentence.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let has_keys = [&self.key_file, &self.secret_file, &self.jwks_file].into_iter().any(Option::is_some);
        match (self.is_on(), *self == JwtAuth::default()) {
            (true, _) if !has_keys => Some(
                "The 'auth_jwt_algorithms' option requires auth_jwt_key_file, auth_jwt_secret_file or auth_jwt_jwks_file.",
            ),
            (false, false) => Some("The 'auth_jwt_' options require auth_jwt_algorithms."),
            _ => None,
        }
    }
}

/// Web services that are asked who may come in, and what he may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpAuth {
    /// Who may come in.
    pub user_url: Option<String>,
    /// What he may do.
    pub acl_url: Option<String>,
    /// How long to wait for an answer.
    pub timeout_s: u16,
    /// How long an answer counts.
    pub cache_s: u32,
    /// The file with the certificates that vouch for the service.
    pub cafile: Option<String>,
}

impl Default for HttpAuth {
    fn default() -> Self {
        HttpAuth { user_url: None, acl_url: None, timeout_s: 5, cache_s: 30, cafile: None }
    }
}

impl HttpAuth {
    /// Is any service asked?
    pub fn is_on(&self) -> bool {
        self.user_url.is_some() || self.acl_url.is_some()
    }
}
