//! `midge acl explain`: whether a client may do something, and which line says so.
//!
//! The files are read and asked as a server does it; what is right is decided by `auth` alone.

use std::ffi::OsString;
use std::fs;
use std::sync::Arc;

use midge_auth::{
    Access, Acl, Admission, ConnectPolicy, Credentials, Decision, Rights, admission, client_id_is_welcome,
};
use midge_codec::{TopicFilter, check_topic_name};
use midge_config::{Address, Config, Listener};
use midge_server::words;
use midge_tools::flags::{Flag, Kind, Operand, Section, Stop, Table, Takes, Word, lossy, usual};

use crate::command_line::Serve;
use crate::subcommand::{self, Subcommand, wrong};
use crate::{Status, server};

/// What is asked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    config_file: Option<String>,
    user_name: Option<String>,
    client_id: String,
    port: Option<u16>,
    action: Action,
    topic: String,
}

/// What the client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Action {
    #[default]
    Publish,
    Subscribe,
    Receive,
}

/// The row of the command.
pub(crate) const SUBCOMMAND: Subcommand = Subcommand { page: || TABLE.page(), run };

fn run(words: &[OsString]) -> Status {
    subcommand::run(&TABLE, parse(words), |question| answer(&question).unwrap_or_else(|status| status))
}

fn parse(words: &[OsString]) -> Result<Question, Stop> {
    let (mut question, operands) = subcommand::read(&TABLE, Question::default(), words)?;
    let operands: Vec<_> = operands.into_iter().map(|word| lossy(word)).collect();
    let [what, action, topic] = &operands[..] else {
        return wrong("Error: Ask like this: midge acl explain -c FILE --user ada publish a/topic.");
    };
    if what != "explain" {
        return wrong(format!("Error: Unknown word '{what}'; it is 'explain'."));
    }
    question.action = match &**action {
        "publish" => Action::Publish,
        "subscribe" => Action::Subscribe,
        "receive" => Action::Receive,
        _ => return wrong(format!("Error: Unknown word '{action}'; it is 'publish', 'subscribe' or 'receive'.")),
    };
    let is_valid = match question.action {
        Action::Subscribe => TopicFilter::parse(topic).map(drop),
        Action::Publish | Action::Receive => check_topic_name(topic).map(drop),
    };
    is_valid.or_else(|error| wrong(format!("Error: {error}.")))?;
    question.topic = topic.to_string();
    match question.config_file {
        Some(_) => Ok(question),
        None => wrong("Error: Which configuration? Name its file: -c FILE."),
    }
}

/// Tells the answer; or what keeps from finding it, which was told then.
fn answer(question: &Question) -> Result<Status, Status> {
    let config_file = question.config_file.clone();
    let config = server::load(&Serve { config_file, ..Serve::default() })?.config;
    let listener = listener_of(question.port, &config).map_err(|message| told(&message, Status::Usage))?;
    let user_name = question.user_name.as_deref();
    let client_id = user_name.filter(|_| listener.use_username_as_clientid).unwrap_or(&question.client_id);
    if let Some(why) = refused(listener, user_name, client_id, &config) {
        crate::say(format_args!("denied when it connects: {why}"));
        return Ok(Status::Failure);
    }
    if question.action == Action::Publish && midge_broker::is_server_topic(&question.topic) {
        crate::say(format_args!("denied: nobody publishes to topics of the server itself"));
        return Ok(Status::Failure);
    }
    let (rights, text) = match &listener.acl_file {
        None => (Rights::UNLIMITED, String::new()),
        Some(path) => read_rights(path, user_name, client_id)?,
    };
    let tell = |before: &str, decision: Decision| {
        crate::say(format_args!("{before}{decision}{}", source(decision, listener.acl_file.as_deref(), &text)));
    };
    let decision = match question.action {
        Action::Publish => rights.check(Access::Publish, &question.topic),
        Action::Receive => rights.check(Access::Receive, &question.topic),
        Action::Subscribe => {
            let filter = TopicFilter::parse(&question.topic).map_or(&*question.topic, |filter| filter.filter());
            let messages = rights.check_filter(filter);
            let answer = rights.check(Access::Subscribe, filter);
            if !config.acl_strict_suback && answer == Decision::AlwaysGranted {
                crate::say(format_args!("{answer} (acl_strict_suback is false)"));
                let what = if messages.is_allowed() { "messages would come" } else { "no message would come" };
                tell(&format!("{what}: "), messages);
                messages.is_allowed().then(|| tell_others(listener));
                return Ok(Status::Success);
            }
            messages
        }
    };
    tell("", decision);
    decision.is_allowed().then(|| tell_others(listener));
    Ok(if decision.is_allowed() { Status::Success } else { Status::Failure })
}

