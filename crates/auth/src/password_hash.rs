//! One hashed password: the forms in which Mosquitto writes them, checked and made.
//!
//! | form | what it is |
//! |---|---|
//! | `$6$salt$digest` | SHA-512 of password and salt |
//! | `$7$iterations$salt$digest` | PBKDF2 with HMAC-SHA-512 |
//! | `$argon2id$v=19$m=…,t=…,p=…$salt$digest` | Argon2id, version 1.3 |
//!
//! Salt and digest are Base64, with padding in the first two forms and without in the third. Mosquitto ends a password at its
//! first NUL byte; here what follows counts too.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64, Base64Unpadded, Encoding};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// How a password is hashed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Scheme {
    /// `$6$`: SHA-512 once.
    Sha512,
    /// `$7$`: PBKDF2 with HMAC-SHA-512.
    Pbkdf2 {
        /// At least 1.
        iterations: u32,
    },
    /// `$argon2id$`.
    Argon2id {
        /// Memory in KiB.
        memory_kib: u32,
        /// How often it is gone over.
        passes: u32,
        /// In how many lanes.
        lanes: u32,
    },
}

impl Scheme {
    /// `$7$` as `mosquitto_passwd` makes it when nothing else is asked for.
    pub const PBKDF2: Scheme = Scheme::Pbkdf2 { iterations: 1000 };

    /// `$argon2id$` as `mosquitto_passwd` makes it.
    pub const ARGON2ID: Scheme = Scheme::Argon2id { memory_kib: 47_104, passes: 1, lanes: 1 };

    /// What one check takes.
    pub fn cost(self) -> Cost {
        match self {
            Scheme::Sha512 => Cost::Quick,
            Scheme::Pbkdf2 { .. } | Scheme::Argon2id { .. } => Cost::Slow,
        }
    }

    fn takes_salt(self, salt_bytes: usize) -> bool {
        match self {
            Scheme::Sha512 | Scheme::Pbkdf2 { .. } => matches!(salt_bytes, 12 | 64),
            Scheme::Argon2id { .. } => (8..=BYTES_MAX).contains(&salt_bytes),
        }
    }

    fn takes_digest(self, digest_bytes: usize) -> bool {
        match self {
            Scheme::Sha512 | Scheme::Pbkdf2 { .. } => digest_bytes == DIGEST_BYTES,
            Scheme::Argon2id { .. } => (16..=BYTES_MAX).contains(&digest_bytes),
        }
    }

    fn decode<'a>(self, field: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        match self {
            Scheme::Sha512 | Scheme::Pbkdf2 { .. } => Base64::decode(field, buffer).ok(),
            Scheme::Argon2id { .. } => Base64Unpadded::decode(field, buffer).ok(),
        }
    }

    /// Whether the numbers are such as can be calculated with.
    fn check(self) -> Result<(), HashError> {
        match self {
            Scheme::Sha512 => Ok(()),
            Scheme::Pbkdf2 { iterations: 1..=ITERATIONS_MAX } => Ok(()),
            Scheme::Pbkdf2 { .. } => Err(HashError::Iterations),
            Scheme::Argon2id { memory_kib, .. } if memory_kib > MEMORY_KIB_MAX => Err(HashError::Memory),
            Scheme::Argon2id { memory_kib, passes, lanes } => {
                Params::new(memory_kib, passes, lanes, None).map(drop).map_err(|_| HashError::Parameters)
            }
        }
    }

    /// The numbers, the salt and the length of `digest` have been checked.
    fn calculate(self, password: &[u8], salt: &[u8], digest: &mut [u8]) -> Result<(), HashError> {
        match self {
            Scheme::Sha512 => {
                let calculated = Sha512::new().chain_update(password).chain_update(salt).finalize();
                digest.copy_from_slice(&calculated);
            }
            Scheme::Pbkdf2 { iterations } => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, digest),
            Scheme::Argon2id { memory_kib, passes, lanes } => {
                let params = Params::new(memory_kib, passes, lanes, Some(digest.len()));
                let params = params.map_err(|_| HashError::Parameters)?;
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                argon2.hash_password_into(password, salt, digest).map_err(|_| HashError::Parameters)?;
            }
        }
        Ok(())
    }
}

/// What the check of a password takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cost {
    /// A few microseconds: may be done where others wait.
    Quick,
    /// A fraction of a millisecond up to seconds: belongs on a thread of its own, and its outcome is worth keeping.
    Slow,
}

/// A hashed password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PasswordHash {
    scheme: Scheme,
    salt_bytes: u32,
    /// A large file has a million of them, so they are one allocation each.
    salt_and_digest: Box<[u8]>,
}

impl PasswordHash {
    /// Hashes a password. The salt must be random; Mosquitto 2.1 uses 64 bytes, of `$6$` and `$7$` Mosquitto 2.0 reads only
    /// those with 12.
    ///
    /// Fails where the scheme's numbers are out of range or the salt does not have 12 or 64 bytes (`$argon2id$`: 8 to 256).
    pub fn new(scheme: Scheme, password: &[u8], salt: &[u8]) -> Result<Self, HashError> {
        scheme.check()?;
        if !scheme.takes_salt(salt.len()) {
            return Err(HashError::Salt);
        }
        let mut digest = [0; DIGEST_BYTES];
        scheme.calculate(password, salt, &mut digest)?;
        Ok(Self::of(scheme, salt, &digest))
    }

