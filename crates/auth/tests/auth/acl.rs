//! What a list lets a Client do, story by story.

use midge_auth::{Access, Decision, Rights};

use crate::support::{acl, rights};

/// Each word of `allowed` is an access and a topic that is allowed to the Client, or not with `!` in front: `+write:a/b`.
#[track_caller]
fn check(list: &str, who: &str, answers: &str) {
    let rights = rights(list, who);
    for answer in answers.split_whitespace() {
        let (access, topic) = answer[1..].split_once(':').expect("access:topic");
        let access = match access {
            "read" => Access::Receive,
            "write" => Access::Publish,
            other => panic!("{other}?"),
        };
        let decision = rights.check(access, topic);
        assert_eq!(decision.is_allowed(), answer.starts_with('+'), "{who}: {answer}: {decision}");
    }
}

#[test]
fn each_user_has_rules_of_its_own() {
    let list = "user ada\ntopic read a/#\ntopic write b\ntopic c\n\nuser bob\ntopic readwrite a/+\n";
    check(list, "ada/1", "+read:a/x -write:a/x +read:a -read:b +write:b +read:c +write:c -read:d");
    check(list, "bob/1", "+read:a/x +write:a/x -read:a -read:a/x/y -read:c");
    check(list, "eve/1", "-read:a/x -write:b");
    check(list, "/1", "-read:a/x -write:b");
}

#[test]
fn rules_before_the_first_user_are_for_those_without_a_name() {
    let list = "topic read news/#\nuser ada\ntopic mine\n";
    check(list, "/1", "+read:news/1 -write:news/1 -read:mine");
    check(list, "ada/1", "-read:news/1 +read:mine");
    check(list, "bob/1", "-read:news/1");
}

#[test]
fn blocks_of_one_user_merge() {
    let list = "user ada\ntopic a\nuser bob\ntopic b\nuser ada\ntopic c\n";
    check(list, "ada/1", "+read:a +read:c -read:b");
    check(list, "bob/1", "+read:b -read:a -read:c");
}

#[test]
fn the_users_of_a_file_are_known() {
    let list = acl("topic a\nuser eve\nuser ada\ntopic a\nuser two words\nuser ada\n");
    assert_eq!(list.user_names(), ["ada", "eve", "two words"]);
}

#[test]
fn denials_come_first_wherever_they_stand() {
    let list = "user ada\ntopic read a/#\ntopic readwrite a/secret\ntopic deny a/secret/#\n";
    check(list, "ada/1", "+read:a/x -read:a/secret -write:a/secret -read:a/secret/x +read:a/secrets");
    let exact = "user ada\ntopic a/#\ntopic deny a/b\n";
    check(exact, "ada/1", "+write:a/c -write:a/b -read:a/b +write:a/b/c");
}

#[test]
fn a_rule_for_reading_does_not_stand_in_the_way_of_one_for_writing() {
    check("user ada\ntopic read a/#\ntopic write +/x\n", "ada/1", "+read:a/x +write:a/x +write:b/x -read:b/x");
    check("user ada\ntopic read a\ntopic write a\n", "ada/1", "+read:a +write:a");
}

#[test]
fn an_empty_file_denies_all() {
    for list in ["", "# nothing\n", "user ada\n"] {
        check(list, "ada/1", "-read:a -write:a");
        check(list, "/1", "-read:a -write:a");
    }
}

#[test]
fn patterns_are_for_everybody_wherever_they_stand() {
    let list = "user ada\ntopic read a\npattern read up/%c/#\npattern write down/%u\n";
    check(list, "ada/1", "+read:a +read:up/1 +read:up/1/x -write:up/1 -read:up/2 +write:down/ada -read:down/ada");
    check(list, "bob/2", "-read:a +read:up/2/x +write:down/bob -write:down/ada");
    check(list, "/3", "-read:a +read:up/3 -write:down/ -write:down/%u");
}

#[test]
fn own_rules_come_before_patterns() {
    let list = "user ada\ntopic deny x/1/secret\ntopic read y/1\npattern x/%c/#\npattern deny y/%c\n";
    check(list, "ada/1", "+read:x/1/a -read:x/1/secret +read:y/1 -write:y/1");
    check(list, "bob/1", "+read:x/1/secret -read:y/1");
}

