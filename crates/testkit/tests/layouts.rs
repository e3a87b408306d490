//! Set-ups as people have them: Debian's folders, a container's, certificates of Let's Encrypt. The server comes where Mosquitto
//! was and nothing else changes, and our tools do in the place of Mosquitto's.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use midge_testkit::environment::{debian_program, midge_program, need, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::process::Process;
use midge_testkit::tls::Authority;
use midge_testkit::tool::links;
use rustix::process::Signal;

/// A tree of folders that stands for `/`.
struct Root(PathBuf);

impl Root {
    fn new(name: &str, folders: &[&str]) -> Root {
        let root = Root(scratch_folder(&format!("layout-{name}")));
        folders.iter().for_each(|folder| fs::create_dir_all(root.0.join(folder)).expect("made"));
        root
    }

    fn at(&self, path: &str) -> String {
        self.0.join(path).display().to_string()
    }

    /// Writes a file; a line's path that begins with `/` is one of this tree.
    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text.replace(" /", &format!(" {}/", self.0.display()))).expect("written");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap_or_default()
    }

    /// The server, called `mosquitto`, and once it is there.
    fn mosquitto(&self, configuration: &str, log: &str, change: impl FnOnce(&mut Command)) -> Process {
        let program = self.0.join("usr/sbin/mosquitto");
        if !program.exists() {
            fs::create_dir_all(self.0.join("usr/sbin")).expect("made");
            symlink(midge_program(), &program).expect("linked");
        }
        let before = self.read(log).matches("running").count();
        let mut command = Command::new(program);
        command.arg("-c").arg(self.0.join(configuration)).current_dir("/");
        change(&mut command);
        let mut server = Process::start_reading_stderr(command);
        while self.read(log).matches("running").count() == before {
            assert!(server.is_running(), "{:#?} {}", server.lines(), self.read(log));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        server
    }
}

/// A folder with programs of Mosquitto's names.
struct Tools {
    name: &'static str,
    folder: PathBuf,
}

/// Ours, and Debian's where they are found.
fn with_all_tools(test: impl Fn(&Tools)) {
    test(&Tools { name: "ours", folder: links() });
    if let Some(program) = need(debian_program("mosquitto_pub")) {
        let folder = program.parent().expect("a folder").to_path_buf();
        test(&Tools { name: "debians", folder });
    }
}