/// Where the client comes in. The error is the message for the user.
fn listener_of(port: Option<u16>, config: &Config) -> Result<&Listener, String> {
    let ports = || {
        let ports = config.listeners.iter().filter_map(port_of).map(|port| port.to_string());
        ports.collect::<Vec<_>>().join(", ")
    };
    let first = &config.listeners[0];
    match port {
        Some(port) => {
            let found = config.listeners.iter().find(|listener| port_of(listener) == Some(port));
            found.ok_or_else(|| format!("Error: no listener has port {port}; there are: {}.", ports()))
        }
        None if config.listeners.iter().all(|listener| has_same_rules(listener, first)) => Ok(first),
        None => Err(format!("Error: the listeners have different rules. Name one: --listener PORT, of {}.", ports())),
    }
}

fn port_of(listener: &Listener) -> Option<u16> {
    match listener.address {
        Address::Tcp { port, .. } => Some(port),
        Address::Unix(_) => None,
    }
}

fn has_same_rules(one: &Listener, other: &Listener) -> bool {
    let has_same_judges = one.password_file.is_some() == other.password_file.is_some() && one.jwt == other.jwt;
    let has_same_lists = one.acl_file == other.acl_file && one.http == other.http;
    let names_alike = one.use_username_as_clientid == other.use_username_as_clientid;
    has_same_judges && has_same_lists && names_alike && one.allow_anonymous == other.allow_anonymous
}

/// Who else has to grant it, and cannot be asked from here.
fn tell_others(listener: &Listener) {
    if listener.jwt.is_on()
        && let Some(claim) = &listener.jwt.acl_claim
    {
        crate::say(format_args!(
            "if it comes with a token, the claim '{claim}' has to grant it too (auth_jwt_acl_claim)"
        ));
    }
    if let Some(url) = &listener.http.acl_url {
        crate::say(format_args!("the web service {url} has to grant it too (auth_http_acl_url)"));
    }
}

/// Why the client would not even be let in. Its password is taken to be right.
fn refused(listener: &Listener, user_name: Option<&str>, client_id: &str, config: &Config) -> Option<&'static str> {
    let has_password_file = listener.password_file.is_some();
    let policy = ConnectPolicy {
        has_password_file,
        has_tokens: listener.jwt.is_on(),
        has_service: listener.http.user_url.is_some(),
        allow_anonymous: listener.allow_anonymous,
    };
    let has_judge = has_password_file || policy.has_tokens || policy.has_service;
    if !client_id_is_welcome(config.clientid_prefixes.as_deref(), client_id) {
        return Some("its identifier does not begin as clientid_prefixes wants it");
    }
    let credentials = Credentials { user_name, password: user_name.map(|_| &[][..]), is_in_password_file: false };
    match admission(policy, credentials) {
        Admission::Accept | Admission::Verify(_) => None,
        Admission::Refuse(_) if has_judge && user_name.is_some() => None,
        Admission::Refuse(_) if has_judge => Some("clients without a user name are refused (allow_anonymous)"),
        Admission::Refuse(_) => Some("there is no password_file, and allow_anonymous is false"),
    }
}

/// What the file means for the client, and its text. What is wrong with it was told.
fn read_rights(path: &str, user_name: Option<&str>, client_id: &str) -> Result<(Rights, String), Status> {
    let unreadable =
        |error| told(&format!("Error: Unable to open acl_file \"{path}\": {}.", words(&error)), Status::Failure);
    let bytes = fs::read(path).map_err(unreadable)?;
    let acl = Acl::parse(path, &bytes).map_err(|error| told(&error.to_string(), Status::Usage))?.content;
    Ok((Rights::new(&Arc::new(acl), user_name, client_id), String::from_utf8_lossy(&bytes).into_owned()))
}

/// Which file says so, and what stands in its line.
fn source(decision: Decision, path: Option<&str>, text: &str) -> String {
    let Some(path) = path else { return String::new() };
    let Some(number) = decision.line() else { return format!(" ({path})") };
    let line = text.split('\n').nth(number as usize - 1).unwrap_or_default().trim_end();
    format!(" ({path}:{number})\n  {number} | {line}")
}

