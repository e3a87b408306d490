//! `midge man DIR`: writes all manual pages.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::COMMANDS;
use crate::flags::{Page, manual};

/// Writes the pages into the folder `man1` of this one, and gives their paths. Mosquitto's names stand for the same pages. `others`
/// are of further commands of the program.
pub fn write(folder: &Path, others: &[Page]) -> io::Result<Vec<PathBuf>> {
    let folder = folder.join("man1");
    fs::create_dir_all(&folder)?;
    let mut paths = Vec::new();
    let pages = COMMANDS.iter().map(|command| (command.page)());
    for page in pages.chain(others.iter().cloned()) {
        let own = (format!("midge-{}.1", page.name), manual::page(&page));
        let link = page.link.map(|link| (format!("{link}.1"), manual::link(&page)));
        for (name, text) in [own].into_iter().chain(link) {
            let path = folder.join(name);
            fs::write(&path, text)?;
            paths.push(path);
        }
    }
    Ok(paths)
}
