//! Keys that tokens are signed with: from a file with a secret, one with public keys (PEM), or one with a set of JSON Web Keys
//! (RFC 7517).

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use foldhash::quality::FixedState;
use serde_json::Value;
use std::hash::BuildHasher;

use super::signature::{Algorithm, KeyKind, SECRET_BYTES_MIN};
use crate::report::{FileError, Loaded, Report};

/// Those that count.
#[derive(Clone, Default)]
pub struct Keys(Vec<Key>);

/// One key. The kind says what it may verify, and nothing that a token says changes that.
#[derive(Clone)]
struct Key {
    kind: KeyKind,
    bytes: Vec<u8>,
    /// By which tokens may name it.
    id: Option<String>,
    /// A set of keys may restrict a key to one algorithm.
    algorithm: Option<Algorithm>,
}

impl Keys {
    /// The content of a file that is a secret; a line's end behind it does not count.
    pub fn secret(file: &str, bytes: &[u8]) -> Result<Loaded<Keys>, FileError> {
        let mut report = Report::new(file);
        report.line = 1;
        let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
        let bytes = bytes[..end].to_vec();
        if !KeyKind::Secret.takes(&bytes) {
            let text = format!("The secret in \"{file}\" has {} bytes.", bytes.len());
            report.error(text, format!("It needs {SECRET_BYTES_MIN} at least; 'openssl rand -base64 48' makes one."));
        } else if bytes.starts_with(PEM_BEGIN.as_bytes()) {
            let text = format!("\"{file}\" is a key of a pair, not a secret.");
            report.error(text, "A public key goes into auth_jwt_key_file.");
        }
        report.finish(Keys(vec![Key { kind: KeyKind::Secret, bytes, id: None, algorithm: None }]))
    }

    /// The content of a file with one public key or several, as PEM.
    pub fn public(file: &str, bytes: &[u8]) -> Result<Loaded<Keys>, FileError> {
        let mut report = Report::new(file);
        report.line = 1;
        let mut keys = Vec::new();
        let mut block: Option<String> = None;
        for (index, line) in String::from_utf8_lossy(bytes).lines().map(str::trim).enumerate() {
            report.line = index as u32 + 1;
            if let Some(label) = line.strip_prefix(PEM_BEGIN) {
                block = Some(String::new());
                if label != PUBLIC_KEY {
                    report.error(format!("\"{file}\" has something else than public keys."), PEM_HINT);
                }
            } else if line.starts_with(PEM_END) {
                let bytes = block.take().and_then(|text| Base64::decode_vec(&text).ok()).unwrap_or_default();
                match KeyKind::of_public_key(&bytes) {
                    Some(kind) => keys.push(Key { kind, bytes, id: None, algorithm: None }),
                    None => report.error(format!("\"{file}\" has a key of no known kind."), KIND_HINT),
                }
            } else if let Some(block) = &mut block {
                block.push_str(line);
            }
        }
        if keys.is_empty() && !report.has_errors() {
            report.error(format!("\"{file}\" has no public key."), PEM_HINT);
        }
        report.finish(Keys(keys))
    }

    /// The content of a file with a set of keys. Keys of other kinds, or for other uses, are passed over, as RFC 7517 wants it.
    pub fn set(file: &str, bytes: &[u8]) -> Result<Loaded<Keys>, FileError> {
        let mut report = Report::new(file);
        report.line = 1;
        let keys = match serde_json::from_slice::<Value>(bytes) {
            Err(error) => {
                report.line = u32::try_from(error.line()).unwrap_or(1).max(1);
                report.error(format!("\"{file}\" is not JSON: {error}."), SET_HINT);
                Vec::new()
            }
            Ok(set) => match set.get("keys").and_then(Value::as_array) {
                None => {
                    report.error(format!("\"{file}\" is not a set of keys."), SET_HINT);
                    Vec::new()
                }
                Some(keys) => keys.iter().filter_map(|key| Key::of_jwk(key, &mut report)).collect(),
            },
        };
        if keys.is_empty() && !report.has_errors() {
            report.error(format!("\"{file}\" has no key that can verify a token."), KIND_HINT);
        }
        report.finish(Keys(keys))
    }

    /// These too.
    pub fn add(&mut self, keys: &Keys) {
        self.0.extend_from_slice(&keys.0);
    }

