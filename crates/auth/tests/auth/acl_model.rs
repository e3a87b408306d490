//! Decisions against a model that is obviously right: the list as the file has it, gone through in Mosquitto's order.

use std::sync::{Arc, LazyLock};

use midge_auth::{Access, Acl, Rights};
use midge_codec::topic_matches;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decisions_are_those_of_the_model(list in list(), who in who(), topics in prop::collection::vec(topic(), 1..10)) {
        let rights = list.rights(who);
        for (topic, (access, word)) in topics.iter().flat_map(|topic| ASKED.map(|asked| (topic, asked))) {
            let decision = rights.check(access, topic);
            let expected = list.decide(who, word, topic);
            prop_assert_eq!(decision.is_allowed(), expected.is_ok(), "{} {}: {}", word, topic, decision);
            let Some(line) = decision.line() else {
                prop_assert_eq!(expected, Err("nothing"));
                continue;
            };
            // Of several rules of one step any may be named.
            prop_assert_eq!(list.at_line(line).step(), expected.unwrap_or_else(|step| step));
            prop_assert!(list.at_line(line).matches(who, topic));
        }
    }
}

proptest! {
    #[test]
    fn a_filter_is_granted_when_there_is_a_topic(
        list in list(),
        who in who(),
        filters in prop::collection::vec(filter(&["a", "b", "", "$s", "c1", "ada"]), 1..4),
    ) {
        let rights = list.rights(who);
        for filter in &filters {
            let may_come = |topic: &&String| topic_matches(filter, topic) && list.decide(who, "read", topic).is_ok();
            let expected = all_topics().iter().find(may_come);
            let decision = rights.check_filter(filter);
            prop_assert_eq!(decision.is_allowed(), expected.is_some(), "{}: {} {:?}", filter, decision, expected);
        }
    }
}

const ASKED: [(Access, &str); 2] = [(Access::Publish, "write"), (Access::Receive, "read")];

/// Rules in the order of the file.
#[derive(Clone, Debug)]
struct Model(Vec<ModelRule>);

#[derive(Clone, Debug)]
struct ModelRule {
    owner: Owner,
    access: &'static str,
    topic: String,
}

/// Whose rule it is; those of Clients without User Name come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Owner {
    Anonymous,
    User(&'static str),
    Everybody,
}

impl Model {
    /// The step at which it is decided, `Ok` for yes.
    fn decide(&self, who: Who, word: &str, topic: &str) -> Result<&'static str, &'static str> {
        let find = |step: &str| {
            let mut rules = self.0.iter().filter(|rule| rule.step() == step);
            rules.any(|rule| (rule.access == "deny" || rule.access.contains(word)) && rule.matches(who, topic))
        };
        let has_wildcard = who.user_name.unwrap_or_default().contains(['+', '#']) || who.client_id.contains(['+', '#']);
        let has_patterns = self.0.iter().any(|rule| rule.owner == Owner::Everybody);
        match () {
            () if find("own deny") => Err("own deny"),
            () if find("own allow") => Ok("own allow"),
            () if has_patterns && has_wildcard => Err("nothing"),
            () if find("pattern deny") => Err("pattern deny"),
            () if find("pattern allow") => Ok("pattern allow"),
            () => Err("nothing"),
        }
    }

    fn rights(&self, who: Who) -> Rights {
        let text: String = self.0.iter().map(ModelRule::lines).collect();
        let loaded = Acl::parse("acl", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        Rights::new(&Arc::new(loaded.content), who.user_name, who.client_id)
    }

    fn at_line(&self, line: u32) -> &ModelRule {
        &self.0[line as usize / 2 - 1]
    }
}

impl ModelRule {
    fn step(&self) -> &'static str {
        match (self.owner == Owner::Everybody, self.access == "deny") {
            (false, true) => "own deny",
            (false, false) => "own allow",
            (true, true) => "pattern deny",
            (true, false) => "pattern allow",
        }
    }

