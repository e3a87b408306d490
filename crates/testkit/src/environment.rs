//! Where tests find the programs they need.
//!
//! Everything but `python3`, `node` and `cargo` comes from the workspace's `target/`, filled by `cargo xtask setup` (crate
//! `xtask`, which must name the same places), so that a test never depends on what happens to be installed. What is absent is a [`Missing`], and
//! [`need`] decides what that means: with `cargo xtask test` a failure, with plain `cargo test` a test that says it was skipped.
//!
//! ```no_run
//! use midge_testkit::environment::{debian_program, need};
//!
//! let Some(mosquitto_pub) = need(debian_program("mosquitto_pub")) else {
//!     return;
//! };
//! let status = std::process::Command::new(mosquitto_pub).arg("--help").status();
//! ```

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The thing, or nothing if the test that asks has to be left out; then a line on standard error names the test and the reason.
///
/// # Panics
/// When the thing is missing and `MIDGE_TESTS_NO_SKIP` is set.
pub fn need<T>(thing: Result<T, Missing>) -> Option<T> {
    let missing = match thing {
        Ok(thing) => return Some(thing),
        Err(missing) => missing,
    };
    assert!(std::env::var_os(NO_SKIP).is_none(), "{missing} (and {NO_SKIP} is set)");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln!`: the test harness keeps to itself what a successful test prints with it.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {missing}");
    None
}

/// What is not there, and how to get it.
#[derive(Debug)]
pub struct Missing {
    what: String,
    remedy: &'static str,
}

impl Missing {
    /// `what` is a noun for people; `remedy` what they run or do to have it.
    pub fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { what: what.into(), remedy }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is missing; {}", self.what, self.remedy)
    }
}

/// Debian's program of that name out of the packages `mosquitto` and `mosquitto-clients`. It can be started as it is: the file
/// sets the path of its libraries itself.
///
/// # Errors
/// When it was not set up, or the packages have no such program.
pub fn debian_program(name: &str) -> Result<PathBuf, Missing> {
    made("debian", &format!("bin/{name}"), name)
}

/// Debian's NATS server.
///
/// # Errors
/// When it was not set up.
pub fn nats_server() -> Result<PathBuf, Missing> {
    made("nats", "root/usr/sbin/nats-server", "nats-server")
}

/// Debian's InfluxDB.
///
/// # Errors
/// When it was not set up.
pub fn influxd() -> Result<PathBuf, Missing> {
    made("influxdb", "root/usr/bin/influxd", "influxd")
}

/// Debian's dynamic security plugin out of the package `mosquitto`, for a configuration's `plugin`.
///
/// # Errors
/// When it was not set up.
pub fn debian_dynamic_security() -> Result<PathBuf, Missing> {
    let folder = format!("root/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    made("debian", &format!("{folder}/mosquitto_dynamic_security.so"), "Debian's dynamic security plugin")
}

/// The Python interpreter that finds paho-mqtt of that major version: 1 (1.6.1) or 2 (2.1.0).
///
/// # Errors
/// When it was not set up.
pub fn paho(major: u8) -> Result<PathBuf, Missing> {
    let what = format!("Python with paho-mqtt {major}");
    made(&format!("python/paho-{major}"), "bin/python", &what)
}

/// The Python interpreter that finds aiomqtt.
///
/// # Errors
/// When it was not set up.
pub fn aiomqtt() -> Result<PathBuf, Missing> {
    made("python/aiomqtt", "bin/python", "Python with aiomqtt")
}

/// The Python interpreter that finds the messages of OpenTelemetry.
///
/// # Errors
/// When it was not set up.
pub fn opentelemetry() -> Result<PathBuf, Missing> {
    made("python/opentelemetry", "bin/python", "Python with opentelemetry-proto")
}

/// The Python interpreter that finds matplotlib, and paho-mqtt 1.6.1.
///
/// # Errors
/// When it was not set up.
pub fn matplotlib() -> Result<PathBuf, Missing> {
    made("python/matplotlib", "bin/python", "Python with matplotlib")
}

/// The program that tries what the description of an API allows.
///
/// # Errors
/// When it was not set up.
pub fn schemathesis() -> Result<PathBuf, Missing> {
    made("python/schemathesis", "bin/schemathesis", "schemathesis")
}

/// The folder that stands for `/` of Debian's libraries for clients (libmosquitto, Paho for C and for Go) and of Go.
///
/// # Errors
/// When they were not set up.
pub fn debian_clients() -> Result<PathBuf, Missing> {
    made("debian-clients", "root", "Debian's libraries for clients")
}

/// A folder in which Node finds MQTT.js 5 (`node_modules`).
///
/// # Errors
/// When it was not set up.
pub fn mqtt_js() -> Result<PathBuf, Missing> {
    let package = made("node/mqtt-5", "node_modules/mqtt/package.json", "MQTT.js for Node")?;
    Ok(package.ancestors().nth(3).unwrap_or(&package).to_path_buf())
}

/// The browser for the console's page.
///
/// # Errors
/// When it was not set up.
pub fn chromium() -> Result<PathBuf, Missing> {
    made("chromium", "chromium", "Debian's chromium")
}

/// A folder in which Node finds what the console's page is built and tried with (`node_modules`).
///
/// # Errors
/// When it was not set up.
pub fn console_packages() -> Result<PathBuf, Missing> {
    let vite = made("node/console", "node_modules/vite/package.json", "what the console's page is built with")?;
    Ok(vite.ancestors().nth(3).unwrap_or(&vite).to_path_buf())
}

/// The right to become somebody else.
///
/// # Errors
/// When the tests do not run as root.
pub fn root() -> Result<(), Missing> {
    let is_root = rustix::process::geteuid().is_root();
    is_root.then_some(()).ok_or_else(|| Missing::new("the right to become another user", "run the tests as root"))
}

/// The program behind `cargo deny`.
///
/// # Errors
/// When it was not set up.
pub fn cargo_deny() -> Result<PathBuf, Missing> {
    made("tools/cargo-deny", "bin/cargo-deny", "cargo-deny")
}

/// The program `midge`, built from the sources as they are now and with the profile of the running test.
///
/// Tests of the package `midge` get it from cargo; for all others `cargo build` is asked once for each test process, because
/// `cargo test` builds a package's program only along with that package's own tests. Cargo decides what is stale and holds no
/// lock while tests run.
///
/// # Panics
/// When it cannot be built; what the compiler said is on standard error then.
pub fn midge_program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| given_midge().unwrap_or_else(build_midge)).clone()
}

fn given_midge() -> Option<PathBuf> {
    std::env::var_os("CARGO_BIN_EXE_midge").map(PathBuf::from)
}

fn build_midge() -> PathBuf {
    build(&["--package", "midge", "--bin", "midge"], "midge")
}

/// The example `load`, which measures servers; built like [`midge_program`].
///
/// # Panics
/// When it cannot be built.
pub fn load_program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["--package", "midge-testkit", "--example", "load"], "examples/load")).clone()
}

/// The example `with_rumqttc`, a client; built like [`midge_program`].
///
/// # Panics
/// When it cannot be built.
pub fn rumqttc_program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let what = ["--package", "midge-testkit", "--example", "with_rumqttc"];
    BUILT.get_or_init(|| build(&what, "examples/with_rumqttc")).clone()
}

/// The library that cuts the power under a server (see [`crate::powercut`]); built like [`midge_program`].
///
/// # Panics
/// When it cannot be built.
pub fn powercut_library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let what = ["--package", "midge-testkit", "--example", "powercut"];
    BUILT.get_or_init(|| build(&what, "examples/libpowercut.so")).clone()
}

/// The program `midge` with the cargo feature `openssl`, built like [`midge_program`] and put elsewhere. Only what the feature
/// changes is compiled once more.
///
/// # Errors
/// When there is no OpenSSL to build with.
///
/// # Panics
/// When it cannot be built.
pub fn midge_with_openssl() -> Result<PathBuf, Missing> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let library = made("openssl", "lib/libssl.a", "OpenSSL to build with")?;
    let openssl = library.ancestors().nth(2).unwrap_or(&library);
    // With the name of the platform: where OPENSSL_DIR changes, aws-lc is compiled anew, which takes a minute.
    let platform = format!("{}_UNKNOWN_LINUX_GNU", std::env::consts::ARCH.to_uppercase());
    let variables = [
        (format!("{platform}_OPENSSL_DIR"), openssl.as_os_str()),
        (format!("{platform}_OPENSSL_STATIC"), "1".as_ref()),
    ];
    Ok(BUILT.get_or_init(|| midge_with("openssl", &variables)).clone())
}

/// The program `midge` with the cargo feature `otlp`, built in the same way.
///
/// # Panics
/// When it cannot be built.
pub fn midge_with_otlp() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| midge_with("otlp", &[])).clone()
}

fn midge_with(feature: &str, variables: &[(String, &OsStr)]) -> PathBuf {
    let folder = profile_folder();
    let built = folder.parent().unwrap_or(&folder).join(format!("with-{feature}"));
    let mut cargo = cargo();
    // Two servers of one name: what lies between is shared, the programs are not.
    cargo.env("CARGO_BUILD_BUILD_DIR", built.with_file_name("")).env("CARGO_TARGET_DIR", &built);
    cargo.envs(variables.iter().map(|(name, value)| (name, value)));
    run_build(cargo, &["--package", "midge", "--bin", "midge", "--features", feature]);
    built.join(folder.file_name().unwrap_or_default()).join("midge")
}

/// Has cargo build something with the profile of the running test, and says where it is.
fn build(what: &[&str], program: &str) -> PathBuf {
    run_build(cargo(), what);
    profile_folder().join(program)
}

fn run_build(mut cargo: Command, what: &[&str]) {
    let folder = profile_folder();
    let profile = folder.file_name().unwrap_or_default().to_string_lossy();
    // The folder of the profile `dev` has had another name for as long as there is cargo.
    let profile = if profile == "debug" { "dev" } else { &profile };
    let status = cargo.args(["build", "--quiet", "--profile", profile]).args(what).status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "cargo build {}: {status:?}", what.join(" "));
}

/// Cargo, in the workspace's folder, sharing what the running test's cargo has built.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let folder = profile_folder();
    let mut cargo = Command::new(program);
    cargo.current_dir(workspace()).env("CARGO_TARGET_DIR", folder.parent().unwrap_or(&folder));
    cargo
}

/// The folder of the workspace's `Cargo.toml`.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.ancestors().nth(2).unwrap_or(here);
    workspace.to_path_buf()
}

/// An empty folder below `target/` for what a test writes; the name must be the test's own.
///
/// # Panics
/// When it cannot be made.
pub fn scratch_folder(name: &str) -> PathBuf {
    let folder = workspace().join("target/scratch").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    match std::fs::create_dir_all(&folder) {
        Ok(()) => folder,
        Err(error) => panic!("{}: {error}", folder.display()),
    }
}

/// A file of a set-up step's folder. The step's stamp tells a complete folder from one whose set-up was interrupted.
fn made(folder: &str, file: &str, what: &str) -> Result<PathBuf, Missing> {
    let folder = workspace().join("target").join(folder);
    let file = folder.join(file);
    if folder.join(".complete").exists() && file.exists() {
        Ok(file)
    } else {
        Err(Missing::new(what, "run `cargo xtask setup`"))
    }
}

/// Where cargo puts programs: the running test lies in `deps` below it.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    match test.ancestors().nth(2) {
        Some(folder) => folder.to_path_buf(),
        None => workspace().join("target/debug"),
    }
}

const NO_SKIP: &str = "MIDGE_TESTS_NO_SKIP";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_given() {
        assert_eq!(need(Ok(7)), Some(7));
    }

    #[test]
    fn a_program_that_no_package_has_is_missing_and_says_what_to_do() {
        let missing = debian_program("mosquitto_brew").expect_err("there is no such program");
        assert_eq!(missing.to_string(), "mosquitto_brew is missing; run `cargo xtask setup`");
    }

    #[test]
    fn debians_programs_start_with_their_libraries() {
        let Some(mosquitto_pub) = need(debian_program("mosquitto_pub")) else {
            return;
        };
        let output = Command::new(mosquitto_pub).arg("--version").output();
        let said = String::from_utf8(output.expect("it starts").stdout).expect("text");
        assert!(said.contains("version 2.0"), "{said}");
    }

    #[test]
    fn each_python_has_its_paho() {
        for (major, version) in [(1, "1.6.1"), (2, "2.1.0")] {
            let Some(python) = need(paho(major)) else {
                return;
            };
            let output = Command::new(python).args(["-c", "import paho.mqtt; print(paho.mqtt.__version__)"]).output();
            let said = String::from_utf8(output.expect("it starts").stdout).expect("text");
            assert_eq!(said.trim(), version);
        }
    }

    #[test]
    fn midge_is_built_for_tests() {
        assert!(midge_program().is_file());
    }
}
