//! Tokens as others make them: the files under `testdata` are by Python's `cryptography`, for `ada`, until 2100.

use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};

use super::*;
use crate::{Access, FileError, Loaded, Rights};

const NOW_S: u64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret of thirty-two bytes or more";
const PEM: &[u8] = include_bytes!("testdata/keys.pem");
const SET: &[u8] = include_bytes!("testdata/keys.jwks");
const TOKENS: &str = include_str!("testdata/tokens");

fn token(name: &str) -> &'static str {
    let found = TOKENS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.expect("a token of that name")
}

fn policy(algorithms: &[Algorithm], keys: Keys) -> TokenPolicy {
    TokenPolicy {
        algorithms: algorithms.to_vec(),
        keys,
        issuer: None,
        audience: None,
        user_claim: "sub".to_owned(),
        acl_claim: None,
    }
}

fn secret() -> Keys {
    Keys::secret("s", SECRET).expect("a secret").content
}

fn public() -> Keys {
    Keys::public("k.pem", PEM).expect("keys").content
}

/// A token with our secret.
fn signed(header: &str, claims: &str) -> String {
    let text = [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes())).join(".");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
    format!("{text}.{}", Base64UrlUnpadded::encode_string(tag.as_ref()))
}

#[test]
fn tokens_of_all_kinds_of_key_are_verified_by_pem_and_by_set() {
    let all: Vec<Algorithm> = Algorithm::NAMES.map(|(_, algorithm)| algorithm).to_vec();
    for keys in [public(), Keys::set("k", SET).expect("a set").content] {
        let policy = policy(&all, keys);
        for name in ["RS256", "PS512", "ES256", "ES384", "EdDSA"] {
            let good = policy.verify(token(name).as_bytes(), NOW_S).expect(name);
            assert_eq!((&*good.user_name, good.expires_at_s), ("ada", 4_102_444_800), "{name}");
            assert!(policy.trusts(good.key) && !policy.trusts(good.key ^ 1));
            let mut forged = token(name).to_owned();
            forged.replace_range(forged.len() - 8..forged.len() - 4, "AAAA");
            assert_eq!(policy.verify(forged.as_bytes(), NOW_S).err(), Some(TokenError::Signature), "{name}");
        }
    }
}

