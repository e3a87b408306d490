//! The access control list as a file.
//!
//! | line | meaning |
//! |---|---|
//! | `user NAME` | the `topic` lines that follow are for this User, all that precede the first are for Clients without User Name |
//! | `topic [read\|write\|readwrite\|deny] TOPIC` | a rule; without the second word `readwrite` |
//! | `pattern [read\|write\|readwrite\|deny] TOPIC` | a rule for all Clients, wherever it stands; see `filter` for `%c` and `%u` |
//!
//! Words are separated by spaces, the last takes the rest of the line. A User may be named more than once. Blank lines are
//! passed over, as are those with `#` in the first column.

use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::filter::Filter;
use crate::lines::{is_blank, read_lines};
use crate::report::{FileError, Loaded, Report};
use crate::rules::{Line, Permission, Rules};

/// The content of an access control list. What it means for a Client is in [`Rights`](crate::Rights).
pub struct Acl {
    /// Those of Clients without User Name first, then one list for each User.
    lists: Vec<Rules>,
    /// Where in `lists`. Nobody but the operator chooses what goes in here, so the seed needs to be no secret.
    users: HashMap<Box<str>, u32, FixedState>,
    patterns: Rules,
}

/// Whose rules are a Client's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Own {
    Anonymous,
    User(u32),
    /// The file does not name the User.
    Unknown,
}

impl Acl {
    /// Reads the bytes of a file, which is named only in messages. The error has every line that is wrong.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Loaded<Acl>, FileError> {
        let mut report = Report::new(file);
        let mut reader = Reader {
            acl: Acl { lists: vec![Rules::default()], users: HashMap::default(), patterns: Rules::default() },
            list: 0,
        };
        read_lines(&mut report, "acl_file", bytes, |report, line| reader.read_line(report, line));
        reader.acl.lists.iter_mut().for_each(Rules::shrink);
        report.finish(reader.acl)
    }

    /// The list that lets every Client publish to topics of some filters and receive those of others; `%c` and `%u` stand for
    /// names. `None` where a filter is none.
    pub fn of_filters(publish: &[&str], receive: &[&str]) -> Option<Acl> {
        let mut patterns = Rules::default();
        let publish = publish.iter().map(|filter| (Permission::Write, filter));
        let receive = receive.iter().map(|filter| (Permission::Read, filter));
        for (permission, filter) in publish.chain(receive) {
            patterns.add(Line::MIN, permission, Filter::new(filter, true).ok()?);
        }
        patterns.shrink();
        Some(Acl { lists: vec![Rules::default()], users: HashMap::default(), patterns })
    }

    /// The Users that the file names, in the order of the alphabet.
    pub fn user_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.users.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn own(&self, user_name: Option<&str>) -> Own {
        match user_name {
            None => Own::Anonymous,
            Some(user_name) => self.users.get(user_name).map_or(Own::Unknown, |list| Own::User(*list)),
        }
    }

    #[inline]
    pub(crate) fn rules(&self, own: Own) -> Option<&Rules> {
        match own {
            Own::Anonymous => self.lists.first(),
            Own::User(list) => self.lists.get(list as usize),
            Own::Unknown => None,
        }
    }

    #[inline]
    pub(crate) fn patterns(&self) -> &Rules {
        &self.patterns
    }
}

/// Without names and topics.
impl fmt::Debug for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acl").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// What has been read so far.
struct Reader {
    acl: Acl,
    /// To whom `topic` lines go.
    list: u32,
}

impl Reader {
    fn read_line(&mut self, report: &mut Report<'_>, line: &str) {
        let (word, rest) = first_word(line);
        match word {
            "" => {}
            "user" => self.read_user(report, line, rest.trim_matches(is_blank)),
            "topic" => self.read_rule(report, line, rest, false),
            "pattern" => self.read_rule(report, line, rest, true),
            _ => {
                let text = format!("Invalid line in acl_file \"{}\": {word}.", report.file());
                report.error_in((line, word), text, line_hint(word));
            }
        }
    }