    /// Reads what stands behind the User Name in a password file. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let fields = text.strip_prefix('$').ok_or(HashError::PlainText)?;
        let mut fields = fields.split('$');
        let mut next = || fields.next().ok_or(HashError::Incomplete);
        let scheme = match next()? {
            "6" => Scheme::Sha512,
            "7" => Scheme::Pbkdf2 { iterations: number(next()?).ok_or(HashError::Iterations)? },
            "argon2id" => argon2id(next()?, next()?)?,
            _ => return Err(HashError::UnknownScheme),
        };
        let (salt, digest) = (next()?, next()?);
        if fields.next().is_some() {
            return Err(HashError::TooLong);
        }
        scheme.check()?;
        let buffers = (&mut [0; BYTES_MAX], &mut [0; BYTES_MAX]);
        let salt =
            scheme.decode(salt, buffers.0).filter(|salt| scheme.takes_salt(salt.len())).ok_or(HashError::Salt)?;
        let digest = scheme.decode(digest, buffers.1).filter(|digest| scheme.takes_digest(digest.len()));
        Ok(Self::of(scheme, salt, digest.ok_or(HashError::Digest)?))
    }

    fn of(scheme: Scheme, salt: &[u8], digest: &[u8]) -> Self {
        Self { scheme, salt_bytes: salt.len() as u32, salt_and_digest: [salt, digest].concat().into() }
    }

    /// One that no password is known for, whose check takes as long as that of any other of its kind.
    pub(crate) fn nobodys(scheme: Scheme) -> Self {
        Self::of(scheme, &[0; DIGEST_BYTES], &[0; DIGEST_BYTES])
    }

    /// Whether this is the password. How long that takes depends on the scheme and the length of the password, not on how much
    /// of it is right.
    pub fn is_of(&self, password: &[u8]) -> bool {
        let (salt, digest) = self.parts();
        let calculated = &mut [0; BYTES_MAX][..digest.len()];
        self.scheme.calculate(password, salt, calculated).is_ok() && bool::from(calculated.ct_eq(digest))
    }

    /// Salt and digest.
    fn parts(&self) -> (&[u8], &[u8]) {
        self.salt_and_digest.split_at(self.salt_bytes as usize)
    }

    /// How it was hashed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
}

/// As it stands in a password file.
impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let padded = Base64::encode_string;
        let unpadded = Base64Unpadded::encode_string;
        let (salt, digest) = self.parts();
        match self.scheme {
            Scheme::Sha512 => write!(f, "$6${}${}", padded(salt), padded(digest)),
            Scheme::Pbkdf2 { iterations } => write!(f, "$7${iterations}${}${}", padded(salt), padded(digest)),
            Scheme::Argon2id { memory_kib, passes, lanes } => {
                write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${}${}", unpadded(salt), unpadded(digest))
            }
        }
    }
}

/// Without salt and digest, which are nothing for a log.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// Why there is no hash; shown as a hint for the operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum HashError {
    /// It does not begin with `$`.
    #[error("The password is not hashed; 'mosquitto_passwd -U FILE' hashes those of a file.")]
    PlainText,
    /// None of ours stands between the first two `$`.
    #[error("A hashed password begins with '$6$', '$7$' or '$argon2id$'.")]
    UnknownScheme,
    /// Something is missing at its end.
    #[error("The hashed password is cut off; set it anew with 'mosquitto_passwd'.")]
    Incomplete,
    /// Something follows its end.
    #[error("There is more behind the hashed password; set it anew with 'mosquitto_passwd'.")]
    TooLong,
    /// The salt is not Base64 or has the wrong length.
    #[error("The salt is Base64 of 12 or 64 bytes, of '$argon2id$' 8 to 256 bytes without padding.")]
    Salt,
    /// The digest is not Base64 or has the wrong length.
    #[error("The hash is Base64 of 64 bytes, of '$argon2id$' 16 to 256 bytes without padding.")]
    Digest,
    /// Not a number above zero.
    #[error("Behind '$7$' stands a number of iterations from 1 to 2147483647.")]
    Iterations,
    /// Argon2 of another version or with numbers out of range.
    #[error("Behind '$argon2id$' stands 'v=19$m=KIB,t=PASSES,p=LANES', with at least 8 KIB for each lane.")]
    Parameters,
    /// More than a server should give for one check.
    #[error("A check would take more than 1 GiB of memory.")]
    Memory,
}

fn argon2id(version: &str, parameters: &str) -> Result<Scheme, HashError> {
    let mut parameters = parameters.split(',');
    let mut next = |name| parameters.next()?.strip_prefix(name).and_then(number);
    let numbers = (next("m="), next("t="), next("p="));
    match (version, numbers, parameters.next()) {
        ("v=19", (Some(memory_kib), Some(passes), Some(lanes)), None) => {
            Ok(Scheme::Argon2id { memory_kib, passes, lanes })
        }
        _ => Err(HashError::Parameters),
    }
}

/// Digits only: no sign.
fn number(field: &str) -> Option<u32> {
    field.bytes().all(|byte| byte.is_ascii_digit()).then(|| field.parse().ok())?
}

/// Of SHA-512, and of what Mosquitto makes with Argon2id.
const DIGEST_BYTES: usize = 64;

/// Of a salt or a digest.
const BYTES_MAX: usize = 256;

/// As many as Mosquitto can count.
const ITERATIONS_MAX: u32 = i32::MAX as u32;

const MEMORY_KIB_MAX: u32 = 1 << 20;
