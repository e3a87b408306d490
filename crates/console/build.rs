//! Embeds the page: every file of `web/dist`, as it is and compressed, in one table.
//!
//! What comes of it depends on the files alone: names in order, no times in the compressed form.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::{Compression, GzBuilder};

fn main() {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("web/dist");
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    // What is not there would be looked for with each build, and so is the folder in which it would appear.
    let watched = if dist.exists() { dist.clone() } else { dist.ancestors().nth(2).unwrap_or(&dist).to_path_buf() };
    println!("cargo::rerun-if-changed={}", watched.display());
    let mut files = Vec::new();
    gather(&dist, &dist, &mut files);
    files.sort();
    let mut table = String::from("&[\n");
    for (number, name) in files.iter().enumerate() {
        let path = dist.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let plain = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let compressed = out.join(format!("{number}.gz"));
        fs::write(&compressed, gzip(&plain)).expect("OUT_DIR can be written");
        let etag = hash(&plain);
        writeln!(
            table,
            "Asset {{ path: {name:?}, etag: \"W/\\\"{etag:016x}\\\"\", plain: include_bytes!({path:?}), gzip: include_bytes!({compressed:?}) }},"
        )
        .expect("a String takes all");
    }
    table.push_str("]\n");
    fs::write(out.join("assets.rs"), table).expect("OUT_DIR can be written");
}

fn gather(root: &Path, folder: &Path, files: &mut Vec<String>) {
    // Without a page that was built, the console has its API alone.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(root, &path, files);
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            files.push(name.to_owned());
        }
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(plain).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

/// FNV-1a: names a content for caches, and guards nothing.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
