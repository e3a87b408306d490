//! The state of a Mosquitto that is replaced: everything is there when Midge starts with the same configuration and folder, and
//! the way back.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use midge_testkit::environment::{debian_program, midge_program, need, scratch_folder, workspace};
use midge_testkit::ports::free_port;
use midge_testkit::{Client, PATIENCE, Process};
use rustix::process::Signal;

/// A folder with a configuration and a database, for one server after the other.
struct Place {
    folder: PathBuf,
    port: u16,
}

impl Place {
    fn new(name: &str) -> Place {
        let folder = scratch_folder(name);
        let place = Place { port: free_port(), folder };
        let (port, shown) = (place.port, place.folder.display());
        // Run by root, Mosquitto would become another user, who may not write there.
        let lines = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {shown}/\n"
        );
        fs::write(place.path("mosquitto.conf"), lines).expect("the configuration can be written");
        place
    }

    /// With a file that a Mosquitto wrote.
    fn with_fixture(name: &str, fixture: &str) -> Place {
        let place = Place::new(name);
        let file = workspace().join("crates/mosquitto-db/tests/fixtures").join(fixture);
        fs::copy(file, place.path("mosquitto.db")).expect("the fixture can be copied");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn database(&self) -> Vec<u8> {
        fs::read(self.path("mosquitto.db")).expect("the database is there")
    }

    fn spawn(&self, program: &Path) -> Process {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.path("mosquitto.conf"));
        Process::start_reading_stderr(command)
    }

    /// Starts a server, and waits until it can be reached.
    #[track_caller]
    fn start(&self, program: &Path) -> Running {
        let mut running = Running { process: self.spawn(program), address: (Ipv4Addr::LOCALHOST, self.port).into() };
        let deadline = Instant::now() + PATIENCE;
        while Client::try_connect(running.address).is_err() {
            let is_well = running.process.is_running() && Instant::now() < deadline;
            assert!(is_well, "nobody listens: {:#?}", running.process.lines());
            std::thread::sleep(Duration::from_millis(10));
        }
        running
    }

    /// Runs `midge export`; status, standard output and standard error.
    fn export(&self, name: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(midge_program());
        command.arg("export").arg(self.path(name)).arg("-c").arg(self.path("mosquitto.conf"));
        let output = command.output().expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Starts Midge, which is to end at once with status 1 and to have made nothing.
    #[track_caller]
    fn refuses(&self, pattern: &str) {
        let mut process = self.spawn(&midge_program());
        assert_eq!(process.wait_for_exit().code(), Some(1), "{:#?}", process.lines());
        process.expect_line(pattern);
        let names: Vec<_> = fs::read_dir(&self.folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}

struct Running {
    process: Process,
    address: SocketAddr,
}

impl Running {
    /// A client with that identifier, answered with these words behind CONNACK.
    #[track_caller]
    fn connect(&self, level: &str, id: &str, answer: &str) -> Client {
        let mut client = Client::connect(self.address);
        client.send(&format!("CONNECT {level} id={id}"));
        client.expect(&format!("CONNACK {answer}"));
        client
    }

    #[track_caller]
    fn end(mut self) {
        self.process.signal(Signal::TERM);
        assert!(self.process.wait_for_exit().success(), "{:#?}", self.process.lines());
    }
}

/// Clients leave something of every kind behind.
#[track_caller]
fn fill(server: &Running) {
    let mut queue = server.connect("v311", "queue", "");
    queue.send("SUBSCRIBE id=1 queue/+ qos=2");
    queue.expect("SUBACK id=1 0x02");
    let mut five = server.connect("v5 session-expiry-interval=1000", "five", "");
    five.send("SUBSCRIBE id=1 queue/# qos=1 subscription-identifier=300");
    five.expect("SUBACK id=1 0x01");
    let mut halfway = server.connect("v311", "halfway", "");
    halfway.send("SUBSCRIBE id=1 steps qos=2");
    halfway.expect("SUBACK id=1 0x02");
    queue.send("DISCONNECT");
    five.send("DISCONNECT");
    let mut publisher = server.connect("v5 clean", "publisher", "");
    for number in 1..=3 {
        publisher.send(&format!("PUBLISH steps qos=2 id={number} m={number} & PUBREL id={number}"));
        publisher.expect(&format!("PUBREC id={number}"));
        publisher.expect(&format!("PUBCOMP id={number}"));
        halfway.expect(&format!("PUBLISH steps qos=2 id={number} m={number}"));
    }
    halfway.send("PUBREC id=1");
    halfway.expect("PUBREL id=1");
    publisher.send("PUBLISH queue/1 qos=1 id=4 m=one message-expiry-interval=1000 content-type=text user-property=a:1");
    publisher.expect("PUBACK id=4");
    publisher.send("PUBLISH queue/2 qos=2 id=5 m=two & PUBREL id=5");
    publisher.expect("PUBREC id=5");
    publisher.expect("PUBCOMP id=5");
    publisher.send("PUBLISH kept retain qos=1 id=6 m=value message-expiry-interval=1000 response-topic=r");
    publisher.expect("PUBACK id=6 0x10");
    let mut sender = server.connect("v311", "sender", "");
    sender.send("PUBLISH queue/in qos=2 id=77 m=once");
    sender.expect("PUBREC id=77");
}

/// What [`fill`] left is there, wherever it went meanwhile; `five` first, because it gets what `sender` releases.
#[track_caller]
fn check(server: &Running) {
    let mut sender = server.connect("v311", "sender", "session-present");
    sender.send("PUBREL id=77");
    sender.expect("PUBCOMP id=77");
    let mut queue = server.connect("v311", "queue", "session-present");
    queue.expect("PUBLISH queue/1 qos=1 id=? m=one");
    queue.expect("PUBLISH queue/2 qos=2 id=? m=two");
    queue.expect("PUBLISH queue/in qos=2 id=? m=once");
    let mut five = server.connect("v5 session-expiry-interval=1000", "five", "session-present");
    five.expect(
        "PUBLISH queue/1 qos=1 id=? m=one message-expiry-interval=900..1000 content-type=text user-property=a:1 \
         subscription-identifier=300",
    );
    five.expect("PUBLISH queue/2 qos=1 id=? m=two subscription-identifier=300");
    five.expect("PUBLISH queue/in qos=1 id=? m=once subscription-identifier=300");
    let mut halfway = server.connect("v311", "halfway", "session-present");
    let mut got = [(); 3].map(|()| halfway.receive().to_string());
    got.sort();
    assert_eq!(got, ["PUBLISH steps qos=2 id=2 dup m=2", "PUBLISH steps qos=2 id=3 dup m=3", "PUBREL id=1 0x00"]);
    let mut anybody = server.connect("v5 clean", "anybody", "");
    anybody.send("SUBSCRIBE id=1 kept qos=1");
    anybody.expect("SUBACK id=1 0x01");
    anybody.expect("PUBLISH kept retain qos=1 id=1 m=value message-expiry-interval=900..1000 response-topic=r");
}

#[test]
fn everything_comes_over_from_a_mosquitto() {
    let Some(mosquitto) = need(debian_program("mosquitto")) else { return };
    let place = Place::new("migration-to");
    let server = place.start(&mosquitto);
    fill(&server);
    server.end();
    let before = place.database();
    let server = place.start(&midge_program());
    server.process.expect_line(
        "Imported 4 sessions, 3 subscriptions, 8 messages and 1 retained messages from *mosquitto.db, which stays as it is.",
    );
    check(&server);
    server.end();
    assert!(place.database() == before, "mosquitto.db stays as it is");
    let server = place.start(&midge_program());
    assert_eq!(server.process.count_lines("Imported"), 0, "once is enough");
    server.connect("v311", "halfway", "session-present");
}

#[test]
fn and_goes_back_to_it() {
    let Some(mosquitto) = need(debian_program("mosquitto")) else { return };
    let place = Place::new("migration-back");
    let server = place.start(&mosquitto);
    fill(&server);
    server.end();
    let server = place.start(&midge_program());
    server.process.expect_line("running");
    let (_, _, refusal) = place.export("running.db");
    assert!(refusal.contains("`midge backup DIR`"), "{refusal}");
    server.end();
    let (status, told, warnings) = place.export("back.db");
    let counted = "Exported 4 sessions, 3 subscriptions, 9 messages and 1 retained messages to ";
    assert!(status == Some(0) && told.starts_with(counted), "{told}{warnings}");
    assert!(warnings.starts_with("Warning: 1 QoS 2 messages whose publishers"), "{warnings}");
    let (status, _, refusal) = place.export("back.db");
    let expected = "back.db is there already, and is left as it is: name another file, or move that one away.";
    assert!(status == Some(1) && refusal.contains(expected), "{refusal}");
    fs::rename(place.path("back.db"), place.path("mosquitto.db")).expect("renamed");
    let server = place.start(&mosquitto);
    check(&server);
}

#[test]
fn what_the_format_has_no_words_for_is_told() {
    let place = Place::new("migration-told");
    let server = place.start(&midge_program());
    let mut client = server.connect("v5 session-expiry-interval=1000", "s", "");
    client.send("SUBSCRIBE id=1 $share/group/t qos=1");
    client.expect("SUBACK id=1 0x01");
    client.send("SUBSCRIBE id=2 long qos=1");
    client.expect("SUBACK id=2 0x01");
    client.send("DISCONNECT");
    let mut publisher = server.connect("v311 clean", "p", "");
    let large = "x".repeat(20_000);
    publisher.send(&format!("PUBLISH t qos=1 id=1 m=y & PUBLISH kept retain qos=1 id=2 m={large}"));
    publisher.expect("PUBACK id=1");
    publisher.expect("PUBACK id=2");
    for number in 0..900 {
        publisher.send(&format!("PUBLISH long qos=1 id=3 m={number}-{large}"));
        publisher.expect("PUBACK id=3");
    }
    // What waits for nobody goes to disk with it.
    server.process.signal(Signal::USR1);
    server.process.expect_line("Saved a snapshot");
    server.end();
    let log = Command::new(midge_program()).arg("log").arg(&place.folder).output().expect("it starts").stdout;
    assert!(String::from_utf8_lossy(&log).contains("RUN"), "part of the queue is on disk only");
    let (status, told, warnings) = place.export("mosquitto.db");
    let counted = "Exported 1 sessions, 2 subscriptions, 900 messages and 1 retained messages to ";
    assert!(status == Some(0) && told.starts_with(counted), "{told}{warnings}");
    let told: Vec<_> = warnings.lines().collect();
    let shared = "Warning: 1 shared subscriptions are there, but Mosquitto will not write them again.";
    assert_eq!(told, [shared, "Warning: 1 messages that wait in shared subscriptions are left out."]);
    fs::remove_dir_all(place.path("mosquitto.db.midge")).expect("the log can be removed");
    let server = place.start(&midge_program());
    server.process.expect_line("Imported 1 sessions, 2 subscriptions, 900 messages and 1 retained messages");
    let mut client = server.connect("v5 session-expiry-interval=1000", "s", "session-present");
    for number in 0..900 {
        let got = client.receive();
        let id = got.number("id").expect("QoS 1");
        assert_eq!(got.text("m").as_deref(), Some(&*format!("{number}-{large}")));
        client.send(&format!("PUBACK id={id}"));
    }
    client.send("SUBSCRIBE id=2 kept qos=1");
    let got = [client.receive(), client.receive()];
    assert!(got.iter().any(|packet| packet.text("m").as_ref() == Some(&large)), "{got:?}");
}

#[test]
fn the_file_of_a_mosquitto_that_ended() {
    let place = Place::with_fixture("migration-ended", "v6-ended.db");
    let server = place.start(&midge_program());
    server.process.expect_line("Imported 6 sessions, 8 subscriptions, 13 messages and 2 retained messages from");
    let mut client = server.connect("v5 session-expiry-interval=100", "durable-5", "session-present");
    let expiring = "message-expiry-interval=?";
    client.expect("PUBLISH queue/one qos=1 id=? m=first subscription-identifier=129");
    client.expect("PUBLISH queue/two qos=2 id=? m=second subscription-identifier=129");
    client.expect(&format!("PUBLISH queue/expires qos=1 id=? m=\"soon over\" {expiring} subscription-identifier=129"));
    client.expect("PUBLISH shared/1 qos=1 id=? m=\"to the group\"");
    let mut client = server.connect("v311", "steps-out", "session-present");
    client.expect("PUBLISH steps qos=1 id=1 m=\"acked by nothing\" dup");
    client.expect("PUBLISH steps qos=2 id=2 m=\"waits for pubrec\" dup");
    client.expect("PUBREL id=3");
    let mut client = server.connect("v311", "steps-in", "session-present");
    client.send("PUBLISH steps/in qos=2 id=100 m=\"not released\" dup & PUBREL id=100");
    client.expect("PUBREC id=100");
    client.expect("PUBCOMP id=100");
}

#[test]
fn the_files_of_one_that_ran_and_of_one_that_had_nothing() {
    for fixture in ["v6-running.db", "v6-empty.db"] {
        let place = Place::with_fixture("migration-others", fixture);
        place.start(&midge_program()).process.expect_line("Imported * sessions");
    }
}

#[test]
fn a_damaged_file_stops_the_start_and_nothing_is_made() {
    let place = Place::with_fixture("migration-damaged", "v6-ended.db");
    let mut bytes = place.database();
    bytes.truncate(bytes.len() - 1);
    fs::write(place.path("mosquitto.db"), &bytes).expect("the file can be written");
    place.refuses(
        "/mosquitto.db cannot be imported: at byte *, in a chunk of 8 bytes that is a retained message: the file ends in the middle",
    );
    place.refuses("move it away to start with nothing: mv ");
    fs::write(place.path("mosquitto.db"), "something else").expect("the file can be written");
    place.refuses("at byte 0: it is not a mosquitto.db");
    fs::write(place.path("mosquitto.db"), "").expect("the file can be written");
    place
        .start(&midge_program())
        .process
        .expect_line("Warning: */mosquitto.db is empty: there is nothing to take over.");
}

/// What cannot be read is not lost, and nobody is told to throw it away.
#[test]
fn a_database_that_cannot_be_read_stops_the_start() {
    let place = Place::with_fixture("migration-unreadable", "v6-ended.db");
    let database = place.path("mosquitto.db");
    fs::remove_file(&database).expect("removed");
    fs::create_dir(&database).expect("a folder");
    place.refuses("/mosquitto.db cannot be imported: it is no file. Nothing was changed.");
}

#[test]
fn an_import_that_was_broken_off_is_begun_anew() {
    let place = Place::with_fixture("migration-again", "v6-ended.db");
    let unfinished = place.path("mosquitto.db.midge.import");
    fs::create_dir(&unfinished).expect("a folder");
    fs::write(unfinished.join("0000000001.segment"), "half").expect("a file");
    let server = place.start(&midge_program());
    server.process.expect_line("Imported 6 sessions");
    assert!(!unfinished.exists() && place.path("mosquitto.db.midge").exists());
}

/// A Mosquitto that still runs has not written everything yet.
#[test]
fn nothing_is_imported_while_another_has_the_port() {
    let place = Place::with_fixture("migration-port", "v6-ended.db");
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, place.port)).expect("a port");
    place.refuses("Another server uses it, perhaps mosquitto");
}

/// Who has tried it out, gone on with Mosquitto, and comes back.
#[test]
fn a_database_that_was_written_since_is_told_and_left_alone() {
    let place = Place::with_fixture("migration-since", "v6-ended.db");
    let server = place.start(&midge_program());
    server.process.expect_line("Imported 6 sessions");
    server.end();
    let server = place.start(&midge_program());
    assert_eq!(server.process.count_lines("is newer than"), 0);
    server.end();
    std::thread::sleep(Duration::from_millis(50));
    let bytes = place.database();
    fs::write(place.path("mosquitto.db"), bytes).expect("the file can be written");
    let server = place.start(&midge_program());
    server.process.expect_line("Warning: *mosquitto.db is newer than what this server has kept, and is not read: *");
    server.end();
}