#[test]
fn a_token_cannot_choose_how_it_is_verified() {
    let check = |algorithms: &[Algorithm], keys: Keys, token: &str, expected: TokenError| {
        assert_eq!(policy(algorithms, keys).verify(token.as_bytes(), NOW_S).err(), Some(expected), "{token}");
    };
    let both = [Algorithm::Hs256, Algorithm::Rs256];
    // The public key of somebody is nobody's secret.
    check(&both, public(), token("confused"), TokenError::Signature);
    check(&[Algorithm::Es256], public(), token("RS256"), TokenError::Algorithm);
    let claims = r#"{"sub":"ada","exp":4102444800}"#;
    check(&both, secret(), &signed(r#"{"alg":"none"}"#, claims), TokenError::Algorithm);
    check(&both, secret(), &signed(r#"{"alg":"hs256"}"#, claims), TokenError::Algorithm);
    check(&both, secret(), &signed(r#"{"alg":"HS256","crit":["exp"]}"#, claims), TokenError::Critical);
    check(&both, secret(), &signed(r#""HS256""#, claims), TokenError::Malformed);
    let unsigned = signed(r#"{"alg":"HS256"}"#, claims);
    check(&both, secret(), &unsigned[..=unsigned.rfind('.').expect("a dot")], TokenError::Signature);
    for text in ["", ".", "..", "eyJh", "e y.e.e", "eyJhbGciOiJIUzI1NiJ9.@.x"] {
        assert!(policy(&both, secret()).verify(text.as_bytes(), NOW_S).is_err(), "{text}");
    }
}

#[track_caller]
fn check_claims(claims: &str, expected: Result<&str, TokenError>) {
    let policy = TokenPolicy {
        issuer: Some("https://id.example".to_owned()),
        audience: Some("mqtt".to_owned()),
        user_claim: "name".to_owned(),
        ..policy(&[Algorithm::Hs256], secret())
    };
    let found = policy.verify(signed(r#"{"alg":"HS256"}"#, claims).as_bytes(), NOW_S);
    assert_eq!(found.map(|token| token.user_name), expected.map(str::to_owned), "{claims}");
    assert!(expected.err().is_none_or(TokenError::is_signed));
}

#[test]
fn claims_must_be_there_and_be_right() {
    const REST: &str = r#""iss":"https://id.example","aud":["other","mqtt"],"name":"ada""#;
    let later = NOW_S + 60;
    check_claims(&format!(r#"{{"exp":{later},{REST}}}"#), Ok("ada"));
    check_claims(&format!(r#"{{"exp":{later}.5,"nbf":{NOW_S},{REST}}}"#), Ok("ada"));
    check_claims(&format!(r#"{{"exp":{NOW_S},{REST}}}"#), Err(TokenError::Expired));
    check_claims(&format!(r#"{{"exp":"{later}",{REST}}}"#), Err(TokenError::NoExpiry));
    check_claims(&format!("{{{REST}}}"), Err(TokenError::NoExpiry));
    check_claims(&format!(r#"{{"exp":{later},"nbf":{},{REST}}}"#, NOW_S + 30), Err(TokenError::TooEarly));
    check_claims(&format!(r#"{{"exp":{later},"nbf":"soon",{REST}}}"#), Err(TokenError::TooEarly));
    let changed = |from: &str, to: &str| format!(r#"{{"exp":{later},{}}}"#, REST.replace(from, to));
    check_claims(&changed("id.example", "other"), Err(TokenError::Issuer));
    check_claims(&changed(r#","mqtt""#, ""), Err(TokenError::Audience));
    check_claims(&changed("\"name\"", "\"sub\""), Err(TokenError::UserName));
    check_claims(&changed("\"ada\"", "\"\""), Err(TokenError::UserName));
    check_claims(&changed("\"ada\"", r#""a\nb""#), Err(TokenError::UserName));
}

#[test]
fn a_claim_may_say_what_the_client_may_do() {
    let policy = TokenPolicy { acl_claim: Some("mqtt".to_owned()), ..policy(&[Algorithm::Hs256], secret()) };
    let verify = |grants: &str| {
        let claims = format!(r#"{{"sub":"ada","exp":4102444800{grants}}}"#);
        policy.verify(signed(r#"{"alg":"HS256"}"#, &claims).as_bytes(), NOW_S)
    };
    let token = verify(r#","mqtt":{"publish":["up/%u"]}"#).expect("a good token");
    let rights = Rights::new(&token.acl.expect("grants"), Some("ada"), "any");
    assert!(rights.check(Access::Publish, "up/ada").is_allowed());
    assert!(!rights.check(Access::Receive, "up/ada").is_allowed());
    assert_eq!(verify("").err(), Some(TokenError::Acl));
    assert_eq!(verify(r#","mqtt":["up"]"#).err(), Some(TokenError::Acl));
}

#[test]
fn files_that_are_no_keys_are_refused_with_a_hint() {
    let check = |loaded: Result<Loaded<Keys>, FileError>, expected: &str| {
        let text = loaded.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains(expected), "{expected}: {text}");
    };
    check(Keys::secret("s", b"short\n"), "The secret in \"s\" has 5 bytes.");
    check(Keys::secret("s", PEM), "\"s\" is a key of a pair, not a secret.");
    check(Keys::public("k", b"no key"), "\"k\" has no public key.");
    let private = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    check(Keys::public("k", private), "\"k\" has something else than public keys.");
    check(Keys::set("k", b"{\n\"keys\": [,]}"), "\"k\" is not JSON");
    check(Keys::set("k", b"[]"), "\"k\" is not a set of keys.");
    check(Keys::set("k", br#"{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}"#), "The key 'a' in \"k\" is not valid.");
    check(Keys::set("k", br#"{"keys":[{"kty":"new"}]}"#), "\"k\" has no key that can verify a token.");
}

#[test]
fn what_looks_like_a_token_is_told_from_passwords() {
    assert!(is_token(token("RS256").as_bytes()));
    for password in ["secret", "eyJh.eyJh", "a.b.c", "eyJ.a b.c", "eyJ.a.b.c", ""] {
        assert!(!is_token(password.as_bytes()), "{password}");
    }
}
