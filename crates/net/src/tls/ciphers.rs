//! Ciphers by the names that OpenSSL and so configuration files have for them.

use rustls::crypto::aws_lc_rs::cipher_suite as suite;
use rustls::{CipherSuite, SupportedCipherSuite};

/// What a list of ciphers means here.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// In the order of the list.
    pub(crate) suites: Vec<SupportedCipherSuite>,
    /// Words that OpenSSL knows and which choose nothing here.
    pub(crate) ignored: Vec<String>,
}

/// A word that names no cipher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct UnknownCipher(pub(crate) String);

/// Names for TLS 1.2, those first that are preferred where nothing is said: SHA-256 is computed by most processors, SHA-384 by
/// few, and is a sixth of a handshake.
const TLS12: [(&str, SupportedCipherSuite); 6] = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-CHACHA20-POLY1305", suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

const TLS13: [(&str, SupportedCipherSuite); 3] = [
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256),
];

/// What `ciphers` means, the list for TLS 1.2. Without a list, or with one of groups only, all are chosen.
pub(crate) fn tls12(list: Option<&str>) -> Result<Chosen, UnknownCipher> {
    choose(list, &TLS12, |word| is_group(word) || is_other_cipher(word))
}

/// What `ciphers_tls1.3` means.
pub(crate) fn tls13(list: Option<&str>) -> Result<Chosen, UnknownCipher> {
    choose(list, &TLS13, |word| word.starts_with("TLS_AES_128_CCM"))
}

/// Whether these lists mean something else to OpenSSL than to [`tls12`] and [`tls13`].
pub(crate) fn are_for_openssl(list: Option<&str>, list_tls13: Option<&str>) -> bool {
    let is_exact = |chosen: Chosen| chosen.ignored.is_empty() && !chosen.suites.is_empty();
    [tls12(list), tls13(list_tls13)].into_iter().any(|chosen| !chosen.is_ok_and(is_exact))
}

/// OpenSSL's name for a cipher.
pub(crate) fn name(cipher: CipherSuite) -> &'static str {
    let all = TLS13.iter().chain(&TLS12);
    all.into_iter().find(|(_, other)| other.suite() == cipher).map_or("unknown", |(name, _)| name)
}

fn choose(
    list: Option<&str>,
    known: &[(&str, SupportedCipherSuite)],
    is_ignored: impl Fn(&str) -> bool,
) -> Result<Chosen, UnknownCipher> {
    let mut chosen = Chosen::default();
    let words = list.unwrap_or_default().split([':', ',', ' ', ';']).filter(|word| !word.is_empty());
    let mut excluded = Vec::new();
    let mut names_none = true;
    for word in words {
        let plain = word.trim_start_matches(['!', '-', '+']);
        let suite = known.iter().find(|(name, _)| *name == plain).map(|(_, suite)| *suite);
        match suite {
            Some(suite) if word.starts_with(['!', '-']) => excluded.push(suite),
            Some(suite) if !chosen.suites.contains(&suite) => {
                chosen.suites.push(suite);
                names_none = false;
            }
            Some(_) => {}
            None if is_ignored(plain) => {
                names_none &= is_group(plain) || word.starts_with(['!', '-']);
                chosen.ignored.push(word.to_owned());
            }
            None => return Err(UnknownCipher(plain.to_owned())),
        }
    }
    if names_none {
        chosen.suites = known.iter().map(|(_, suite)| *suite).collect();
    }
    chosen.suites.retain(|suite| !excluded.contains(suite));
    Ok(chosen)
}

