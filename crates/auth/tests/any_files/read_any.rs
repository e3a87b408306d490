//! What must hold for any password file and access control list; run by the test beside this and by the fuzz target.

use std::sync::Arc;

use midge_auth::{Access, Acl, Decision, FileError, Loaded, Passwords, Rights, remove_user};

/// Reads `data` as either file and asks for some Clients. Nothing may panic, and an error must say where it is. Returns whether
/// it is a list without errors.
pub(crate) fn read_any(data: &[u8]) -> bool {
    if let Some(passwords) = content(data, Passwords::parse("pw", data)) {
        assert!(!passwords.contains("nobody has this name"));
        assert!(!passwords.verify("nobody has this name", None).is_right());
    }
    let removed = remove_user(data, "ada");
    assert_eq!(removed.bytes == data, removed.lines == 0);
    assert_eq!(remove_user(&removed.bytes, "ada").lines, 0);

    let Some(acl) = content(data, Acl::parse("acl", data)) else { return false };
    let acl = Arc::new(acl);
    for user_name in [None, Some("ada"), Some("two words"), Some("a+"), Some("")] {
        for client_id in ["c1", "x/y", "#", "$s", ""] {
            ask(&Rights::new(&acl, user_name, client_id), data);
        }
    }
    true
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
