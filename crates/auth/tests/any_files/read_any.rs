//! What must hold for any password file, file of pre-shared keys, access control list, file of keys and token; run by the test beside this and by the fuzz target.

use std::sync::Arc;

use midge_auth::{
    Access, Acl, Algorithm, Decision, FileError, Grants, Keys, Loaded, Passwords, PreSharedKeys, Rights, TokenPolicy,
    remove_user,
};

/// Reads `data` as any of them and asks for some Clients. Nothing may panic, and an error must say where it is. Returns whether
/// it is a list without errors.
pub(crate) fn read_any(data: &[u8]) -> bool {
    if let Some(passwords) = content(data, Passwords::parse("pw", data)) {
        assert!(!passwords.contains("nobody has this name"));
        assert!(!passwords.verify("nobody has this name", None).is_right());
    }
    if let Some(keys) = content(data, PreSharedKeys::parse("psk", data)) {
        assert!(keys.key("ada").is_none_or(|key| !key.is_empty()), "nobody encrypts with nothing");
    }
    let removed = remove_user(data, "ada");
    assert_eq!(removed.bytes == data, removed.lines == 0);
    assert_eq!(remove_user(&removed.bytes, "ada").lines, 0);

    read_any_token(data);
    let Some(acl) = content(data, Acl::parse("acl", data)) else { return false };
    let acl = Arc::new(acl);
    for user_name in [None, Some("ada"), Some("two words"), Some("a+"), Some("")] {
        for client_id in ["c1", "x/y", "#", "$s", ""] {
            ask(&Rights::new(&acl, user_name, client_id), data);
        }
    }
    true
}

/// Reads `data` as keys, as what somebody grants, and as a token. Returns whether it is keys.
pub(crate) fn read_any_token(data: &[u8]) -> bool {
    let mut keys = Keys::default();
    let read = [Keys::public("k", data), Keys::set("k", data), Keys::secret("k", data)];
    let found: Vec<Keys> = read.into_iter().filter_map(|keys| content(data, keys)).collect();
    let has_keys = !found.is_empty();
    found.into_iter().for_each(|found| keys.add(&found));
    let policy = TokenPolicy {
        algorithms: Algorithm::NAMES.map(|(_, algorithm)| algorithm).to_vec(),
        keys,
        issuer: None,
        audience: None,
        user_claim: "sub".to_owned(),
        acl_claim: None,
    };
    assert!(policy.verify(data, 0).is_err(), "nothing is a token and the key that has signed it");
    let grants = Grants::parse(data);
    assert!(
        grants.is_none_or(|grants| !Rights::new(&Arc::new(grants.acl), None, "c")
            .check(Access::Publish, "")
            .is_allowed())
    );
    has_keys
}

fn ask(rights: &Rights, data: &[u8]) {
    let lines_max = data.split(|byte| *byte == b'\n').count();
    for topic in ["a", "a/x/b", "/", "$SYS/x", "news", "up/c1/x", "up/ada", "$", "é"] {
        let decision = rights.check(Access::Receive, topic);
        assert!(decision.line().is_none_or(|line| (1..=lines_max).contains(&(line as usize))), "{decision}");
        // A filter without wildcard can bring its own topic and nothing else.
        assert_eq!(rights.check_filter(topic), decision, "{topic}");
        let filters = ["#", "+/#", "a/#", "a/+/b", "+", "$SYS/#"];
        let mut matching = filters.iter().filter(|filter| midge_codec::topic_matches(filter, topic));
        assert!(matching.all(|filter| !decision.is_allowed() || rights.check_filter(filter).is_allowed()), "{topic}");
        let granted = rights.check(Access::Subscribe, topic);
        assert_eq!((granted, granted.line()), (Decision::AlwaysGranted, None));
    }
}

fn content<T>(data: &[u8], result: Result<Loaded<T>, FileError>) -> Option<T> {
    let lines_max = data.split(|byte| *byte == b'\n').count() as u32;
    match result {
        Ok(loaded) => {
            assert!(loaded.notes.iter().all(|note| (1..=lines_max).contains(&note.line) && !note.text.is_empty()));
            Some(loaded.content)
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.iter().all(|one| (1..=lines_max).contains(&one.line) && !one.hint.is_empty()));
            None
        }
    }
}