    /// The key that has made this signature: one of the algorithm's kind, and where both have a name, of the same one.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Option<u64> {
        let mut candidates = self.0.iter().filter(|key| key.is_for(algorithm) && key.may_be_called(id));
        candidates.find(|key| algorithm.verify(&key.bytes, signed, signature)).map(Key::fingerprint)
    }

    pub(super) fn contains(&self, fingerprint: u64) -> bool {
        self.0.iter().any(|key| key.fingerprint() == fingerprint)
    }

    pub(super) fn have_one_for(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.is_for(algorithm))
    }
}

impl Key {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.kind == algorithm.key_kind() && self.algorithm.is_none_or(|only| only == algorithm)
    }

    fn may_be_called(&self, id: Option<&str>) -> bool {
        self.id.as_deref().zip(id).is_none_or(|(own, wanted)| own == wanted)
    }

    /// Never leaves the process.
    fn fingerprint(&self) -> u64 {
        FixedState::default().hash_one((self.kind, &self.bytes))
    }

    /// `None` for a key that is of no use here.
    fn of_jwk(jwk: &Value, report: &mut Report<'_>) -> Option<Key> {
        let text = |member: &str| jwk.get(member).and_then(Value::as_str);
        let bytes = |member: &str| text(member).and_then(|text| Base64UrlUnpadded::decode_vec(text).ok());
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let name = text("alg");
        let algorithm = name.and_then(Algorithm::from_name);
        if name.is_some() && algorithm.is_none() {
            return None;
        }
        let (kind, key) = match (text("kty"), text("crv")) {
            (Some("oct"), _) => (KeyKind::Secret, bytes("k")),
            (Some("RSA"), _) => (KeyKind::Rsa, bytes("n").zip(bytes("e")).map(|(n, e)| rsa_public_key(&n, &e))),
            (Some("EC"), Some("P-256")) => (KeyKind::P256, point(bytes("x"), bytes("y"))),
            (Some("EC"), Some("P-384")) => (KeyKind::P384, point(bytes("x"), bytes("y"))),
            (Some("OKP"), Some("Ed25519")) => (KeyKind::Ed25519, bytes("x")),
            _ => return None,
        };
        let id = text("kid").map(str::to_owned);
        let Some(bytes) = key.filter(|key| kind.takes(key)) else {
            let named = id.map(|id| format!(" '{id}'")).unwrap_or_default();
            let text = format!("The key{named} in \"{}\" is not valid.", report.file());
            report.error(text, "RSA needs 2048 bits at least, a secret 32 bytes.");
            return None;
        };
        Some(Key { kind, bytes, id, algorithm })
    }
}

/// An uncompressed point (SEC 1, section 2.3.3).
fn point(x: Option<Vec<u8>>, y: Option<Vec<u8>>) -> Option<Vec<u8>> {
    x.zip(y).map(|(x, y)| [&[4], &x[..], &y[..]].concat())
}

/// RSAPublicKey (RFC 8017, appendix A.1.1).
fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    der(0x30, &[der(0x02, &positive(modulus)), der(0x02, &positive(exponent))].concat())
}

/// An integer that does not begin as a negative one would.
fn positive(number: &[u8]) -> Vec<u8> {
    let digits = number.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &number[first..]);
    [&[0][..usize::from(digits.first().is_none_or(|first| *first >= 0x80))], digits].concat()
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    // The shortest form, as DER wants it.
    let head = match head[..] {
        [tag, 0x83, 0, 0, low] => vec![tag, 0x81, low],
        [tag, 0x83, 0, middle, low] => vec![tag, 0x82, middle, low],
        _ => head,
    };
    [head, content.to_vec()].concat()
}

const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_END: &str = "-----END ";
const PUBLIC_KEY: &str = "PUBLIC KEY-----";
const PEM_HINT: &str = "It holds blocks that begin with '-----BEGIN PUBLIC KEY-----'; 'openssl pkey -in KEY -pubout' makes one of a \
                        private key, 'openssl x509 -in FILE -pubkey -noout' of a certificate.";
const KIND_HINT: &str = "It may be RSA from 2048 bits, P-256, P-384 or Ed25519.";
const SET_HINT: &str = "A set of keys is an object with a list 'keys'.";