impl Tools {
    /// Runs a tool to its end; gives what it has printed.
    #[track_caller]
    fn run(&self, name: &str, arguments: &str) -> String {
        let mut command = Command::new(self.folder.join(name));
        command.args(arguments.split_whitespace()).env("XDG_CONFIG_HOME", "/nonexistent");
        let output = command.output().expect("started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {name} {arguments}: {said}", self.name);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[track_caller]
    fn publish(&self, port: u16, arguments: &str) {
        self.run("mosquitto_pub", &format!("-h localhost -p {port} {arguments}"));
    }

    #[track_caller]
    fn subscribe(&self, port: u16, arguments: &str) -> String {
        self.run("mosquitto_sub", &format!("-h localhost -p {port} {arguments}"))
    }
}

fn end(mut server: Process) {
    server.signal(Signal::TERM);
    assert!(server.wait_for_exit().success());
}

#[test]
fn debians_folders() {
    with_all_tools(serve_in_debians_folders);
}

fn serve_in_debians_folders(tools: &Tools) {
    let folders =
        ["etc/mosquitto/conf.d", "etc/mosquitto/certs", "var/lib/mosquitto", "var/log/mosquitto", "run/mosquitto"];
    let root = Root::new(&format!("debian-{}", tools.name), &folders);
    root.write(
        "etc/mosquitto/mosquitto.conf",
        "# Place your local configuration in /etc/mosquitto/conf.d/\n#\n\npid_file /run/mosquitto/mosquitto.pid\n\n\
         persistence true\npersistence_location /var/lib/mosquitto/\n\nlog_dest file /var/log/mosquitto/mosquitto.log\n\n\
         include_dir /etc/mosquitto/conf.d\nuser root\n",
    );
    let port = free_port();
    root.write("etc/mosquitto/conf.d/default.conf", &format!("listener {port} localhost\r\nallow_anonymous true\r\n"));
    root.write(
        "etc/mosquitto/conf.d/README",
        "Any files placed in this directory that have a .conf ending will be loaded\n",
    );
    let start = || root.mosquitto("etc/mosquitto/mosquitto.conf", "var/log/mosquitto/mosquitto.log", |_| ());
    let server = start();
    assert_eq!(root.read("run/mosquitto/mosquitto.pid"), server.id().to_string());
    tools.publish(port, "-t things/1/temperature -m 36.5 -r -q 1");
    end(server);
    assert!(!Path::new(&root.at("run/mosquitto/mosquitto.pid")).exists());
    let server = start();
    assert_eq!(tools.subscribe(port, "-t things/# -v -C 1"), "things/1/temperature 36.5\n");
    end(server);
    assert!(root.read("var/log/mosquitto/mosquitto.log").contains("mosquitto version "));
}

/// The process of a container runs as a user that owns its three folders and nothing else.
#[test]
fn a_containers_folders() {
    with_all_tools(serve_in_a_containers_folders);
}

fn serve_in_a_containers_folders(tools: &Tools) {
    let root =
        Root::new(&format!("container-{}", tools.name), &["mosquitto/config", "mosquitto/data", "mosquitto/log"]);
    let port = free_port();
    root.write(
        "mosquitto/config/mosquitto.conf",
        &format!(
            "persistence true\npersistence_location /mosquitto/data/\nlog_dest file /mosquitto/log/mosquitto.log\n\
             allow_anonymous true\nlistener {port}\n"
        ),
    );
    let is_root = rustix::process::geteuid().is_root();
    for folder in ["mosquitto/data", "mosquitto/log"].into_iter().filter(|_| is_root) {
        chown(root.0.join(folder), Some(1883), Some(1883)).expect("given");
    }
    let start = || {
        root.mosquitto("mosquitto/config/mosquitto.conf", "mosquitto/log/mosquitto.log", |command| {
            use std::os::unix::process::CommandExt;
            if is_root {
                command.uid(1883).gid(1883);
            }
        })
    };
    let server = start();
    tools.subscribe(port, "-t test/topic -q 1 -i reader -c -E");
    tools.publish(port, "-t test/topic -m Hello -q 1");
    end(server);
    let server = start();
    assert_eq!(tools.subscribe(port, "-t test/topic -q 1 -i reader -c -C 1"), "Hello\n");
    end(server);
}

/// `cafile` is the server's own certificate, which proves nothing of clients and does no harm; all three are links.
#[test]
fn certificates_of_lets_encrypt() {
    with_all_tools(serve_with_certificates_of_lets_encrypt);
}

fn serve_with_certificates_of_lets_encrypt(tools: &Tools) {
    let folders = ["etc/mosquitto", "etc/letsencrypt/live/localhost", "etc/letsencrypt/archive/localhost"];
    let root = Root::new(&format!("letsencrypt-{}", tools.name), &folders);
    let authority = Authority::new("An authority");
    let issued = authority.server();
    root.write("etc/mosquitto/authority.pem", &authority.certificate());
    for (name, content) in [
        ("cert", &issued.certificate),
        ("fullchain", &format!("{}{}", issued.certificate, authority.certificate())),
        ("privkey", &issued.key),
    ] {
        root.write(&format!("etc/letsencrypt/archive/localhost/{name}1.pem"), content);
        let link = root.0.join(format!("etc/letsencrypt/live/localhost/{name}.pem"));
        symlink(format!("../../archive/localhost/{name}1.pem"), link).expect("linked");
    }
    let port = free_port();
    root.write(
        "etc/mosquitto/mosquitto.conf",
        &format!(
            "listener {port}\ncafile /etc/letsencrypt/live/localhost/cert.pem\n\
             certfile /etc/letsencrypt/live/localhost/fullchain.pem\n\
             keyfile /etc/letsencrypt/live/localhost/privkey.pem\ntls_version tlsv1.2\n\n\
             allow_anonymous false\npassword_file /etc/mosquitto/pwfile\nlog_dest file /etc/mosquitto/log\n\
             user root\n"
        ),
    );
    tools.run("mosquitto_passwd", &format!("-b -c {} mqtt secret", root.at("etc/mosquitto/pwfile")));
    let server = root.mosquitto("etc/mosquitto/mosquitto.conf", "etc/mosquitto/log", |_| ());
    let login = format!("-u mqtt -P secret --cafile {}", root.at("etc/mosquitto/authority.pem"));
    tools.publish(port, &format!("{login} -t test -m abc -q 1 -r"));
    assert_eq!(tools.subscribe(port, &format!("{login} -t test -C 1")), "abc\n");
    end(server);
}

/// A queue without bounds: what a tutorial on charts has its readers write.
#[test]
fn queues_without_bounds() {
    with_all_tools(serve_queues_without_bounds);
}

fn serve_queues_without_bounds(tools: &Tools) {
    let root = Root::new(&format!("queues-{}", tools.name), &["log"]);
    let port = free_port();
    root.write(
        "mosquitto.conf",
        &format!(
            "set_tcp_nodelay true\nlistener {port}\nallow_anonymous true\nmax_queued_messages 0\nlog_dest file /log/log\n"
        ),
    );
    let server = root.mosquitto("mosquitto.conf", "log/log", |_| ());
    tools.subscribe(port, "-t readings -q 1 -i chart -c -E");
    // More than wait elsewhere by default.
    tools.publish(port, "-t readings -m 21.5 -q 1 --repeat 1500");
    let readings = tools.subscribe(port, "-t readings -q 1 -i chart -c -C 1500");
    assert_eq!(readings.lines().filter(|line| *line == "21.5").count(), 1500);
    end(server);
}
