//! The account that a server started as root goes on with.
//!
//! ```text
//! root: read the listeners' files ── as the account: log file, what is kept ── root: bind ports ── the account for good
//! ```
//!
//! What must hold: root follows no path that the account could have laid out. So whatever the account will use later is opened
//! as the account in the first place; only what stands in a folder of root's alone is made by root and given away (`owned`).

use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Who the configuration and the environment want the server to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `user`; `None`: whoever started it.
    pub user: Option<String>,
    /// `PUID`; counts more.
    pub user_number: Option<u32>,
    /// `PGID`; counts more.
    pub group_number: Option<u32>,
}

/// A user that does not exist, named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAccount(String);

impl fmt::Display for NoAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid user '{}': there is none of that name", self.0)
    }
}

/// A user with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    name: String,
    pub(super) user: u32,
    pub(super) group: u32,
    /// All of them.
    groups: Vec<u32>,
}

impl Account {
    /// Who is to be become; `None`: nobody else, because we are not root or shall stay it. Notes go to the log as warnings.
    pub(crate) fn of(wanted: &Wanted, notes: &mut Vec<String>) -> Result<Option<Account>, NoAccount> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let account = Account::wanted(wanted, notes)?;
        if account.as_ref().is_none_or(|account| account.user == 0) {
            notes.push(
                "Warning: the server runs as root, and a fault in it would be one of the whole machine.".to_owned(),
            );
        }
        Ok(account)
    }

    fn wanted(wanted: &Wanted, notes: &mut Vec<String>) -> Result<Option<Account>, NoAccount> {
        if wanted.user_number.is_some() || wanted.group_number.is_some() {
            let user = wanted.user_number.unwrap_or(0);
            let group = wanted.group_number.unwrap_or(user);
            return Ok(Some(Account { name: user.to_string(), user, group, groups: vec![group] }));
        }
        let Some(name) = wanted.user.as_deref().filter(|name| *name != "root") else { return Ok(None) };
        if let Some(account) = Account::find(name) {
            return Ok(Some(account));
        }
        if name != midge_config::USER {
            return Err(NoAccount(name.to_owned()));
        }
        notes.push(format!("Warning: there is no user {name}; the server becomes {STAND_IN} instead."));
        Account::find(STAND_IN).map(Some).ok_or_else(|| NoAccount(STAND_IN.to_owned()))
    }

    /// The user of that name.
    pub(super) fn find(name: &str) -> Option<Account> {
        let text = CString::new(name).ok()?;
        let (user, group) = numbers_of(&text)?;
        Some(Account { name: name.to_owned(), user, group, groups: groups_of(&text, group)? })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// Does something as this user. Nothing else may happen in the process meanwhile that another user has to do: it is the whole
    /// process that changes.
    pub(crate) fn act<T>(&self, what: impl FnOnce() -> T) -> io::Result<T> {
        // SAFETY: none of these calls touches memory of ours but `setgroups`, which reads as many numbers as it is told.
        unsafe {
            check(libc::setgroups(self.groups.len() as _, self.groups.as_ptr()))?;
            check(libc::setegid(self.group))?;
            check(libc::seteuid(self.user))?;
            let result = what();
            check(libc::seteuid(0))?;
            check(libc::setegid(0))?;
            Ok(result)
        }
    }

    /// Becomes this user for good.
    pub(crate) fn become_for_good(&self) -> io::Result<()> {
        // SAFETY: as in `act`. The C library's calls change every thread of the process.
        unsafe {
            check(libc::setgroups(self.groups.len() as _, self.groups.as_ptr()))?;
            check(libc::setgid(self.group))?;
            check(libc::setuid(self.user))
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (user {}, group {})", self.name, self.user, self.group)
    }
}

/// Whom a server becomes where Mosquitto's own user is missing.
const STAND_IN: &str = "nobody";

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// User and first group of that name.
fn numbers_of(name: &CStr) -> Option<(u32, u32)> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut texts = vec![0; ENTRY_BYTES_MAX];
    let mut found = ptr::null_mut();
    // SAFETY: `name` ends with a NUL, and the call is told how long `texts` is; it fills `entry` where it sets `found` to it.
    unsafe {
        let result =
            libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), texts.as_mut_ptr(), texts.len(), &raw mut found);
        (result == 0 && !found.is_null()).then(|| ((*found).pw_uid, (*found).pw_gid))
    }
}

/// All groups of that user.
fn groups_of(name: &CStr, first: u32) -> Option<Vec<u32>> {
    let mut groups = vec![0; GROUPS_MAX];
    let mut count = GROUPS_MAX as libc::c_int;
    // SAFETY: `name` ends with a NUL, and `count` says how much room there is.
    let result = unsafe { libc::getgrouplist(name.as_ptr(), first, groups.as_mut_ptr(), &raw mut count) };
    groups.truncate(usize::try_from(count).ok()?);
    (result >= 0).then_some(groups)
}

/// The texts of one entry: a name, a comment, two paths.
const ENTRY_BYTES_MAX: usize = 16 << 10;

/// More than Linux gives any process that is not told otherwise.
const GROUPS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let root = Account::find("root").expect("there is always one");
        assert_eq!((root.user, root.group), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(Account::find("no such user"), None);
        assert_eq!(Account::find("a\0b"), None);
    }

    #[test]
    fn what_the_environment_says_counts_more() {
        let wanted = |user: &str, user_number, group_number| {
            let user = Some(user.to_owned());
            Account::wanted(&Wanted { user, user_number, group_number }, &mut Vec::new())
        };
        let numbers = |wanted: Result<Option<Account>, NoAccount>| {
            wanted.expect("no fault").map(|account| (account.user, account.group, account.groups))
        };
        assert_eq!(numbers(wanted("no such user", Some(1883), Some(7))), Some((1883, 7, vec![7])));
        assert_eq!(numbers(wanted("root", Some(1883), None)), Some((1883, 1883, vec![1883])));
        assert_eq!(numbers(wanted("nobody", None, Some(7))), Some((0, 7, vec![7])));
        assert_eq!(numbers(wanted("root", None, None)), None);
        assert_eq!(wanted("no such user", None, None), Err(NoAccount("no such user".to_owned())));
    }

    #[test]
    fn a_missing_mosquitto_is_stood_in_for() {
        let mut notes = Vec::new();
        let wanted = Wanted { user: Some("mosquitto".to_owned()), ..Wanted::default() };
        let account = Account::wanted(&wanted, &mut notes).expect("no fault").expect("somebody");
        assert_eq!(account.name == "nobody", !notes.is_empty());
    }
}
