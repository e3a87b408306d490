//! The pure crates really are pure: no clock, file, socket, thread, process, environment, randomness, hash order, and no unsafe.

use crate::files::{File, below, crate_folders, one};
use crate::layers::{PURE, package_name};
use crate::source::{code, code_without_tests, paths, test_modules};
use crate::{Broken, caught, none};

#[test]
fn pure_crates_are_pure() {
    for folder in crate_folders() {
        if PURE.contains(&package_name(&one(&format!("{folder}/Cargo.toml"))).as_str()) {
            let files = below(&format!("{folder}/src"), &[".rs"]);
            none(files_of_the_program(&files).flat_map(impure));
        }
    }
}

#[test]
fn what_is_impure_is_caught() {
    let text = "use std::fs;\nuse std::{collections::{BTreeMap, HashMap}, sync::Arc};\nfn now() -> std::time::Instant {\n\
                Instant::now() }\nuse std::time::Duration;\nuse core::net::IpAddr;\nlet stream: std::net::TcpStream;\n\
                use hashbrown::HashMap;\n// std::thread::spawn in a comment\nstd::thread::spawn(run);\nrand::random();\n\
                println!(\"x\");\nuse std::time;\nlet x = std::env::var(\"HOME\");\nstd::io::stdin();\nuse std::io::Read;\n\
                #[cfg(test)]\nmod tests { use std::fs; }\n";
    let broken = impure(&File::made_up("lib.rs", text));
    caught(&broken, &[1, 2, 3, 4, 7, 10, 11, 12, 13, 14, 15]);
}

#[test]
fn test_modules_in_files_of_their_own_may_be_impure() {
    let files = [
        File::made_up("src/lib.rs", "#[cfg(test)]\nmod script;\nmod rules;"),
        File::made_up("src/rules.rs", ""),
        File::made_up("src/script.rs", ""),
        File::made_up("src/script/words.rs", ""),
    ];
    let left: Vec<_> = files_of_the_program(&files).map(|file| file.path.as_str()).collect();
    assert_eq!(left, ["src/lib.rs", "src/rules.rs"]);
}

#[test]
fn pure_crates_forbid_unsafe_code() {
    for folder in crate_folders() {
        if PURE.contains(&package_name(&one(&format!("{folder}/Cargo.toml"))).as_str()) {
            none(allows_unsafe(&one(&format!("{folder}/src/lib.rs"))));
        }
    }
}

#[test]
fn a_pure_crate_that_allows_unsafe_code_is_caught() {
    let only_said = File::made_up("lib.rs", "//! Has #![forbid(unsafe_code)].\n");
    caught(&Vec::from_iter(allows_unsafe(&only_said)), &[1]);
}

fn impure(file: &File) -> Vec<Broken> {
    let code = code_without_tests(&file.text);
    let mut broken: Vec<(usize, String)> = paths(&code)
        .into_iter()
        .filter_map(|(line, path)| Some((line, format!("`{path}` {}", fault(&path)?))))
        .collect();
    for (index, line) in code.lines().enumerate() {
        if line.contains("print!(") || line.contains("println!(") {
            broken.push((index + 1, "prints: hand the text to the caller".to_owned()));
        }
    }
    broken.sort();
    // A path that spans lines is reported where it ends.
    broken.into_iter().map(|(line, what)| file.at(line, &what)).collect()
}

/// What is wrong with naming this path in a pure crate. Values that merely come from an impure module, such as a duration or an
/// address, are fine.
fn fault(path: &str) -> Option<&'static str> {
    let segments: Vec<&str> = path.split("::").collect();
    let is_standard = matches!(segments[0], "std" | "core" | "alloc");
    let module = segments.get(1).copied().unwrap_or_default();
    let item = segments.get(2).copied().unwrap_or_default();
    let standard = match module {
        _ if !is_standard => None,
        "time" if item != "Duration" => Some("reads a clock: time is an argument"),
        "net" if !ADDRESSES.contains(&item) => Some("opens sockets: bytes are arguments"),
        "fs" => Some("opens files: take a reader"),
        "thread" => Some("starts threads or waits"),
        "process" | "os" => Some("speaks with the system"),
        "env" => Some("reads the environment: take an argument"),
        "io" if matches!(item, "stdin" | "stdout" | "stderr") => Some("speaks with the terminal"),
        "collections" if item.to_lowercase().contains("hash") || item.is_empty() => {
            Some("may be a map in random order: name a BTreeMap, or hashbrown with a given seed")
        }
        _ => None,
    };
    let anywhere = || match segments.as_slice() {
        ["rand" | "getrandom" | "fastrand", ..] => Some("is random: take a seed"),
        other if other.iter().any(|word| CLOCKS.contains(word)) => Some("reads a clock: time is an argument"),
        other if other.contains(&"RandomState") => Some("is random: hash with a given seed"),
        _ => None,
    };
    standard.or_else(anywhere)
}

fn files_of_the_program(files: &[File]) -> impl Iterator<Item = &File> {
    let for_tests: Vec<String> = files.iter().flat_map(|file| test_modules(&file.text)).collect();
    files.iter().filter(move |file| {
        let mut parts = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
        !parts.any(|part| for_tests.iter().any(|name| name == part))
    })
}

fn allows_unsafe(root: &File) -> Option<Broken> {
    let forbids = code(&root.text).contains("#![forbid(unsafe_code)]");
    (!forbids).then(|| root.at(1, "a pure crate has #![forbid(unsafe_code)] at its root"))
}

const CLOCKS: &[&str] = &["Instant", "SystemTime", "UNIX_EPOCH"];

const ADDRESSES: &[&str] =
    &["AddrParseError", "IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6"];
