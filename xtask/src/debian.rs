//! Debian's mosquitto and its tools, unpacked and not installed.
//!
//! Installing the package would start a service on port 1883 and keep it. So the packages are downloaded and unpacked into
//! `target/debian/root`, and `target/debian/bin` gets a small script for each program that points the loader at the unpacked
//! libraries. The script becomes the program (`exec`), so a process started through it has the process id its parent knows.
//!
//! Libraries for clients, and Go, which some of them are for, are unpacked in the same way into `target/debian-clients`, and
//! OpenSSL, for the server that is built with it, into `target/openssl`; NATS, which speaks MQTT too, into `target/nats`; and
//! InfluxDB, into which the server writes, into `target/influxdb`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::setup::{Failure, Step, disk, run, write};

pub(crate) const MOSQUITTO: Step = Step {
    name: "Debian's mosquitto",
    folder: "debian",
    recipe: "mosquitto, mosquitto-clients, libmosquitto1; scripts in bin",
    make: make_programs,
};

pub(crate) const CLIENTS: Step = Step {
    name: "Debian's libraries for clients in C and Go",
    folder: "debian-clients",
    recipe: "libmosquitto 2, paho for C and for Go, Go 1.19",
    make: |folder| download_and_unpack(folder, &LIBRARIES).map(drop),
};

pub(crate) const OPENSSL: Step = Step {
    name: "Debian's OpenSSL, to build with",
    folder: "openssl",
    recipe: "libssl-dev in include and lib",
    make: make_openssl,
};

pub(crate) const NATS: Step = Step {
    name: "Debian's nats-server",
    folder: "nats",
    recipe: "nats-server",
    make: |folder| download_and_unpack(folder, &["nats-server"]).map(drop),
};

pub(crate) const INFLUXDB: Step = Step {
    name: "Debian's InfluxDB",
    folder: "influxdb",
    recipe: "influxdb",
    make: |folder| download_and_unpack(folder, &["influxdb"]).map(drop),
};

const PROGRAMS: [&str; 3] = ["mosquitto", "mosquitto-clients", "libmosquitto1"];

const LIBRARIES: [&str; 10] = [
    "libmosquitto-dev",
    "libmosquitto1",
    "libpaho-mqtt-dev",
    "libpaho-mqtt1.3",
    "golang-1.19-go",
    "golang-1.19-src",
    "golang-github-eclipse-paho.mqtt.golang-dev",
    "golang-github-gorilla-websocket-dev",
    "golang-golang-x-net-dev",
    "golang-golang-x-sync-dev",
];

fn make_programs(folder: &Path) -> Result<(), Failure> {
    let (packages, root) = download_and_unpack(folder, &PROGRAMS)?;
    add_missing_libraries(&packages, &root)?;
    write_scripts(folder, &root)
}

