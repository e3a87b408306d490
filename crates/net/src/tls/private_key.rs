//! Private keys as people have them: PKCS #1, PKCS #8 and SEC 1, and PKCS #8 encrypted with a pass phrase (PBES2, RFC 8018).

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::{iv::FixedLength, pbkdf2};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::der::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

/// The first key of a PEM file. The error is a sentence's part for the operator.
///
/// For the pass phrase there may be, in its place, where it should be.
pub(crate) fn read(pem: &[u8], passphrase: Result<&[u8], &str>) -> Result<PrivateKeyDer<'static>, String> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        let remedy = "openssl pkcs8 -topk8 writes a newer one";
        return Err(format!("it is encrypted in a format of the past; {remedy}"));
    }
    if !text.contains(ENCRYPTED) {
        return PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => "there is no private key in it".to_owned(),
            other => other.to_string(),
        });
    }
    let passphrase = passphrase.map_err(|missing| format!("it is encrypted, and {missing}"))?;
    let renamed = text.replace(ENCRYPTED, "PRIVATE KEY");
    let encrypted = PrivatePkcs8KeyDer::from_pem_slice(renamed.as_bytes()).map_err(|error| error.to_string())?;
    let scheme = Pbes2::read(encrypted.secret_pkcs8_der())
        .ok_or("it is encrypted in a way that is not known here; PBES2 with PBKDF2 and AES-CBC is")?;
    let key = scheme.decrypt(passphrase).ok_or("the pass phrase does not fit")?;
    Ok(PrivateKeyDer::Pkcs8(key.into()))
}

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// EncryptedPrivateKeyInfo with the one scheme that is in use.
struct Pbes2<'a> {
    hash: pbkdf2::Algorithm,
    salt: &'a [u8],
    iterations: NonZeroU32,
    cipher: &'static cipher::Algorithm,
    key_bytes: usize,
    initialisation_vector: [u8; 16],
    encrypted: &'a [u8],
}

impl<'a> Pbes2<'a> {
    fn read(bytes: &'a [u8]) -> Option<Pbes2<'a>> {
        let mut info = Reader(bytes).expect(SEQUENCE)?.inside();
        let mut algorithm = info.expect(SEQUENCE)?.inside();
        let encrypted = info.expect(OCTET_STRING)?.contents;
        (algorithm.expect(OBJECT_IDENTIFIER)?.contents == PBES2).then_some(())?;
        let mut parameters = algorithm.expect(SEQUENCE)?.inside();
        let mut derivation = parameters.expect(SEQUENCE)?.inside();
        let mut encryption = parameters.expect(SEQUENCE)?.inside();

        (derivation.expect(OBJECT_IDENTIFIER)?.contents == PBKDF2).then_some(())?;
        let mut derivation = derivation.expect(SEQUENCE)?.inside();
        let salt = derivation.expect(OCTET_STRING)?.contents;
        let count = derivation.expect(INTEGER)?.contents;
        let count =
            count.iter().try_fold(0_u32, |count, byte| count.checked_mul(256)?.checked_add(u32::from(*byte)))?;
        let iterations = NonZeroU32::new(count).filter(|count| count.get() <= ITERATIONS_MAX)?;
        derivation.optional(INTEGER);
        let hash = match derivation.optional(SEQUENCE) {
            // What the specification says where nothing is said.
            None => pbkdf2::PBKDF2_HMAC_SHA1,
            Some(function) => match function.inside().expect(OBJECT_IDENTIFIER)?.contents.strip_prefix(RSA_DIGESTS)? {
                [7] => pbkdf2::PBKDF2_HMAC_SHA1,
                [9] => pbkdf2::PBKDF2_HMAC_SHA256,
                [10] => pbkdf2::PBKDF2_HMAC_SHA384,
                [11] => pbkdf2::PBKDF2_HMAC_SHA512,
                _ => return None,
            },
        };
        let (cipher, key_bytes) = match encryption.expect(OBJECT_IDENTIFIER)?.contents.strip_prefix(NIST_AES)? {
            [2] => (&cipher::AES_128, 16),
            [22] => (&cipher::AES_192, 24),
            [42] => (&cipher::AES_256, 32),
            _ => return None,
        };
        let initialisation_vector = encryption.expect(OCTET_STRING)?.contents.try_into().ok()?;
        Some(Pbes2 { hash, salt, iterations, cipher, key_bytes, initialisation_vector, encrypted })
    }

    fn decrypt(&self, passphrase: &[u8]) -> Option<Vec<u8>> {
        let mut key = [0; 32];
        let key = &mut key[..self.key_bytes];
        pbkdf2::derive(self.hash, self.iterations, self.salt, passphrase, key);
        let cipher = UnboundCipherKey::new(self.cipher, key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7).ok()?;
        let mut bytes = self.encrypted.to_vec();
        let context = DecryptionContext::Iv128(FixedLength::from(self.initialisation_vector));
        let plain = cipher.decrypt(&mut bytes, context).ok()?.to_vec();
        // A wrong pass phrase passes the padding once in 256 times.
        Reader(&plain).expect(SEQUENCE)?;
        Some(plain)
    }
}

/// 1.2.840.113549.1.5.13 and 12.
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];

/// 1.2.840.113549.2, of which 7 to 11 are HMAC with SHA.
const RSA_DIGESTS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2];

/// 2.16.840.1.101.3.4.1, of which 2, 22 and 42 are CBC.
const NIST_AES: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1];

/// Above this, reading the key would take many seconds: the file is damaged.
const ITERATIONS_MAX: u32 = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl genpkey -algorithm ed25519 | openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:secret`
    const ENCRYPTED_KEY: &[u8] = include_bytes!("testdata/encrypted_key.pem");

    #[test]
    fn an_encrypted_key_opens_with_its_pass_phrase() {
        let key = read(ENCRYPTED_KEY, Ok(b"secret")).expect("a key");
        assert_eq!(key.secret_der().len(), 48);
        assert_eq!(read(ENCRYPTED_KEY, Ok(b"other")).unwrap_err(), "the pass phrase does not fit");
        assert!(read(ENCRYPTED_KEY, Err("there is none")).unwrap_err().ends_with("and there is none"));
    }

    #[test]
    fn what_is_no_key_is_said() {
        assert_eq!(read(b"", Err("")).unwrap_err(), "there is no private key in it");
        let old = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        assert!(read(old, Err("")).unwrap_err().contains("openssl pkcs8 -topk8"));
        let broken = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(read(broken, Ok(b"x")).unwrap_err().contains("PBES2"));
    }
}
