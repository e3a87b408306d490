//! The steps of the set-up and how one reports.
//!
//! A step fills one folder under `target/` and ends by writing a stamp there that says what it made. A folder whose stamp says
//! what is wanted is left alone, so a second run takes milliseconds; any other folder, also one of an interrupted run, is made anew.
//! Steps share nothing and run at the same time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::{chromium, debian, node, python, tools, workspace};

/// One thing that tests need.
pub(crate) struct Step {
    /// What is made, for people.
    pub(crate) name: &'static str,
    /// Its folder, below `target/`.
    pub(crate) folder: &'static str,
    /// What the stamp has to say; change it and everybody's folder is made anew.
    pub(crate) recipe: &'static str,
    /// Fills the folder, which exists and is empty.
    pub(crate) make: fn(&Path) -> Result<(), Failure>,
}

/// Why a step did not succeed.
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: &'static str,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { what: what.into(), remedy }
    }
}

/// Does every step, prints a line for each, and says whether all succeeded.
pub(crate) fn all() -> bool {
    let steps = [
        debian::MOSQUITTO,
        debian::CLIENTS,
        debian::OPENSSL,
        debian::NATS,
        debian::INFLUXDB,
        python::PAHO_1,
        python::PAHO_2,
        python::AIOMQTT,
        python::MATPLOTLIB,
        python::SCHEMATHESIS,
        python::OPENTELEMETRY,
        node::MQTT_JS,
        node::CONSOLE,
        chromium::CHROMIUM,
        tools::CARGO_DENY,
    ];
    std::thread::scope(|scope| {
        let running = steps.map(|step| scope.spawn(move || step.run()));
        running.into_iter().all(|step| step.join().unwrap_or(false))
    })
}

impl Step {
    fn run(&self) -> bool {
        let folder = workspace().join("target").join(self.folder);
        let stamp = folder.join(STAMP);
        if fs::read_to_string(&stamp).is_ok_and(|made| made == self.recipe) {
            println!("setup: {}: ready", self.name);
            return true;
        }
        let start = Instant::now();
        let made = empty(&folder).and_then(|()| (self.make)(&folder)).and_then(|()| write(&stamp, self.recipe));
        let seconds = start.elapsed().as_secs_f32();
        match &made {
            Ok(()) => println!("setup: {}: made in {seconds:.1} s", self.name),
            Err(Failure { what, remedy }) => {
                eprintln!("setup: {}: FAILED: {what}; {remedy}", self.name);
            }
        }
        made.is_ok()
    }
}

/// Runs a program of a step to its end and gives its standard output.
pub(crate) fn run(command: &mut Command, remedy: &'static str) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Failure::new(format!("{program}: {error}"), remedy))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(Failure::new(format!("{program}: {}: {last}", output.status), remedy))
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| disk(path, &error))
}

pub(crate) fn disk(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()), DISK)
}

fn empty(folder: &PathBuf) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| disk(folder, &error))?;
    }
    fs::create_dir_all(folder).map_err(|error| disk(folder, &error))
}

/// Written last into a step's folder. The tests look for it too: without it the folder is not complete.
pub(crate) const STAMP: &str = ".complete";

const DISK: &str = "see that target/ can be written and has room";