/// Puts into one folder each what Debian has in two, one of them for the kind of processor.
fn make_openssl(folder: &Path) -> Result<(), Failure> {
    let (_, root) = download_and_unpack(folder, &["libssl-dev"])?;
    let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| disk(from, &error));
    for libraries in library_folders(&root)? {
        rename(&libraries, &folder.join("lib"))?;
    }
    let include = folder.join("include");
    rename(&root.join("usr/include"), &include)?;
    for special in entries(&include)?.iter().filter(|entry| is_for_one_processor(entry)) {
        for header in entries(&special.join("openssl"))? {
            rename(&header, &include.join("openssl").join(header.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Gives the folder of the packages and the one that stands for `/`.
fn download_and_unpack(folder: &Path, names: &[&str]) -> Result<(PathBuf, PathBuf), Failure> {
    let packages = folder.join("packages");
    let root = folder.join("root");
    fs::create_dir_all(&packages).map_err(|error| disk(&packages, &error))?;
    download_or_update(&packages, names)?;
    unpack(&packages, &root)?;
    Ok((packages, root))
}

/// The package lists of a fresh machine are absent or old: fetch them only if the download fails without.
fn download_or_update(into: &Path, names: &[&str]) -> Result<(), Failure> {
    if download(into, names).is_ok() {
        return Ok(());
    }
    // One unreachable source makes `update` fail although the one we need was read; the download tells.
    let updated = update();
    download(into, names).map_err(|failure| updated.err().unwrap_or(failure))
}

/// Fetches the package lists, once for all steps: apt lets one process at a time do that, and the others would fail.
pub(crate) fn update() -> Result<(), Failure> {
    static IS_UPDATED: Mutex<bool> = Mutex::new(false);
    let mut is_updated = IS_UPDATED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_updated {
        run(Command::new("apt-get").arg("update"), APT)?;
        *is_updated = true;
    }
    Ok(())
}

fn download(into: &Path, names: &[&str]) -> Result<(), Failure> {
    let mut apt = Command::new("apt-get");
    apt.args(["-o", "APT::Sandbox::User=root", "download"]);
    run(apt.args(names).current_dir(into), APT).map(drop)
}

fn unpack(packages: &Path, root: &Path) -> Result<(), Failure> {
    for package in entries(packages)? {
        run(Command::new("dpkg-deb").arg("-x").args([&package, root]), APT)?;
    }
    Ok(())
}

/// Fetches the libraries that the loader does not find on this machine, then those that these need in turn.
fn add_missing_libraries(packages: &Path, root: &Path) -> Result<(), Failure> {
    let mut missing = missing_libraries(root)?;
    while !missing.is_empty() {
        for library in &missing {
            for name in package_names(library) {
                if download(packages, &[&name]).is_ok() {
                    break;
                }
            }
        }
        unpack(packages, root)?;
        let still_missing = missing_libraries(root)?;
        if still_missing.is_subset(&missing) && still_missing.len() == missing.len() {
            let names = missing.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Failure::new(format!("no package found for {names}"), LIBRARY));
        }
        missing = still_missing;
    }
    Ok(())
}

fn missing_libraries(root: &Path) -> Result<BTreeSet<String>, Failure> {
    let path = library_folders(root)?.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":");
    let mut missing = BTreeSet::new();
    for program in programs(root)? {
        let mut ldd = Command::new("ldd");
        let said = run(ldd.arg(&program).env("LD_LIBRARY_PATH", &path), LIBRARY)?;
        missing.extend(not_found(&said).map(String::from));
    }
    Ok(missing)
}

/// The libraries in what `ldd` said that it did not find: `libcjson.so.1 => not found`.
fn not_found(ldd: &str) -> impl Iterator<Item = &str> {
    ldd.lines().filter_map(|line| line.trim().strip_suffix(" => not found"))
}

/// Debian names a library's package after the name in the file: `libcjson.so.1` is in `libcjson1`, `liblz4.so.1` in `liblz4-1`;
/// since the change to 64-bit time some end in `t64`.
fn package_names(library: &str) -> Vec<String> {
    let Some((stem, version)) = library.split_once(".so.") else {
        return Vec::new();
    };
    let dash = if stem.ends_with(|last: char| last.is_ascii_digit()) { "-" } else { "" };
    let name = format!("{stem}{dash}{version}").to_lowercase();
    vec![format!("{name}t64"), name]
}

fn write_scripts(folder: &Path, root: &Path) -> Result<(), Failure> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|error| disk(&bin, &error))?;
    let inside = |path: &Path| {
        let path = path.strip_prefix(folder).unwrap_or(path);
        format!("$here/{}", path.display())
    };
    let libraries = library_folders(root)?.iter().map(|library| inside(library)).collect::<Vec<_>>().join(":");
    for program in programs(root)? {
        let script = bin.join(program.file_name().unwrap_or_default());
        let text = format!(
            "#!/bin/sh\nhere=${{0%/*}}/..\nLD_LIBRARY_PATH=\"{libraries}\" exec \"{}\" \"$@\"\n",
            inside(&program)
        );
        write(&script, &text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(|error| disk(&script, &error))?;
    }
    Ok(())
}

fn programs(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut programs = entries(&root.join("usr/bin"))?;
    programs.extend(entries(&root.join("usr/sbin"))?);
    Ok(programs)
}

/// `usr/lib/x86_64-linux-gnu` and its like, as far as they were unpacked.
fn library_folders(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut folders = Vec::new();
    for above in ["usr/lib", "lib"].map(|name| root.join(name)) {
        if above.exists() {
            folders.extend(entries(&above)?);
        }
    }
    folders.retain(|folder| is_for_one_processor(folder));
    Ok(folders)
}

fn is_for_one_processor(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-gnu"))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = || -> std::io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = read().map_err(|error| disk(folder, &error))?;
    paths.sort();
    Ok(paths)
}

const APT: &str = "needs Debian's apt-get and dpkg-deb; run `apt-get update` as root, then `cargo xtask setup`";
const LIBRARY: &str = "install the library's package with apt-get as root, then `cargo xtask setup`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_read_from_ldd() {
        let said =
            "\tlinux-vdso.so.1 (0x00007fb9)\n\tlibdlt.so.2 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x00007fb9)\n";
        assert_eq!(not_found(said).collect::<Vec<_>>(), ["libdlt.so.2"]);
    }

    #[test]
    fn a_library_leads_to_its_package() {
        assert!(package_names("libcjson.so.1").contains(&"libcjson1".to_owned()));
        assert!(package_names("liblz4.so.1").contains(&"liblz4-1".to_owned()));
        assert!(package_names("libssl.so.3").contains(&"libssl3t64".to_owned()));
        assert!(package_names("plugin.so").is_empty());
    }
}
