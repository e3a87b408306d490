//! The files of the workspace that rules look at.

use std::fs;
use std::path::Path;

use midge_testkit::environment::workspace;

/// A text file.
pub(crate) struct File {
    /// Below the workspace's folder, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// For negative tests: a file that is not there.
    pub(crate) fn made_up(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The place of a broken rule; lines count from 1.
    pub(crate) fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// The files with one of these endings in a folder of the workspace and below it, sorted by path.
pub(crate) fn below(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut files = Vec::new();
    collect(&workspace().join(folder), endings, &mut files);
    assert!(!files.is_empty(), "{folder}: no file ends in {endings:?}");
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// The one file at that path.
pub(crate) fn one(path: &str) -> File {
    let text = fs::read_to_string(workspace().join(path));
    let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
    File::made_up(path, &text)
}

/// The folders of the workspace's crates.
pub(crate) fn crate_folders() -> Vec<String> {
    let mut folders = vec!["xtask".to_owned()];
    let crates = fs::read_dir(workspace().join("crates")).expect("crates/ can be read");
    for entry in crates {
        let path = entry.expect("crates/ can be read").path();
        if path.join("Cargo.toml").exists() {
            folders.push(relative(&path));
        }
    }
    folders.sort();
    folders
}

fn collect(folder: &Path, endings: &[&str], files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).expect("the workspace can be read");
    for entry in entries {
        let path = entry.expect("the workspace can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                collect(&path, endings, files);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            // Editors leave files that vanish between the listing and here.
            if let Ok(text) = fs::read_to_string(&path) {
                files.push(File::made_up(&relative(&path), &text));
            }
        }
    }
}

fn relative(path: &Path) -> String {
    let below = path.strip_prefix(workspace()).unwrap_or(path);
    below.to_string_lossy().into_owned()
}
