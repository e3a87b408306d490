//! Web services say who may come in and what they may do: one of Python's, as an operator would write it, answers a server.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use midge_testkit::environment::{self, scratch_folder};
use midge_testkit::tls::Authority;
use midge_testkit::{Conversation, Server};
use rustix::process::Signal;

/// A running one.
struct Service {
    child: Child,
    port: u16,
    questions: Receiver<String>,
}

impl Service {
    /// `None`: there is no Python. `certificate`: with its key, where it is to speak TLS.
    fn start(certificate: Option<&(PathBuf, PathBuf)>) -> Option<Service> {
        let python = environment::need(environment::paho(2))?;
        let mut command = Command::new(python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/web_service.py"));
        if let Some((certificate, key)) = certificate {
            command.args([certificate, key]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("Python runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = lines.next().expect("a line").expect("text").parse().expect("a port");
        let (sender, questions) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Some(Service { child, port, questions })
    }

    /// What it was asked since it was last looked at.
    fn questions(&self) -> Vec<String> {
        self.questions.try_iter().collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(port: u16) -> String {
    format!(
        "failed_login_delay 0\nauth_http_user_url http://127.0.0.1:{port}/user\nauth_http_acl_url http://127.0.0.1:{port}/acl\n"
    )
}

fn reload(server: &Server) {
    let before = server.count_log("*The configuration was *reloaded*");
    server.signal(Signal::HUP);
    while server.count_log("*The configuration was *reloaded*") == before {
        thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_web_service_says_who_comes_in_and_what_they_may_do() {
    let Some(service) = Service::start(None) else { return };
    let server = Server::start(&format!("allow_anonymous true\n{}", lines(service.port)));
    Conversation::with(&server).play(
        r#"one> CONNECT v5 username=ada password="sec\"ret" & PUBLISH up/one qos=1 id=1 m=x & PUBLISH up/two qos=1 id=2 m=x
           one< CONNACK 0x00
           one<* PUBACK id=1 0x10
           one<* PUBACK id=2 0x87
           one subscribes # qos=0
           eve> CONNECT v5 username=ada password=wrong
           eve< CONNACK 0x87
           eve< closed
           old> CONNECT v311 username=bob password="sec\"ret"
           old< CONNACK 0x05
           old< closed
           anonymous connects v5
           anonymous subscribes # qos=0
           anonymous> PUBLISH news qos=1 id=1 m=x
           anonymous< PUBACK id=1 0x87
           one< nothing"#,
    );
    server.expect_log("*Failed login from 127.0.0.1:*");
    let asked = service.questions();
    assert_eq!(asked, ["/user ada", "/acl ada", "/user ada", "/user bob", "/acl bob", "/acl None"]);
}

#[test]
fn whoever_was_let_in_comes_in_again_without_a_question_for_a_while() {
    let Some(service) = Service::start(None) else { return };
    let server = Server::start(&format!("{}auth_http_cache 1\n", lines(service.port)));
    let mut talk = Conversation::with(&server);
    let come = "c> CONNECT v5 username=ada password=\"sec\\\"ret\"\nc< CONNACK 0x00\nc disconnects";
    talk.play(come);
    talk.play(come);
    assert_eq!(service.questions(), ["/user ada", "/acl ada"]);
    talk.play("wrong> CONNECT v5 id=c username=ada password=wrong\nwrong< CONNACK 0x87\nwrong< closed");
    assert_eq!(service.questions(), ["/user ada"]);
    talk.play(&format!("wait 1100ms\n{come}"));
    assert_eq!(service.questions(), ["/user ada", "/acl ada"]);
    reload(&server);
    talk.play(come);
    assert_eq!(service.questions(), ["/user ada", "/acl ada"], "nothing counts that was read before a reload");
}

/// Others go on while a service says nothing.
#[test]
fn without_an_answer_nobody_comes_in() {
    let Some(service) = Service::start(None) else { return };
    let server = Server::start(&format!("allow_anonymous true\nauth_http_timeout 1\n{}", lines(service.port)));
    let mut talk = Conversation::with(&server);
    talk.play(
        r#"a connects v5
           s> CONNECT v5 username=slow password="sec\"ret"
           t> CONNECT v311 username=slow password="sec\"ret"
           a pings
           b connects v311
           s< CONNACK 0x88
           s< closed
           t< CONNACK 0x03
           t< closed
           e> CONNECT v5 username=broken password="sec\"ret"
           e< CONNACK 0x88
           e< closed
           l> CONNECT v5 username=accepted password="sec\"ret"
           l< CONNACK 0x88
           l< closed
           o> CONNECT v5 username=odd password="sec\"ret"
           o< CONNACK 0x88
           o< closed"#,
    );
    let url = format!("The web service http://127.0.0.1:{}", service.port);
    server.expect_log(&format!("*Warning: {url}/user has not answered: it takes too long."));
    server.expect_log(&format!("*Warning: {url}/user has answered with status 500."));
    server.expect_log(&format!("*Warning: {url}/user has answered with status 202."));
    server.expect_log(&format!("*Warning: {url}/acl has answered with something else than two lists of filters."));
    drop(service);
    talk.play("d> CONNECT v5 username=ada password=\"sec\\\"ret\"\nd< CONNACK 0x88\nd< closed\na pings");
    server.expect_log(&format!("*Warning: {url}/user has not answered: Connection refused*"));
}

#[test]
fn rights_may_expire_and_services_may_be_exchanged() {
    let Some(service) = Service::start(None) else { return };
    let server = Server::start(&lines(service.port));
    let mut talk = Conversation::with(&server);
    talk.play(
        r#"a> CONNECT v5 username=ada password="sec\"ret"
           a< CONNACK 0x00
           s> CONNECT v5 username=short password="sec\"ret"
           s< CONNACK 0x00
           s publishes t qos=1 m=x
           wait 2100ms
           s< DISCONNECT 0xa0
           s< closed"#,
    );
    reload(&server);
    talk.play("a pings\na> PUBLISH up/b qos=1 id=1 m=x\na< PUBACK id=1 0x87");
    server.configure(&format!("auth_http_user_url http://127.0.0.1:{}/user\n", service.port));
    reload(&server);
    talk.play("a< DISCONNECT 0x87\na< closed");
}

#[test]
fn passwords_go_to_a_web_service_encrypted_if_its_certificate_is_trusted() {
    let folder = scratch_folder("web-services");
    let authority = Authority::new("our own");
    let files = authority.issue("service", &["127.0.0.1"], |_| {}).write(&folder, "service");
    let Some(service) = Service::start(Some(&files)) else { return };
    let trusted = |name: &str, authority: &Authority| {
        let path = folder.join(name);
        std::fs::write(&path, authority.certificate()).expect("a file");
        format!("auth_http_user_url https://127.0.0.1:{}/user\nauth_http_cafile {}\n", service.port, path.display())
    };
    let server = Server::start(&trusted("ca.pem", &authority));
    Conversation::with(&server).play("a> CONNECT v5 username=ada password=\"sec\\\"ret\"\na< CONNACK 0x00");
    let server = Server::start(&trusted("other.pem", &Authority::new("somebody")));
    Conversation::with(&server).play("a> CONNECT v5 username=ada password=\"sec\\\"ret\"\na< CONNACK 0x88\na< closed");
    server.expect_log("*has not answered: invalid peer certificate: UnknownIssuer*");
    assert_eq!(service.questions(), ["/user ada"]);
}

/// Who has become somebody else may not read it again, and goes on with what it held.
#[test]
fn certificates_that_only_root_can_read_are_kept() {
    let Some(()) = environment::need(environment::root()) else { return };
    let folder = scratch_folder("web-services-root");
    let authority = Authority::new("our own");
    let files = authority.issue("service", &["127.0.0.1"], |_| {}).write(&folder, "service");
    let Some(service) = Service::start(Some(&files)) else { return };
    let cafile = folder.join("ca.pem");
    std::fs::write(&cafile, authority.certificate()).expect("a file");
    std::fs::set_permissions(&cafile, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let lines =
        format!("auth_http_user_url https://127.0.0.1:{}/user\nauth_http_cafile {}\n", service.port, cafile.display());
    let server = Server::start(&format!("user nobody\n{lines}"));
    server.reload_with(&format!("user nobody\n{lines}max_keepalive 50\n"));
    server.expect_log("Warning: the auth_http_cafile *ca.pem cannot be read by whom the server has become: *");
    Conversation::with(&server).play(
        "a> CONNECT v5 keep-alive=300 username=ada password=\"sec\\\"ret\"\na< CONNACK 0x00 server-keep-alive=50",
    );
}