fn told(message: &str, status: Status) -> Status {
    eprintln!("{message}");
    status
}

static TABLE: Table<Question> = Table {
    name: "acl",
    link: None,
    summary: "tell whether a client may do something, and which line says so",
    synopsis: &["explain -c FILE [--user NAME] [--id ID] [--listener PORT] publish|subscribe|receive TOPIC"],
    description: "Tells whether a client may do that where a server runs with FILE, and which line of the acl_file says so.",
    sections: &[&FLAGS],
    rules: &[],
    operands: &[
        Operand { name: "explain", kind: Kind::OneOf(&["explain"]), help: "What is wanted." },
        Operand {
            name: "ACTION",
            kind: Kind::OneOf(&["publish", "subscribe", "receive"]),
            help: "What the client does: publish, subscribe or receive.",
        },
        Operand { name: "TOPIC", kind: Kind::Text, help: "On which topic, or with which filter." },
    ],
    statuses: &[
        ("0", "It may."),
        ("1", "It may not."),
        ("3", "FILE, or a file that it names, or the command line is wrong."),
    ],
};

static FLAGS: Section<Question> = Section {
    title: "Options",
    flags: &[
        usual::config_file("The configuration file.", |question, word| {
            question.config_file = Some(lossy(word).into_owned());
            Ok(())
        }),
        Flag {
            names: &["--user"],
            takes: Takes::Word(
                Word {
                    name: "NAME",
                    kind: Kind::Text,
                    missing: "Error: --user argument given, but no name specified.",
                },
                |question, word| {
                    question.user_name = Some(lossy(word).into_owned());
                    Ok(())
                },
            ),
            repeats: false,
            help: "The client's user name. Without it: a client that gives none.",
        },
        Flag {
            names: &["--id"],
            takes: Takes::Word(
                Word { name: "ID", kind: Kind::Text, missing: "Error: --id argument given, but no id specified." },
                |question, word| {
                    question.client_id = lossy(word).into_owned();
                    Ok(())
                },
            ),
            repeats: false,
            help: "The client's identifier, which patterns with %c ask for.",
        },
        Flag {
            names: &["--listener"],
            takes: Takes::Word(
                Word {
                    name: "PORT",
                    kind: Kind::Text,
                    missing: "Error: --listener argument given, but no port specified.",
                },
                |question, word| {
                    question.port = Some(midge_config::port_argument(&lossy(word))?);
                    Ok(())
                },
            ),
            repeats: false,
            help: "Where it comes in. Wanted where the listeners have different rules.",
        },
        usual::short_help(),
        usual::version(),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_a_file_an_action_and_a_topic() {
        let check = |line: &str, expected: Result<Question, &str>| {
            let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
            assert_eq!(parse(&words), expected.map_err(|text| Stop::Wrong(text.to_owned())), "{line}");
        };
        let question = |action, topic: &str| Question {
            config_file: Some("a.conf".to_owned()),
            action,
            topic: topic.to_owned(),
            ..Question::default()
        };
        check("explain -c a.conf publish t", Ok(question(Action::Publish, "t")));
        check("explain subscribe $share/g/a/# -c a.conf", Ok(question(Action::Subscribe, "$share/g/a/#")));
        let (user_name, client_id) = (Some("ada".to_owned()), "one".to_owned());
        let whole = Question { user_name, client_id, port: Some(1883), ..question(Action::Receive, "t") };
        check("explain -c a.conf --user ada --id one --listener 1883 receive t", Ok(whole));
        check("explain publish t", Err("Error: Which configuration? Name its file: -c FILE."));
        check("explain -c a fly t", Err("Error: Unknown word 'fly'; it is 'publish', 'subscribe' or 'receive'."));
        check("show -c a publish t", Err("Error: Unknown word 'show'; it is 'explain'."));
        check(
            "explain -c a publish",
            Err("Error: Ask like this: midge acl explain -c FILE --user ada publish a/topic."),
        );
        check("explain -c a --listener 0 publish t", Err("Error: Invalid port specified (0)."));
        assert!(parse(&["explain", "-c", "a", "publish", "t/#"].map(Into::into)).is_err());
        assert!(parse(&["explain", "-c", "a", "subscribe", "a#"].map(Into::into)).is_err());
    }
}