#[test]
fn denials_among_patterns_come_first() {
    let list = "pattern a/%c/#\npattern deny a/+/secret\n";
    check(list, "bob/1", "+read:a/1/x -read:a/1/secret");
}

#[test]
fn names_with_wildcards_do_not_reach_the_patterns() {
    let list = "user a+\ntopic own\npattern read all/%c\npattern read all/fixed\n";
    check(list, "a+/1", "+read:own -read:all/1 -read:all/fixed");
    check(list, "b/#", "-read:all/# -read:all/fixed");
    check(list, "b/1+", "-read:all/fixed");
    check("user a+\ntopic own\n", "a+/#", "+read:own");
}

#[test]
fn dollar_topics_want_rules_that_are_written_with_dollar() {
    let list = "user ada\ntopic read #\ntopic read +/y\nuser bob\ntopic read $SYS/#\npattern read %c/x\n";
    check(list, "ada/1", "+read:SYS/a -read:$SYS/a -read:$x/y");
    check(list, "bob/1", "+read:$SYS/a +read:$SYS -read:SYS -read:a");
    check(list, "eve/$x", "-read:$x/x");
    check("topic deny #\ntopic read $SYS/#\n", "/1", "+read:$SYS/a -read:a");
}

#[test]
fn names_are_literal_outside_patterns() {
    check("user ada\ntopic read a/%c\ntopic read a/%u\n", "ada/1", "+read:a/%c +read:a/%u -read:a/1 -read:a/ada");
}

#[test]
fn lines_are_read_as_mosquitto_reads_them() {
    let list = "\n  \n#comment\n  user   two words  \n topic  read   with spaces \t\r\ntopic deny\ntopic read\n";
    let rights = rights(list, "two words/1");
    assert!(rights.check(Access::Receive, "with spaces").is_allowed());
    assert!(!rights.check(Access::Publish, "with spaces").is_allowed());
    for topic in ["deny", "read"] {
        assert!(rights.check(Access::Publish, topic).is_allowed(), "{topic} is a topic where no other follows");
    }
}

#[test]
fn subscribing_is_always_granted() {
    let rights = rights("", "ada/1");
    for access in [Access::Subscribe, Access::Unsubscribe] {
        assert_eq!(rights.check(access, "#"), Decision::AlwaysGranted);
    }
}

#[test]
fn without_a_file_everything_is_allowed() {
    for access in [Access::Publish, Access::Receive, Access::Subscribe, Access::Unsubscribe] {
        assert_eq!(Rights::UNLIMITED.check(access, "a"), Decision::NoFile);
    }
    assert_eq!(Rights::UNLIMITED.check_filter("#"), Decision::NoFile);
}

#[test]
fn decisions_say_why() {
    let list = "topic read news\n\nuser ada\ntopic read a/#\ntopic read a/b\ntopic deny a/c\n\npattern read up/%c\n";
    let check = |who: &str, topic: &str, expected: &str| {
        let decision = rights(list, who).check(Access::Receive, topic);
        assert_eq!(decision.to_string(), expected, "{who} {topic}");
        let line = expected.split("line ").nth(1).and_then(|line| line.parse().ok());
        assert_eq!(decision.line(), line);
    };
    check("ada/1", "a/x", "allowed by line 4");
    check("ada/1", "a/b", "allowed by line 5");
    check("ada/1", "a/c", "denied by line 6");
    check("ada/1", "up/1", "allowed by line 8");
    check("/1", "news", "allowed by line 1");
    check("ada/1", "news", "denied: no rule of the User matches, and no pattern");
    check("bob/1", "a/b", "denied: the file does not name the User, and no pattern matches");
    check("/1", "a/b", "denied: no rule for Clients without User Name matches, and no pattern");
    check("b+/1", "up/1", "denied: the file has patterns, and the User Name has a wildcard in it");
    check("bob/#", "up/1", "denied: the file has patterns, and the Client Identifier has a wildcard in it");
}
