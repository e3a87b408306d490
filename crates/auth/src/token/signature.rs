//! Algorithms of signatures (RFC 7518, RFC 8037), and what they are checked with.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{hmac, signature::ParsedPublicKey};

/// How a token is signed. `none` is not among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// What kind of key an algorithm needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(super) enum KeyKind {
    Secret,
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Algorithm {
    /// All of them, with the names that tokens and operators write.
    pub const NAMES: [(&'static str, Algorithm); 12] = [
        ("HS256", Algorithm::Hs256),
        ("HS384", Algorithm::Hs384),
        ("HS512", Algorithm::Hs512),
        ("RS256", Algorithm::Rs256),
        ("RS384", Algorithm::Rs384),
        ("RS512", Algorithm::Rs512),
        ("PS256", Algorithm::Ps256),
        ("PS384", Algorithm::Ps384),
        ("PS512", Algorithm::Ps512),
        ("ES256", Algorithm::Es256),
        ("ES384", Algorithm::Es384),
        ("EdDSA", Algorithm::EdDsa),
    ];

    /// The one of this name, letter by letter.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Algorithm::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
    }

    /// As tokens write it.
    pub fn name(self) -> &'static str {
        let known = Algorithm::NAMES.into_iter().find(|(_, algorithm)| *algorithm == self);
        known.map_or("", |(name, _)| name)
    }

    pub(super) fn key_kind(self) -> KeyKind {
        match self {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => KeyKind::Secret,
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => KeyKind::Rsa,
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => KeyKind::Rsa,
            Algorithm::Es256 => KeyKind::P256,
            Algorithm::Es384 => KeyKind::P384,
            Algorithm::EdDsa => KeyKind::Ed25519,
        }
    }

    /// `key` is of the algorithm's kind.
    pub(super) fn verify(self, key: &[u8], signed: &[u8], signature: &[u8]) -> bool {
        let hash = match self {
            Algorithm::Hs256 => hmac::HMAC_SHA256,
            Algorithm::Hs384 => hmac::HMAC_SHA384,
            Algorithm::Hs512 => hmac::HMAC_SHA512,
            public => return UnparsedPublicKey::new(public.public(), key).verify(signed, signature).is_ok(),
        };
        hmac::verify(&hmac::Key::new(hash, key), signed, signature).is_ok()
    }

    fn public(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDsa => &signature::ED25519,
            _ => &signature::RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

impl KeyKind {
    /// What a public key is, encoded as certificates do (SubjectPublicKeyInfo, RFC 5280).
    pub(super) fn of_public_key(der: &[u8]) -> Option<KeyKind> {
        PUBLIC.into_iter().find(|kind| kind.takes(der))
    }

    /// Whether these bytes are a key of this kind.
    pub(super) fn takes(self, key: &[u8]) -> bool {
        let algorithm = match self {
            KeyKind::Secret => return key.len() >= SECRET_BYTES_MIN,
            KeyKind::Rsa => Algorithm::Rs256,
            KeyKind::P256 => Algorithm::Es256,
            KeyKind::P384 => Algorithm::Es384,
            KeyKind::Ed25519 => Algorithm::EdDsa,
        };
        ParsedPublicKey::new(algorithm.public(), key).is_ok()
    }
}

const PUBLIC: [KeyKind; 4] = [KeyKind::Rsa, KeyKind::P256, KeyKind::P384, KeyKind::Ed25519];

/// As RFC 7518 section 3.2 wants it: shorter ones can be found by trying.
pub(super) const SECRET_BYTES_MIN: usize = 32;
