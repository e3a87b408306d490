//! Password and ACL files: who is let in, what they may do, and what becomes of that when the files change.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use midge_testkit::{Conversation, Server};

/// Users of all kinds of hash, with the password `secret`; Cyd's is `secret of ada`.
const PASSWORDS: &str = "\
ada:$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==
bob:$7$101$AAECAwQFBgcICQoL$Xr99N9ym9ys8TWxis5ajETJq6EVYzmc6nb8t3pUYnPBbCAbICS4xejTltonXWCtJNBvA+By+TXUqU6qCblO00w==
cyd:$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHQ$RT9QoYyo8aXaoVxOADlB9Av9aD5itFUiAOWA7vz7PA4
";

/// Bob's, with another password.
const CHANGED: &str = "bob:$7$101$AAECAwQFBgcICQoL$bwmTm6QvXHk43DQ2gyBIkbo06z1LH7N1GP0NZBz5h3i+x+mMqpIUumbs1+xIhH+RgARAmcQv2qJNjmaeTBNGVQ==\n";

/// A file that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(content: &str) -> File {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = File(std::env::temp_dir().join(format!("midge-access-{}-{number}", std::process::id())));
        file.write(content);
        file
    }

    fn write(&self, content: &str) {
        fs::write(&self.0, content).expect("a file in the folder for temporary files");
    }

    /// The line of configuration that names it.
    fn line(&self, directive: &str) -> String {
        format!("{directive} {}\n", self.0.display())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn passwords_let_in_those_who_know_them() {
    let file = File::new(PASSWORDS);
    let server = Server::start(&format!("allow_anonymous false\n{}", file.line("password_file")));
    Conversation::with(&server).play(
        "a> CONNECT v5 username=ada password=secret
         a< CONNACK 0x00
         b> CONNECT v311 username=bob password=secret
         b< CONNACK 0x00
         b pings
         c> CONNECT v5 username=cyd password=\"secret of ada\"
         c< CONNACK 0x00
         again> CONNECT v5 username=bob password=secret
         again< CONNACK 0x00
         wrong> CONNECT v5 username=bob password=secrets
         wrong< CONNACK 0x87
         wrong< closed
         old> CONNECT v311 username=ada password=x
         old< CONNACK 0x05
         old< closed
         unknown> CONNECT v5 username=eve password=secret
         unknown< CONNACK 0x87
         without> CONNECT v5 username=ada
         without< CONNACK 0x87
         nobody> CONNECT v5
         nobody< CONNACK 0x87",
    );
    server.expect_log("*New client connected from * as a (p5, c0, k0, u'ada').");
    server.expect_log("*Client wrong [127.0.0.1:*] disconnected: not authorised.");
}

/// While a password is checked the client goes on sending: nothing of that is lost.
#[test]
fn what_is_sent_behind_connect_waits_for_the_answer() {
    let file = File::new(PASSWORDS);
    let server = Server::start(&file.line("password_file"));
    Conversation::with(&server).play(
        "s connects v5 clean
         s subscribes t qos=1
         p> CONNECT v5 username=bob password=secret & PUBLISH t qos=1 id=1 m=1 & PUBLISH t m=2 & DISCONNECT
         p< CONNACK 0x00
         p<* PUBACK id=1
         s<* PUBLISH t qos=1 id=? m=1
         s<* PUBLISH t m=2
         q> CONNECT v5 username=bob password=wrong & PUBLISH t m=3
         q< CONNACK 0x87
         q< closed
         s< nothing",
    );
}

#[test]
fn the_acl_file_says_who_may_do_what() {
    let passwords = File::new(PASSWORDS);
    let acl = File::new(
        "topic read public/#\nuser ada\ntopic readwrite house/#\ntopic deny house/safe\npattern write clients/%c/%u\n",
    );
    let server = Server::start(&format!("{}{}", passwords.line("password_file"), acl.line("acl_file")));
    Conversation::with(&server).play(
        "a> CONNECT v5 username=ada password=secret
         a< CONNACK 0x00
         p> CONNECT v5 username=ada password=secret
         p< CONNACK 0x00
         n connects v311
         a subscribes # qos=1
         n subscribes # qos=1
         p publishes house/door qos=1 m=open
         a receives house/door qos=1 m=open
         p> PUBLISH house/safe qos=1 id=9 m=open
         p< PUBACK id=9 0x87
         p> PUBLISH clients/p/ada qos=1 id=10 m=x
         p< PUBACK id=10
         p> PUBLISH public/news qos=1 id=11 m=x
         p< PUBACK id=11 0x87
         n> PUBLISH house/door qos=1 id=1 m=shut
         n< PUBACK id=1
         a< nothing
         n< nothing",
    );
    server.expect_log("*Refused PUBLISH from p to 'house/safe': not authorised (0x87).");
}

/// As a configuration for Mosquitto 2.1 has it.
#[test]
fn plugins_of_mosquitto_do_what_they_are_named_after() {
    let (passwords, acl) = (File::new(PASSWORDS), File::new("topic t\nuser ada\ntopic t\npattern write clients/%c\n"));
    let server = Server::start(&format!(
        "plugin /usr/lib/x86_64-linux-gnu/mosquitto_password_file.so\n{}plugin mosquitto_acl_file.so\n{}",
        passwords.line("plugin_opt_password_file"),
        acl.line("plugin_opt_acl_file"),
    ));
    Conversation::with(&server).play(
        "a> CONNECT v5 username=ada password=secret
         a< CONNACK 0x00
         a> PUBLISH t qos=1 id=1 m=x
         a< PUBACK id=1 0x10
         a> PUBLISH u qos=1 id=2 m=x
         a< PUBACK id=2 0x87
         b> CONNECT v5 username=ada password=x
         b< CONNACK 0x87
         n> CONNECT v5 id=a/b
         n< CONNACK 0x00
         n> PUBLISH t qos=1 id=1 m=x
         n< PUBACK id=1 0x87",
    );
}

#[test]
fn a_filter_that_nothing_is_granted_of_may_be_refused() {
    let acl = File::new("topic read public/#\n");
    let server = Server::start(&format!("{}acl_strict_suback true\n", acl.line("acl_file")));
    Conversation::with(&server).play(
        "n connects v5
         n> SUBSCRIBE id=1 public/news qos=1 house/# qos=1 # qos=0
         n< SUBACK id=1 0x01 0x87 0x00",
    );
}

#[test]
fn who_has_lost_a_right_has_lost_it_at_once_and_others_notice_nothing() {
    let (passwords, acl) = (File::new(PASSWORDS), File::new("user ada\ntopic t\nuser bob\ntopic t\n"));
    let configuration = format!("allow_anonymous false\n{}{}", passwords.line("password_file"), acl.line("acl_file"));
    let server = Server::start(&configuration);
    let mut talk = Conversation::with(&server);
    talk.play(
        "a> CONNECT v5 username=ada password=secret will=t will.m=gone
         a< CONNACK 0x00
         b> CONNECT v5 username=bob password=secret will=t will.m=gone
         b< CONNACK 0x00
         p> CONNECT v5 username=ada password=secret
         p< CONNACK 0x00
         a subscribes t qos=1
         b subscribes t qos=1
         p publishes t qos=1 m=1
         a receives t qos=1 m=1
         b receives t qos=1 m=1",
    );
    acl.write("user ada\ntopic t\nuser bob\ntopic write t\n");
    server.reload();
    talk.play(
        "p publishes t qos=1 m=2\na receives t qos=1 m=2\nb< nothing\nb publishes t qos=1 m=3\na receives t qos=1 m=3",
    );
    passwords.write(&PASSWORDS.replace(PASSWORDS.lines().nth(1).expect("bob's"), CHANGED.trim_end()));
    server.reload();
    talk.play(
        "b< DISCONNECT 0x87
         b< closed
         a< nothing
         a pings
         b> CONNECT v5 username=bob password=secret
         b< CONNACK 0x87
         b< closed
         b> CONNECT v5 username=bob password=changed
         b< CONNACK 0x00",
    );
    passwords.write("what is this\nada:$9$x\n");
    server.reload();
    server.expect_log("*The configuration was not reloaded: the server goes on as before.");
    talk.play("a pings\nb pings\nc> CONNECT v5 username=ada password=secret\nc< CONNACK 0x00");
    server.configure("allow_anonymous maybe\n");
    server.reload();
    server.expect_log("*Invalid 'allow_anonymous' value (maybe).");
    talk.play("a pings\nb pings");
    server.configure(&configuration.replace("allow_anonymous false", "allow_anonymous true"));
    passwords.write(PASSWORDS);
    server.reload();
    talk.play("n connects v5\na pings");
}

/// A Session whose client is away is its user's, also after a restart.
#[test]
fn a_right_that_was_lost_while_the_server_was_off_is_lost() {
    let (passwords, acl) = (File::new(PASSWORDS), File::new("user ada\ntopic #\nuser bob\ntopic #\n"));
    let lines = format!("persistence true\n{}{}", passwords.line("password_file"), acl.line("acl_file"));
    let mut server = Server::start(&lines);
    Conversation::with(&server).play(
        "b> CONNECT v5 username=bob password=secret session-expiry-interval=1000
         b< CONNACK 0x00
         b subscribes + qos=1
         b closes
         a> CONNECT v5 username=ada password=secret
         a< CONNACK 0x00
         a publishes one qos=1 m=1
         a publishes two qos=1 m=2",
    );
    server.kill();
    acl.write("user ada\ntopic #\nuser bob\ntopic two\n");
    server.restart();
    Conversation::with(&server).play(
        "a> CONNECT v5 username=ada password=secret
         a< CONNACK 0x00
         a publishes one qos=1 m=3
         a publishes two qos=1 m=4
         b> CONNECT v5 username=bob password=secret session-expiry-interval=1000
         b< CONNACK 0x00 session-present
         b receives two qos=1 m=2
         b receives two qos=1 m=4
         b< nothing",
    );
}

#[test]
fn files_that_do_not_do_keep_the_server_from_starting() {
    let check = |lines: &str, status: i32, expected: &str| {
        let mut server = Server::spawn(&[], &format!("listener 1 127.0.0.1\n{lines}"), 1);
        assert_eq!(server.wait_for_exit().code(), Some(status), "{lines}");
        server.expect_log(expected);
    };
    check(
        "password_file /no/such/file\n",
        13,
        "*Unable to open password_file \"/no/such/file\": No such file or directory*",
    );
    check("acl_file /no/such/file\n", 13, "*Unable to open acl_file \"/no/such/file\"*");
    let bad = File::new("ada:$7$x\n");
    check(&bad.line("password_file"), 3, "*Unable to decode line in password file*");
    let bad = File::new("user\ntopic nonsense a b\n");
    check(&bad.line("acl_file"), 3, "*Error*");
}

#[test]
fn the_user_name_may_be_the_client_identifier_which_may_need_a_prefix() {
    let server = Server::start("use_username_as_clientid true\n");
    Conversation::with(&server).play(
        "one> CONNECT v5 username=ada
         one< CONNACK 0x00
         two> CONNECT v5 username=ada
         two< CONNACK 0x00
         one< DISCONNECT 0x8e
         one< closed
         n> CONNECT v5
         n< CONNACK 0x87",
    );
    let acl = File::new("pattern write up/%c\n");
    let server = Server::start(&format!("use_username_as_clientid true\n{}", acl.line("acl_file")));
    Conversation::with(&server).play(
        "a> CONNECT v5 id=bob username=ada
         a< CONNACK 0x00
         a> PUBLISH up/bob qos=1 id=1 m=x
         a< PUBACK id=1 0x87
         a> PUBLISH up/ada qos=1 id=2 m=x
         a< PUBACK id=2 0x10",
    );
    let server = Server::start("clientid_prefixes ok-\n");
    Conversation::with(&server).play(
        "a> CONNECT v5 id=ok-a
         a< CONNACK 0x00
         b> CONNECT v5 id=b
         b< CONNACK 0x87
         c> CONNECT v311 id=c
         c< CONNACK 0x05",
    );
}

/// As Mosquitto does; here it is told and counted.
#[test]
fn what_a_share_group_gives_to_a_member_without_the_right_is_told_and_counted() {
    let acl = File::new("user ada\ntopic readwrite #\ntopic read $SYS/#\nuser eve\ntopic write #\n");
    let server = Server::start(&format!("sys_interval 1\n{}", acl.line("acl_file")));
    let mut talk = Conversation::with(&server);
    talk.play(
        "eve> CONNECT v5 clean username=eve
         eve< CONNACK 0x00
         eve subscribes $share/g/t qos=1
         ada> CONNECT v5 clean username=ada
         ada< CONNACK 0x00
         ada publishes t qos=1 m=1
         ada publishes t qos=0 m=2
         eve pings
         eve< nothing
         ada> SUBSCRIBE id=9 $SYS/broker/publish/messages/dropped
         ada< SUBACK id=9 0x00",
    );
    while talk.client("ada").receive().text("m") != Some("2".to_owned()) {}
    server.expect_log("*messages are being dropped for client eve (its share group gives it what it may not read).");
}

#[test]
fn a_retained_message_is_given_while_its_publisher_may_still_publish_it() {
    let both = "topic read #\nuser ada\ntopic write house/#\nuser bob\ntopic write house/#\n";
    let acl = File::new(both);
    let lines = format!("check_retain_source true\npersistence true\n{}", acl.line("acl_file"));
    let mut server = Server::start(&lines);
    let mut talk = Conversation::with(&server);
    talk.play(
        "a> CONNECT v5 clean username=ada
         a< CONNACK 0x00
         a publishes house/a qos=1 m=1 retain
         b> CONNECT v311 clean username=bob
         b< CONNACK 0x00
         b publishes house/b qos=1 m=1 retain
         b disconnects
         s connects v5 clean
         s subscribes house/+
         s<* PUBLISH house/a m=1 retain
         s<* PUBLISH house/b m=1 retain",
    );
    acl.write("topic read #\nuser ada\ntopic write house/#\n");
    server.reload();
    talk.play("s subscribes house/+\n s receives house/a m=1 retain\n s< nothing");
    acl.write(both);
    server.reload();
    talk.play("t connects v5 clean\n t subscribes house/b\n t receives house/b m=1 retain");
    acl.write("topic read #\n");
    server.kill();
    server.restart();
    Conversation::with(&server).play("s connects v5 clean\n s subscribes house/+\n s< nothing");
}
