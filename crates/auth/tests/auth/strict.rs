//! Whether a Topic Filter could bring a message, story by story.

use midge_auth::Decision;

use crate::support::rights;

#[track_caller]
fn check(list: &str, who: &str, answers: &str) {
    let rights = rights(list, who);
    for answer in answers.split_whitespace() {
        let decision = rights.check_filter(&answer[1..]);
        assert_eq!(decision.is_allowed(), answer.starts_with('!').eq(&false), "{answer}: {decision}");
    }
}

#[test]
fn a_filter_is_granted_where_some_topic_of_it_may_be_received() {
    let list = "user ada\ntopic read a/b\ntopic read c/+/d\ntopic read e/#\ntopic write f\n";
    check(list, "ada/1", "=a/b !a/c =a/+ =a/# =# =+/b !b/#");
    check(list, "ada/1", "=c/x/d =c/# =+/+/d =c/+/+ !c/+ !c/+/e");
    check(list, "ada/1", "=e =+ =e/x/y =+/+/+/+ =+/x/#");
    check(list, "ada/1", "!f !f/#");
    check(list, "bob/1", "!# !a/b");
}

#[test]
fn what_denials_cover_is_refused() {
    let list = "user ada\ntopic read a/#\ntopic deny a/+\ntopic deny a/b/#\n";
    check(list, "ada/1", "=a !a/x !a/+ =a/# =a/+/x !a/b/# !a/b/+ =+ !+/b");
    check("user ada\ntopic read a/#\ntopic deny a\ntopic deny a/+/#\n", "ada/1", "!a/# !# !a !a/+ !+/x");
    check("user ada\ntopic read a/+\ntopic deny a/b\n", "ada/1", "=a/+ !a/b =+/c !+/b");
    check("user ada\ntopic read #\ntopic deny #\n", "ada/1", "!# !a");
    check("user ada\ntopic read a/+/+/#\ntopic deny +/b/c/d/#\n", "ada/1", "=a/b/c !a/b/c/d =a/b/c/# !+/b/c/d/+/#");
}

#[test]
fn patterns_count_with_the_names_of_the_client() {
    let list = "pattern read a/%c/#\npattern deny a/+/secret\n";
    check(list, "ada/1", "=a/1/x =a/# =+/1/# !a/2/# !a/1/secret =a/1/+ !+/+/secret");
    check(list, "ada/x/y", "=a/x/y =a/x/y/z =# =+/x/+ !a/x !a/y/+");
    let list = "pattern read a/#\npattern deny a/%c/#\n";
    check(list, "ada/x/y/z", "!a/x/y/z/# !a/x/y/z/+ =a/x/# =a/#");
    // A name of more levels than a filter may have costs no more than others.
    check(list, &format!("ada/{}", "/".repeat(60_000)), &"=a/# ".repeat(300));
    check(list, "ada/+", "!a/# !#");
}

#[test]
fn dollar_topics_are_not_reached_by_wildcards() {
    let list = "user ada\ntopic read $SYS/#\n";
    check(list, "ada/1", "=$SYS/# =$SYS/a =$SYS/+ !# !+/a !+ !+/#");
    check("user ada\ntopic read #\n", "ada/1", "!$SYS/# =+/#");
    check("pattern read %c/#\n", "ada/$x", "!$x/# !+/#");
}

#[test]
fn an_empty_topic_is_none() {
    check("user ada\ntopic read /#\n", "ada/1", "!+ =/# =# =/+ =/");
}

#[test]
fn a_refusal_says_why() {
    let check = |list: &str, who: &str, filter: &str, expected| {
        assert_eq!(rights(list, who).check_filter(filter), expected, "{filter}");
    };
    let list = "user ada\ntopic read a/#\ntopic read b/c\ntopic deny b/#\n";
    check(list, "ada/1", "a/+", Decision::Allowed { line: 2 });
    check(list, "ada/1", "b/+", Decision::Denied { line: 4 });
    check(list, "ada/1", "c/+", Decision::NoRule);
    check(list, "bob/1", "a/+", Decision::NoRulesForUser);
    check(list, "/1", "a/+", Decision::NoRuleForAnonymous);
    check("pattern read %c\n", "a+/1", "+", Decision::WildcardInUserName);
}
