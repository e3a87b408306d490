//! What is done with who comes, before anything is checked that takes time.

use crate::is_token;

/// Whether the Client Identifier begins as `clientid_prefixes` wants it; in spite of the name it is one prefix. If not, the
/// CONNECT is answered with [`Refusal::NotAuthorized`].
pub fn client_id_is_welcome(prefix: Option<&str>, client_id: &str) -> bool {
    prefix.is_none_or(|prefix| client_id.starts_with(prefix))
}

/// What the configuration of a listener says about who may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectPolicy {
    /// There is a password file, be it an empty one.
    pub has_password_file: bool,
    /// There are keys for tokens.
    pub has_tokens: bool,
    /// There is a web service that says who may come.
    pub has_service: bool,
    /// `listener_allow_anonymous` where it is given, else `allow_anonymous`.
    pub allow_anonymous: bool,
}

/// What a CONNECT packet brings.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// An empty User Name is one.
    pub user_name: Option<&'a str>,
    /// Any bytes.
    pub password: Option<&'a [u8]>,
    /// The password file has the User Name.
    pub is_in_password_file: bool,
}

/// Who says whether credentials are right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judge {
    /// [`Passwords::verify`](crate::Passwords::verify).
    PasswordFile,
    /// [`TokenPolicy::verify`](crate::TokenPolicy::verify).
    Tokens,
    /// A web service.
    Service,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Let the Client in, under the User Name that it gave.
    Accept,
    /// Ask this one; if that is not right, refuse with [`Refusal::NotAuthorized`].
    Verify(Judge),
    /// Answer with CONNACK and close.
    Refuse(Refusal),
}

/// How a CONNECT is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// What Mosquitto answers where User Name and Password are wrong, too.
    NotAuthorized,
}

impl Refusal {
    /// The Reason Code for version 5.
    pub const fn reason_code(self) -> u8 {
        match self {
            Refusal::NotAuthorized => 0x87,
        }
    }

    /// The Return Code for versions 3.1 and 3.1.1.
    pub const fn return_code(self) -> u8 {
        match self {
            Refusal::NotAuthorized => 5,
        }
    }
}

/// Decides what to do with a Client whose User Name comes from its CONNECT packet. One that is named by its certificate is let
/// in without this question. The same is asked again for each Client when the files have been read again.
///
/// A Client has one judge, so that it cannot choose a weaker one: the password file for those whom it has, the keys for what looks
/// like a token, the web service for all others. Without any, `allow_anonymous` lets in everybody, whatever User Name and Password
/// they bring; with one, it lets in those who bring nothing that could be judged.
pub fn admission(policy: ConnectPolicy, credentials: Credentials<'_>) -> Admission {
    let Credentials { user_name, password, is_in_password_file } = credentials;
    let is_judged = match user_name {
        Some(_) => policy.has_password_file || policy.has_tokens || policy.has_service,
        None => password.is_some() && (policy.has_tokens || policy.has_service),
    };
    match password {
        _ if !is_judged && policy.allow_anonymous => Admission::Accept,
        Some(_) if is_judged && is_in_password_file => Admission::Verify(Judge::PasswordFile),
        Some(password) if policy.has_tokens && is_token(password) => Admission::Verify(Judge::Tokens),
        Some(_) if policy.has_service => Admission::Verify(Judge::Service),
        // For an unknown User Name too: the answer takes as long as for a known one.
        Some(_) if is_judged && policy.has_password_file && user_name.is_some() => {
            Admission::Verify(Judge::PasswordFile)
        }
        // Who has no password is refused by every judge.
        _ => Admission::Refuse(Refusal::NotAuthorized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_is_checked_only_where_there_is_something_to_check_with() {
        let check = |has_password_file, allow_anonymous, user_name: Option<&str>, password: Option<&str>, expected| {
            let policy = ConnectPolicy { has_password_file, allow_anonymous, ..ConnectPolicy::default() };
            let credentials = Credentials {
                user_name,
                password: password.map(str::as_bytes),
                is_in_password_file: has_password_file && user_name == Some("ada"),
            };
            assert_eq!(admission(policy, credentials), expected, "{policy:?} {user_name:?} {password:?}");
        };
        let refuse = Admission::Refuse(Refusal::NotAuthorized);
        let verify = Admission::Verify(Judge::PasswordFile);
        check(false, true, None, None, Admission::Accept);
        check(false, true, Some("ada"), Some("anything"), Admission::Accept);
        check(false, true, Some("ada"), None, Admission::Accept);
        check(false, false, None, None, refuse);
        check(false, false, Some("ada"), Some("anything"), refuse);
        check(true, true, None, None, Admission::Accept);
        check(true, true, None, Some("no name"), Admission::Accept);
        check(true, true, Some("ada"), Some("right?"), verify);
        check(true, true, Some(""), Some("right?"), verify);
        check(true, true, Some("ada"), None, refuse);
        check(true, false, None, None, refuse);
        check(true, false, Some("ada"), Some("right?"), verify);
        check(true, false, Some("ada"), None, refuse);
    }

    #[test]
    fn each_client_has_one_judge() {
        let check = |judges: &str, user_name: Option<&str>, password: Option<&str>, expected| {
            let policy = ConnectPolicy {
                has_password_file: judges.contains('p'),
                has_tokens: judges.contains('t'),
                has_service: judges.contains('s'),
                allow_anonymous: judges.contains('a'),
            };
            let is_in_password_file = policy.has_password_file && user_name == Some("ada");
            let credentials = Credentials { user_name, password: password.map(str::as_bytes), is_in_password_file };
            assert_eq!(admission(policy, credentials), expected, "{judges} {user_name:?} {password:?}");
        };
        let by = |judge| Admission::Verify(judge);
        let refuse = Admission::Refuse(Refusal::NotAuthorized);
        let (token, ada, eve) = (Some("eyJh.eyJz.c2ln"), Some("ada"), Some("eve"));
        check("pts", ada, token, by(Judge::PasswordFile));
        check("pts", eve, token, by(Judge::Tokens));
        check("pts", eve, Some("secret"), by(Judge::Service));
        check("pts", None, token, by(Judge::Tokens));
        check("pt", eve, Some("secret"), by(Judge::PasswordFile));
        check("t", eve, Some("secret"), refuse);
        check("s", eve, token, by(Judge::Service));
        check("s", eve, None, refuse);
        check("ptsa", eve, None, refuse);
        check("ptsa", None, None, Admission::Accept);
        check("ta", None, Some("secret"), refuse);
    }

    #[test]
    fn refusals_have_a_code_for_each_version() {
        assert_eq!((Refusal::NotAuthorized.reason_code(), Refusal::NotAuthorized.return_code()), (0x87, 5));
    }

    #[test]
    fn one_prefix_is_wanted() {
        let check = |prefix, client_id, expected| {
            assert_eq!(client_id_is_welcome(prefix, client_id), expected, "{prefix:?} {client_id}");
        };
        check(None, "anyone", true);
        check(Some("sensor-"), "sensor-1", true);
        check(Some("sensor-"), "sensor-", true);
        check(Some("sensor-"), "sensor", false);
        check(Some("sensor- actor-"), "actor-1", false);
    }
}