    fn matches(&self, who: Who, topic: &str) -> bool {
        if self.topic.starts_with('$') != topic.starts_with('$') {
            return false;
        }
        match self.owner {
            Owner::Anonymous => who.user_name.is_none() && topic_matches(&self.topic, topic),
            Owner::User(user_name) => who.user_name == Some(user_name) && topic_matches(&self.topic, topic),
            Owner::Everybody if self.topic.contains("%u") && who.user_name.is_none() => false,
            Owner::Everybody => {
                let level = |level| match level {
                    "%c" => who.client_id,
                    "%u" => who.user_name.unwrap_or_default(),
                    other => other,
                };
                let names = self.topic.split('/').filter(|level| matches!(*level, "%c" | "%u")).map(level);
                let mut bad_names = names.filter(|name| name.is_empty());
                let filter: Vec<&str> = self.topic.split('/').map(level).collect();
                bad_names.next().is_none() && topic_matches(&filter.join("/"), topic)
            }
        }
    }

    /// Two lines.
    fn lines(&self) -> String {
        let ModelRule { owner, access, topic } = self;
        match owner {
            Owner::Anonymous => format!("\ntopic {access} {topic}\n"),
            Owner::User(user_name) => format!("user {user_name}\ntopic {access} {topic}\n"),
            Owner::Everybody => format!("\npattern {access} {topic}\n"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Who {
    user_name: Option<&'static str>,
    client_id: &'static str,
}

fn who() -> impl Strategy<Value = Who> {
    let user_name = prop::sample::select(vec![None, Some("ada"), Some("ada"), Some("bob"), Some("a+"), Some("")]);
    let client_id = prop::sample::select(vec!["c1", "c1", "ada", "#", "x/y", "$s"]);
    (user_name, client_id).prop_map(|(user_name, client_id)| Who { user_name, client_id })
}

fn list() -> impl Strategy<Value = Model> {
    let owner = prop::sample::select(vec![Owner::Anonymous, Owner::User("ada"), Owner::User("a+"), Owner::Everybody]);
    let access = prop::sample::select(vec!["read", "write", "readwrite", "deny"]);
    let topic = filter(&["a", "b", "", "$s", "%c", "%u", "x%u", "c1"]);
    let rule = (owner, access, topic).prop_map(|(owner, access, topic)| ModelRule { owner, access, topic });
    prop::collection::vec(rule, 0..10).prop_map(|mut rules| {
        rules.sort_by_key(|rule| rule.owner != Owner::Anonymous);
        Model(rules)
    })
}

/// Up to three levels of these and `+`, and perhaps `#`.
fn filter(levels: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    let levels = [levels, &["+", "+"]].concat();
    let levels = prop::collection::vec(prop::sample::select(levels), 0..4);
    let filter = (levels, any::<bool>()).prop_map(|(mut levels, is_open)| {
        if is_open {
            levels.push("#");
        }
        levels.join("/")
    });
    filter.prop_filter("empty", |filter| !filter.is_empty())
}

fn topic() -> impl Strategy<Value = String> {
    let levels = vec!["a", "b", "", "$s", "c1", "ada", "%c", "x%u", "x"];
    let topic = prop::collection::vec(prop::sample::select(levels), 1..5).prop_map(|levels| levels.join("/"));
    topic.prop_filter("empty", |topic| !topic.is_empty())
}

/// Every topic of up to four pieces of those that rules and names have (a Client Identifier may be two levels), and one that they do not.
fn all_topics() -> &'static [String] {
    static TOPICS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut topics = vec![];
        let mut longest = vec![String::new()];
        for is_first in [true, false, false, false] {
            let separator = if is_first { "" } else { "/" };
            let longer = |topic: &String| LEVELS.map(|level| format!("{topic}{separator}{level}"));
            longest = longest.iter().flat_map(longer).collect();
            topics.extend(longest.iter().filter(|topic| !topic.is_empty()).cloned());
        }
        topics
    });
    &TOPICS
}

const LEVELS: [&str; 12] = ["a", "b", "", "$s", "c1", "ada", "bob", "x/y", "%c", "%u", "x%u", "z"];
