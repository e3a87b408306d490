//! Python environments: one for each major version of paho-mqtt, the client that most MQTT programs are written with, one for
//! aiomqtt, which Home Assistant and its like use, one for matplotlib, which beginners draw with, one for schemathesis, which tries
//! what an API says of itself, and one for the messages of OpenTelemetry.
//!
//! Version 1 and version 2 of paho-mqtt differ in their callbacks, and programs written for either are in use.

use std::path::Path;
use std::process::Command;

use crate::setup::{Failure, Step, run};

pub(crate) const PAHO_1: Step = Step {
    name: "paho-mqtt 1.6.1",
    folder: "python/paho-1",
    recipe: "paho-mqtt==1.6.1",
    make: |folder| make(folder, PAHO_1.recipe),
};

pub(crate) const PAHO_2: Step = Step {
    name: "paho-mqtt 2.1.0",
    folder: "python/paho-2",
    recipe: "paho-mqtt==2.1.0",
    make: |folder| make(folder, PAHO_2.recipe),
};

pub(crate) const AIOMQTT: Step = Step {
    name: "aiomqtt 2.5.1",
    folder: "python/aiomqtt",
    recipe: "aiomqtt==2.5.1",
    make: |folder| make(folder, AIOMQTT.recipe),
};

/// A program that draws, as tutorials have it, beside which the console's charts are held.
pub(crate) const MATPLOTLIB: Step = Step {
    name: "matplotlib 3.11.2 with paho-mqtt 1.6.1",
    folder: "python/matplotlib",
    recipe: "matplotlib==3.11.2 paho-mqtt==1.6.1",
    make: |folder| make(folder, MATPLOTLIB.recipe),
};

pub(crate) const SCHEMATHESIS: Step = Step {
    name: "schemathesis 4.32.5",
    folder: "python/schemathesis",
    recipe: "schemathesis==4.32.5",
    make: |folder| make(folder, SCHEMATHESIS.recipe),
};

pub(crate) const OPENTELEMETRY: Step = Step {
    name: "opentelemetry-proto 1.45.2",
    folder: "python/opentelemetry",
    recipe: "opentelemetry-proto==1.45.2",
    make: |folder| make(folder, OPENTELEMETRY.recipe),
};

fn make(folder: &Path, requirements: &str) -> Result<(), Failure> {
    run(Command::new("python3").args(["-m", "venv"]).arg(folder), VENV)?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet"]).args(requirements.split(' '));
    run(&mut pip, PIP).map(drop)
}

const VENV: &str = "needs python3 with venv (on Debian: `apt-get install python3-venv`), then `cargo xtask setup`";
const PIP: &str = "needs a package index that pip can reach, then `cargo xtask setup`";
