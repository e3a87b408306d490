//! A real InfluxDB, started, asked, killed and started again.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use midge_testkit::environment::{influxd, need, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::process::Process;
use rustix::process::Signal;
use serde_json::Value;

/// See the module.
pub(crate) struct InfluxDb {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl InfluxDb {
    /// A new one without databases; `None` where the test is to be left out.
    pub(crate) fn start(name: &str) -> Option<InfluxDb> {
        InfluxDb::start_with(name, "")
    }

    /// The same with these lines about HTTP.
    pub(crate) fn start_with(name: &str, http: &str) -> Option<InfluxDb> {
        let program = need(influxd())?;
        let (folder, port, other) = (scratch_folder(&format!("influxdb-{name}")), free_port(), free_port());
        let path = folder.display();
        let configuration = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{other}\"\n[meta]\ndir = \"{path}/meta\"\n[data]\n\
             dir = \"{path}/data\"\nwal-dir = \"{path}/wal\"\n[monitor]\nstore-enabled = false\n[http]\nlog-enabled = false\n\
             bind-address = \"127.0.0.1:{port}\"\n{http}\n"
        );
        fs::write(folder.join("influxdb.conf"), configuration).expect("the folder can be written");
        let mut influxdb = InfluxDb { program, folder, port, process: None };
        influxdb.restart();
        Some(influxdb)
    }

    /// Starts it again where it was killed.
    pub(crate) fn restart(&mut self) {
        let mut command = Command::new(&self.program);
        command.arg("-config").arg(self.folder.join("influxdb.conf"));
        let process = self.process.insert(Process::start_reading_stderr(command));
        process.expect_line("*Listening on HTTP*");
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.signal(Signal::KILL);
        process.wait_for_exit();
    }

    /// For `influxdb_url`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The usual configuration, with a folder of the server's own for its log.
    pub(crate) fn configuration(&self, more: &str) -> String {
        let url = self.url();
        format!("persistence true\npersistence_location .\ninfluxdb_url {url}\ninfluxdb_database db\n{more}")
    }

    /// Has it make a database.
    pub(crate) fn create(&self, database: &str) {
        self.ask("", &format!("CREATE DATABASE {database}"));
    }

    /// What it answers to a question about a database, its rows of all series in order.
    pub(crate) fn rows(&self, question: &str) -> Vec<Value> {
        let answer = self.ask("db", question);
        let series = answer["results"][0]["series"].as_array().cloned().unwrap_or_default();
        series.into_iter().flat_map(|series| series["values"].as_array().cloned().unwrap_or_default()).collect()
    }

    /// How many points a measurement has, by a field that each of them has.
    pub(crate) fn count(&self, measurement: &str, field: &str) -> u64 {
        let rows = self.rows(&format!("SELECT count(\"{field}\") FROM \"{measurement}\""));
        rows.first().and_then(|row| row[1].as_u64()).unwrap_or_default()
    }

    fn ask(&self, database: &str, question: &str) -> Value {
        let escape =
            |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        let question: String = question.bytes().map(escape).collect();
        let request = format!("POST /query?db={database}&epoch=ns&q={question} HTTP/1.0\r\n\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("InfluxDB listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
        assert!(head.starts_with("HTTP/1.0 200"), "{answer}");
        serde_json::from_str(body.trim()).expect("JSON")
    }
}
