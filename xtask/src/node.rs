//! What Node runs: MQTT.js, the client of web pages and of programs around them (Zigbee2MQTT, Node-RED), and what the console's page is
//! built and tried with.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::setup::{Failure, Step, disk, run, write};
use crate::workspace;

pub(crate) const MQTT_JS: Step =
    Step { name: "MQTT.js 5.16.0", folder: "node/mqtt-5", recipe: "mqtt@5.16.0", make: make_mqtt_js };

/// As `package-lock.json` says, whose change has all of it fetched again.
pub(crate) const CONSOLE: Step = Step {
    name: "what the console's page is built with",
    folder: "node/console",
    recipe: include_str!("../../crates/console/web/package-lock.json"),
    make: make_console,
};

fn make_mqtt_js(folder: &Path) -> Result<(), Failure> {
    run(Command::new("node").arg("--version"), NODE)?;
    // npm looks for the next package.json above otherwise.
    write(&folder.join("package.json"), "{ \"private\": true }\n")?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", MQTT_JS.recipe]);
    run(npm.current_dir(folder), NPM).map(drop)
}

fn make_console(folder: &Path) -> Result<(), Failure> {
    run(Command::new("node").arg("--version"), NODE)?;
    let page = workspace().join("crates/console/web");
    for file in ["package.json", "package-lock.json"] {
        let from = page.join(file);
        fs::copy(&from, folder.join(file)).map_err(|error| disk(&from, &error))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    run(npm.current_dir(folder), NPM).map(drop)
}

const NODE: &str = "needs Node 20.19 or newer (on Debian: `apt-get install nodejs npm`), then `cargo xtask setup`";
const NPM: &str = "needs npm and a registry that it can reach, then `cargo xtask setup`";