    fn read_user(&mut self, report: &mut Report<'_>, line: &str, user_name: &str) {
        if user_name.is_empty() {
            let text = format!("Missing username in acl_file \"{}\".", report.file());
            return report.error_in((line, user_name), text, "The rules that follow 'user NAME' are that User's.");
        }
        let next = self.acl.lists.len() as u32;
        self.list = *self.acl.users.entry(user_name.into()).or_insert(next);
        if self.list == next {
            self.acl.lists.push(Rules::default());
        }
    }

    fn read_rule(&mut self, report: &mut Report<'_>, line: &str, rest: &str, is_pattern: bool) {
        let file = report.file();
        let (word, rest) = first_word(rest);
        if word.is_empty() {
            let text = format!("Empty topic in acl_file \"{file}\".");
            return report.error_in((line, word), text, "A rule ends with a topic.");
        }
        let (permission, topic) = match rest.trim_matches(is_blank) {
            "" => (Some(Permission::ReadWrite), word),
            topic => (permission(word), topic),
        };
        let Some(permission) = permission else {
            let text = format!("Invalid topic access type \"{word}\" in acl_file \"{file}\".");
            return report.error_in((line, word), text, ACCESS_HINT);
        };
        match Filter::new(topic, is_pattern) {
            Ok(filter) => {
                note_mistakes(report, topic, is_pattern);
                let list = if is_pattern { &mut self.acl.patterns } else { &mut self.acl.lists[self.list as usize] };
                list.add(Line::new(report.line).unwrap_or(Line::MAX), permission, filter);
            }
            Err(fault) => {
                let text = format!("Invalid ACL topic \"{topic}\" in acl_file \"{file}\".");
                report.error_in((line, topic), text, fault.to_string());
            }
        }
    }
}

/// The first word, and what follows the space behind it.
fn first_word(line: &str) -> (&str, &str) {
    let line = line.trim_start_matches(' ');
    line.split_once(' ').unwrap_or((line, ""))
}

fn permission(word: &str) -> Option<Permission> {
    match word {
        "read" => Some(Permission::Read),
        "write" => Some(Permission::Write),
        "readwrite" => Some(Permission::ReadWrite),
        "deny" => Some(Permission::Deny),
        _ => None,
    }
}

fn line_hint(word: &str) -> &'static str {
    if word.starts_with('#') {
        "A comment begins with '#' in the first column."
    } else if word.contains('\t') {
        "Words are separated by spaces; a tab is taken as part of a word."
    } else if word.starts_with('\u{feff}') {
        "The file begins with a byte order mark; save it as UTF-8 without one."
    } else {
        "A line begins with 'user', 'topic' or 'pattern'."
    }
}

/// What is right and hardly meant.
fn note_mistakes(report: &mut Report<'_>, topic: &str, is_pattern: bool) {
    let has_name = topic.contains("%c") || topic.contains("%u");
    let is_name = |level: &str| matches!(level, "%c" | "%u");
    let inside_level = |level: &str| !is_name(level) && (level.contains("%c") || level.contains("%u"));
    if is_pattern && !has_name {
        report.note(format!("ACL pattern '{topic}' does not contain '%c' or '%u'."));
    } else if is_pattern && topic.split('/').any(inside_level) {
        report.note(format!("In ACL pattern '{topic}', '%c' and '%u' stand for names only where they fill a level."));
    } else if !is_pattern && topic.split('/').any(is_name) {
        report.note(format!("In ACL topic '{topic}', '%c' and '%u' stand for themselves; 'pattern' puts names there."));
    }
    if permission(topic).is_some() {
        report.note(format!("ACL topic '{topic}' is taken as a topic, not as a kind of access."));
    } else if topic.starts_with("$share/") {
        report.note(format!("ACL topic '{topic}' matches nothing; rules have no '$share/NAME/' in front."));
    }
}

const ACCESS_HINT: &str =
    "It is one of 'read', 'write', 'readwrite', 'deny'; a topic with spaces in it needs one of them in front.";
