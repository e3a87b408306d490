//! MQTT.js for Node: the client of web pages, and of programs around them (Zigbee2MQTT, Node-RED).

use std::path::Path;
use std::process::Command;

use crate::setup::{Failure, Step, run, write};

pub(crate) const MQTT_JS: Step = Step { name: "MQTT.js 5.16.0", folder: "node/mqtt-5", recipe: "mqtt@5.16.0", make };

fn make(folder: &Path) -> Result<(), Failure> {
    run(Command::new("node").arg("--version"), NODE)?;
    // npm looks for the next package.json above otherwise.
    write(&folder.join("package.json"), "{ \"private\": true }\n")?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", MQTT_JS.recipe]);
    run(npm.current_dir(folder), NPM).map(drop)
}

const NODE: &str = "needs Node 18 or newer (on Debian: `apt-get install nodejs npm`), then `cargo xtask setup`";
const NPM: &str = "needs npm and a registry that it can reach, then `cargo xtask setup`";
