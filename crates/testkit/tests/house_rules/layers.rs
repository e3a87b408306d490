//! Who may depend on whom. Arrows only go down; a new one is a decision, made here.

use crate::files::{File, crate_folders, one};
use crate::{Broken, caught, none};

/// Each crate with the crates of the workspace that it may name under `[dependencies]`.
const LAYERS: &[(&str, &[&str])] = &[
    ("midge-codec", &[]),
    // Of use to tests only.
    ("midge-choices", &[]),
    ("midge-protocol", &["midge-codec"]),
    ("midge-broker", &["midge-codec", "midge-protocol"]),
    ("midge-client-core", &["midge-codec", "midge-protocol"]),
    ("midge-client-transport", &["midge-net"]),
    ("midge-client-mio", &["midge-client-core", "midge-client-transport", "midge-codec", "midge-net"]),
    ("midge-client", &["midge-client-core", "midge-client-transport", "midge-codec", "midge-store"]),
    ("midge-config", &[]),
    // Knows no server: whoever has one answers it.
    ("midge-console", &["midge-codec"]),
    ("midge-sinks", &[]),
    ("midge-auth", &[]),
    ("midge-net", &[]),
    ("midge-otlp", &[]),
    ("midge-store", &[]),
    ("midge-mosquitto-db", &["midge-codec"]),
    ("midge-persistence", &["midge-broker", "midge-store"]),
    (
        "midge-server",
        &[
            "midge-auth",
            "midge-broker",
            "midge-codec",
            "midge-config",
            "midge-console",
            "midge-mosquitto-db",
            "midge-net",
            "midge-otlp",
            "midge-persistence",
            "midge-sinks",
            "midge-store",
        ],
    ),
    (
        "midge-tools",
        &[
            "midge-auth",
            "midge-client-core",
            "midge-client-mio",
            "midge-client-transport",
            "midge-codec",
            "midge-mosquitto-db",
        ],
    ),
    (
        "midge",
        &["midge-auth", "midge-broker", "midge-codec", "midge-config", "midge-server", "midge-store", "midge-tools"],
    ),
    // A whole world around the broker, in memory.
    (
        "midge-sim",
        &["midge-broker", "midge-choices", "midge-client-core", "midge-codec", "midge-persistence", "midge-store"],
    ),
    // Tests look at the server from outside.
    ("midge-testkit", &["midge-codec"]),
    // The manual page is made from the table of directives.
    ("xtask", &["midge-config"]),
];

/// The crates without clock, file, socket, thread, randomness or hash order: values in, values out; and a log, where they are
/// given one.
pub(crate) const PURE: &[&str] = &[
    "midge-codec",
    "midge-protocol",
    "midge-broker",
    "midge-client-core",
    "midge-config",
    "midge-auth",
    "midge-mosquitto-db",
    "midge-otlp",
    "midge-persistence",
    "midge-sinks",
];

/// What a pure crate may use from crates.io: containers, errors, JSON (serde says how it is walked through), the distance between words, what is calculated with passwords
/// and tokens, Protobuf, and loom, which only replaces the atomics in a model.
const PURE_MAY_USE: &[&str] = &[
    "argon2",
    "aws-lc-rs",
    "base64ct",
    "foldhash",
    "hashbrown",
    "hmac",
    "loom",
    "pbkdf2",
    "prost",
    "serde",
    "serde_json",
    "sha2",
    "slab",
    "smallvec",
    "strsim",
    "subtle",
    "thiserror",
    "triomphe",
];

#[test]
fn dependencies_only_go_down() {
    none(manifests().iter().flat_map(not_downwards));
    let names: Vec<_> = manifests().iter().map(package_name).collect();
    for (layer, _) in LAYERS {
        assert!(names.iter().any(|name| name == layer), "{layer} is gone");
    }
}

#[test]
fn dependencies_that_go_up_are_caught() {
    let manifest = "[package]\nname = \"midge-codec\"\n[dependencies]\nmidge-broker.workspace = true\nthiserror = \"2\"\n\
                    tokio = \"1\"\n[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n[dev-dependencies]\nproptest = \"1\"\n";
    caught(&not_downwards(&File::made_up("Cargo.toml", manifest)), &[4, 6, 8]);
    let unknown = File::made_up("Cargo.toml", "[package]\nname = \"midge-new\"\n");
    caught(&not_downwards(&unknown), &[1]);
}

#[test]
fn every_dependency_of_the_workspace_is_used() {
    none(unused(&one("Cargo.toml"), &manifests()));
}

#[test]
fn a_dependency_without_users_is_caught() {
    let root = "[workspace.dependencies]\nslab = \"0.4\"\nmio = \"1\"\nmidge-codec = { path = \"crates/codec\" }\n";
    let user = "[package]\nname = \"x\"\n[dev-dependencies]\nslab.workspace = true\n[features]\nmio = []\n";
    let broken = unused(&File::made_up("Cargo.toml", root), &[File::made_up("x/Cargo.toml", user)]);
    caught(&broken, &[3]);
}

fn not_downwards(manifest: &File) -> Vec<Broken> {
    let name = package_name(manifest);
    let Some((_, below)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        let what = format!("{name} has no place in the table of layers of the house rules");
        return vec![manifest.at(1, &what)];
    };
    let mut broken = Vec::new();
    for (line, dependency) in entries(manifest, is_needed_to_run) {
        let is_ours = LAYERS.iter().any(|(layer, _)| *layer == dependency);
        let may = if is_ours {
            below.contains(&dependency.as_str())
        } else {
            !PURE.contains(&name.as_str()) || PURE_MAY_USE.contains(&dependency.as_str())
        };
        if !may {
            broken.push(manifest.at(line, &format!("{name} must not know {dependency}")));
        }
    }
    broken
}

/// Our own crates are there for themselves; what comes from elsewhere has to be used.
fn unused(root: &File, manifests: &[File]) -> Vec<Broken> {
    let used: Vec<_> = manifests
        .iter()
        .flat_map(|manifest| entries(manifest, |section| section.ends_with("dependencies")))
        .map(|(_, name)| name)
        .collect();
    entries(root, |section| section == "workspace.dependencies")
        .into_iter()
        .filter(|(_, name)| !used.contains(name) && !name.starts_with("midge-"))
        .map(|(line, name)| root.at(line, &format!("no crate uses {name}: take it out")))
        .collect()
}

fn manifests() -> Vec<File> {
    let manifest = |folder: &String| one(&format!("{folder}/Cargo.toml"));
    crate_folders().iter().map(manifest).collect()
}

pub(crate) fn package_name(manifest: &File) -> String {
    let value = |line: &str| line.strip_prefix("name = ").map(|name| name.replace('"', ""));
    let name = manifest.text.lines().find_map(value);
    name.unwrap_or_else(|| panic!("{} has no name", manifest.path))
}

fn is_needed_to_run(section: &str) -> bool {
    section.ends_with("dependencies") && !section.ends_with("dev-dependencies")
}

/// The first words of the entries of those sections, with their lines: `slab.workspace = true` gives `slab`. Enough of TOML for
/// our manifests, which have no entry over several lines there.
fn entries(manifest: &File, wanted: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
    let mut entries = Vec::new();
    let mut is_wanted = false;
    for (index, line) in manifest.text.lines().enumerate() {
        if let Some(section) = line.strip_prefix('[') {
            is_wanted = wanted(section.trim_end_matches(']'));
        } else if is_wanted && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                entries.push((index + 1, name.to_owned()));
            }
        }
    }
    entries
}
