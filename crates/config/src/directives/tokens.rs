//! Who vouches for clients: keys that tokens are signed with, and web services.

use super::Scope::Security;
use super::Take::{Integer, Path, Text, Words};
use super::{Again, Bounds, Directive, Given, directive};
use crate::draft::{Draft, Part};
use crate::value::shown;
use crate::web::set_url;

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("auth_jwt_algorithms", Security, Words(algorithms))
        .reloadable()
        .single()
        .doc("Let in clients with a JSON Web Token in the password field that is signed with one of these algorithms.")
        .note(
            "Not in Mosquitto. HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; for each there \
             has to be a key. A client is disconnected when its token expires.",
        ),
    directive("auth_jwt_key_file", Security, Path(Again::Replaces, |draft, path| draft.jwt().key_file = Some(path)))
        .reloadable()
        .single()
        .doc("The file with public keys (PEM) that verify tokens."),
    directive("auth_jwt_secret_file", Security, Path(Again::Replaces, |draft, path| draft.jwt().secret_file = Some(path)))
        .reloadable()
        .single()
        .doc("The file with the secret that verifies tokens with HS256, HS384 and HS512."),
    directive("auth_jwt_jwks_file", Security, Path(Again::Replaces, |draft, path| draft.jwt().jwks_file = Some(path)))
        .reloadable()
        .single()
        .doc("The file with a set of JSON Web Keys that verify tokens."),
    directive("auth_jwt_issuer", Security, Text(Again::Replaces, |draft, issuer| draft.jwt().issuer = Some(issuer)))
        .reloadable()
        .single()
        .doc("Let in only tokens of this issuer (claim iss)."),
    directive("auth_jwt_audience", Security, Text(Again::Replaces, |draft, audience| draft.jwt().audience = Some(audience)))
        .reloadable()
        .single()
        .doc("Let in only tokens for this audience (claim aud)."),
    directive("auth_jwt_user_claim", Security, Text(Again::Replaces, |draft, claim| draft.jwt().user_claim = claim))
        .default("sub")
        .reloadable()
        .single()
        .doc("The claim of a token that is the user name, whatever the client calls itself."),
    directive("auth_jwt_acl_claim", Security, Text(Again::Replaces, |draft, claim| draft.jwt().acl_claim = Some(claim)))
        .reloadable()
        .single()
        .doc("The claim of a token that says what its client may do.")
        .note(
            "An object with two lists of topic filters, publish and subscribe, in which %u and %c stand for user name and client \
             identifier. With an acl_file both have to grant what a client wants.",
        ),
    directive("auth_http_user_url", Security, Text(Again::Replaces, |draft, url| set_url(draft, url, |draft| &mut draft.http().user_url)))
        .reloadable()
        .single()
        .doc("Let in clients of which this web service says so.")
        .note(
            "Not in Mosquitto. The request is a POST of JSON with clientid, username and password; 200 lets the client in, 401 or 403 \
             does not, and any other answer is none.",
        ),
    directive("auth_http_acl_url", Security, Text(Again::Replaces, |draft, url| set_url(draft, url, |draft| &mut draft.http().acl_url)))
        .reloadable()
        .single()
        .doc("Let clients publish and receive what this web service grants them.")
        .note(
            "Not in Mosquitto. Asked when a client connects, by a POST of JSON with clientid and username. The answer is an object \
             with two lists of topic filters, publish and subscribe, and may have expires_in: after so many seconds the client \
             is disconnected, to be asked about again. With an acl_file both have to grant what a client wants.",
        ),
    directive(
        "auth_http_timeout",
        Security,
        Integer(
            Bounds { min: 1, max: 60, outside: "'auth_http_timeout' must be between 1 and 60 inclusive." },
            |draft, seconds| draft.http().timeout_s = seconds as u16,
        ),
    )
    .default("5")
    .reloadable()
    .single()
    .doc("How many seconds a web service has for its answer. Without one nothing is granted."),
    directive(
        "auth_http_cache",
        Security,
        Integer(
            Bounds { min: 1, max: 86_400, outside: "'auth_http_cache' must be between 1 and 86400 inclusive." },
            |draft, seconds| draft.http().cache_s = seconds as u32,
        ),
    )
    .default("30")
    .reloadable()
    .single()
    .doc("For how many seconds a client that web services let in comes in again without asking them."),
    directive("auth_http_cafile", Security, Path(Again::Replaces, |draft, path| draft.http().cafile = Some(path)))
        .reloadable()
        .single()
        .doc("The file with the certificates that vouch for web services; without it those of the system do."),
];

fn algorithms(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let mut names = Vec::new();
    draft.word(given.name, given.words.clone().next());
    while let Some(word) = words.next() {
        match ALGORITHMS.iter().find(|name| name.as_bytes() == word) {
            Some(name) => names.push((*name).to_owned()),
            None => {
                let hint = Some(format!("There are {}.", ALGORITHMS.join(", ")));
                draft.error_in(Part::Word(word), format!("Invalid '{}' value ({}).", given.name, shown(word)), hint);
            }
        }
    }
    draft.jwt().algorithms = names;
}

const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