/// A word that stands for many ciphers, `HIGH`, `aNULL`, `ECDHE+AESGCM`, `@STRENGTH`, `@SECLEVEL=1`.
fn is_group(word: &str) -> bool {
    const GROUPS: &[&str] = &[
        "DEFAULT",
        "ALL",
        "COMPLEMENTOFALL",
        "COMPLEMENTOFDEFAULT",
        "HIGH",
        "MEDIUM",
        "LOW",
        "EXP",
        "EXPORT",
        "NULL",
        "eNULL",
        "aNULL",
        "kRSA",
        "aRSA",
        "RSA",
        "kDHE",
        "kEDH",
        "DH",
        "DHE",
        "EDH",
        "ADH",
        "kECDHE",
        "kEECDH",
        "ECDHE",
        "EECDH",
        "ECDH",
        "AECDH",
        "aDSS",
        "DSS",
        "aECDSA",
        "ECDSA",
        "TLSv1.2",
        "TLSv1.0",
        "TLSv1",
        "SSLv3",
        "AES",
        "AES128",
        "AES256",
        "AESGCM",
        "AESCCM",
        "AESCCM8",
        "ARIA",
        "ARIA128",
        "ARIA256",
        "CAMELLIA",
        "CAMELLIA128",
        "CAMELLIA256",
        "CHACHA20",
        "3DES",
        "DES",
        "RC4",
        "RC2",
        "IDEA",
        "SEED",
        "MD5",
        "SHA1",
        "SHA",
        "SHA256",
        "SHA384",
        "PSK",
        "kPSK",
        "aPSK",
        "kECDHEPSK",
        "kDHEPSK",
        "kRSAPSK",
        "SRP",
        "GOST",
        "aGOST",
        "kGOST",
        "CBC",
        "SUITEB128",
        "SUITEB192",
        "SUITEB128ONLY",
    ];
    word.starts_with('@') || word.split('+').all(|part| GROUPS.contains(&part))
}

/// A cipher of OpenSSL's that is not offered here, as it is no longer thought safe or is for pre-shared keys:
/// `DHE-RSA-AES256-SHA`, `PSK-AES128-CBC-SHA`.
fn is_other_cipher(word: &str) -> bool {
    const PIECES: &[&str] = &[
        "ECDHE",
        "DHE",
        "EDH",
        "ADH",
        "AECDH",
        "ECDH",
        "RSA",
        "DSS",
        "ECDSA",
        "PSK",
        "SRP",
        "AES128",
        "AES256",
        "GCM",
        "CCM",
        "CCM8",
        "CBC",
        "CBC3",
        "CHACHA20",
        "POLY1305",
        "SHA",
        "SHA256",
        "SHA384",
        "MD5",
        "NULL",
        "RC4",
        "DES",
        "3DES",
        "EDE",
        "CAMELLIA128",
        "CAMELLIA256",
        "ARIA128",
        "ARIA256",
        "ARIA",
        "SEED",
        "IDEA",
    ];
    word.contains('-') && word.split('-').all(|piece| PIECES.contains(&piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &Chosen) -> Vec<&str> {
        chosen.suites.iter().map(|suite| name(suite.suite())).collect()
    }

    #[test]
    fn a_list_chooses_in_its_order() {
        let chosen = tls12(Some("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305")).expect("known");
        assert_eq!(names(&chosen), ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"]);
        assert!(chosen.ignored.is_empty());
        let chosen = tls13(Some("TLS_CHACHA20_POLY1305_SHA256")).expect("known");
        assert_eq!(names(&chosen), ["TLS_CHACHA20_POLY1305_SHA256"]);
        assert_eq!(tls12(None).expect("all").suites.len(), 6);
        assert_eq!(tls13(None).expect("all").suites.len(), 3);
    }

    #[test]
    fn groups_choose_all_and_are_named() {
        let chosen = tls12(Some("HIGH:!aNULL:ECDHE+AESGCM:@STRENGTH:!ECDHE-RSA-AES128-GCM-SHA256")).expect("known");
        assert_eq!(chosen.suites.len(), 5);
        assert_eq!(chosen.ignored, ["HIGH", "!aNULL", "ECDHE+AESGCM", "@STRENGTH"]);
        let chosen = tls12(Some("DEFAULT:ECDHE-RSA-AES256-GCM-SHA384")).expect("known");
        assert_eq!(names(&chosen), ["ECDHE-RSA-AES256-GCM-SHA384"]);
    }

    #[test]
    fn ciphers_that_are_not_offered_leave_nothing() {
        let chosen = tls12(Some("DHE-RSA-AES256-SHA:PSK-AES128-CBC-SHA")).expect("known to OpenSSL");
        assert!(chosen.suites.is_empty());
        assert_eq!(chosen.ignored.len(), 2);
    }

    #[test]
    fn unknown_words_are_named() {
        assert_eq!(tls12(Some("HIGH:ECDHE-RSA-AES512")).unwrap_err(), UnknownCipher("ECDHE-RSA-AES512".to_owned()));
        assert_eq!(tls13(Some("AES")).unwrap_err(), UnknownCipher("AES".to_owned()));
    }
}
