//! What is done with who comes, before anything is checked that takes time.

/// Whether the Client Identifier begins as `clientid_prefixes` wants it; in spite of the name it is one prefix. If not, the
/// CONNECT is answered with [`Refusal::NotAuthorized`].
pub fn client_id_is_welcome(prefix: Option<&str>, client_id: &str) -> bool {
    prefix.is_none_or(|prefix| client_id.starts_with(prefix))
}

/// What the configuration of a listener says about who may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectPolicy {
    /// There is a password file, be it an empty one.
    pub has_password_file: bool,
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
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Let the Client in, under the User Name that it gave.
    Accept,
    /// Ask [`Passwords::verify`](crate::Passwords::verify); if that is not right, refuse with [`Refusal::NotAuthorized`].
    Verify,
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
/// Without a password file, `allow_anonymous` lets in everybody, whatever User Name and Password they bring; with one, it lets in
/// those who bring no User Name.
pub fn admission(policy: ConnectPolicy, credentials: Credentials<'_>) -> Admission {
    let is_checked = policy.has_password_file && credentials.user_name.is_some();
    match (is_checked, policy.allow_anonymous) {
        // Who has no password is refused by every entry.
        (true, _) if credentials.password.is_none() => Admission::Refuse(Refusal::NotAuthorized),
        (true, _) => Admission::Verify,
        (false, true) => Admission::Accept,
        (false, false) => Admission::Refuse(Refusal::NotAuthorized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_is_checked_only_where_there_is_something_to_check_with() {
        let check = |has_password_file, allow_anonymous, user_name: Option<&str>, password: Option<&str>, expected| {
            let policy = ConnectPolicy { has_password_file, allow_anonymous };
            let credentials = Credentials { user_name, password: password.map(str::as_bytes) };
            assert_eq!(admission(policy, credentials), expected, "{policy:?} {user_name:?} {password:?}");
        };
        let refuse = Admission::Refuse(Refusal::NotAuthorized);
        check(false, true, None, None, Admission::Accept);
        check(false, true, Some("ada"), Some("anything"), Admission::Accept);
        check(false, true, Some("ada"), None, Admission::Accept);
        check(false, false, None, None, refuse);
        check(false, false, Some("ada"), Some("anything"), refuse);
        check(true, true, None, None, Admission::Accept);
        check(true, true, None, Some("no name"), Admission::Accept);
        check(true, true, Some("ada"), Some("right?"), Admission::Verify);
        check(true, true, Some(""), Some("right?"), Admission::Verify);
        check(true, true, Some("ada"), None, refuse);
        check(true, false, None, None, refuse);
        check(true, false, Some("ada"), Some("right?"), Admission::Verify);
        check(true, false, Some("ada"), None, refuse);
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
