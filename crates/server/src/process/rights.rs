//! What keeps the account from files, and the commands that let it in.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::owned::target_of;
use super::{Account, folder_of};

impl Account {
    /// How it may come to read a file or folder, in commands for a shell; `None`: it can. To be asked as root, who sees everything.
    pub(crate) fn way_to_read(&self, path: &Path) -> Option<String> {
        let is_folder = fs::metadata(path).ok()?.is_dir();
        let rights = if is_folder { Access::READ_OK | Access::EXEC_OK } else { Access::READ_OK };
        let allowed = self.act(|| accessat(CWD, path, rights, AtFlags::EACCESS)).ok()?;
        if allowed.is_ok() {
            return None;
        }
        let (real, group) = (path.canonicalize().ok()?, self.group_name());
        let give = |path: &Path, mode: u32| format!("chgrp {group} {0} && chmod {mode:o} {0}", path.display());
        // A link is found in its own folder, and leads into another.
        let named = std::path::absolute(path).ok()?;
        let closed: BTreeSet<&Path> = self.closed_folders(&named).chain(self.closed_folders(&real)).collect();
        let mut commands: Vec<String> = closed.into_iter().map(|folder| give(folder, FOLDER_MODE)).collect();
        let needed = if is_folder { READ | ENTER } else { READ };
        if fs::metadata(&real).is_ok_and(|there| !self.may(&there, needed)) {
            commands.push(give(&real, if is_folder { FOLDER_MODE } else { FILE_MODE }));
        }
        if commands.is_empty() {
            // Something else than what is reckoned with here is in the way, and this shows it step by step.
            commands.push(format!("namei -l {}", path.display()));
        }
        Some(commands.join(" && "))
    }

    /// How it may come to write to a file, or to make it: what stands in the way first, in a sentence.
    pub(crate) fn way_to_write(&self, path: &Path) -> String {
        let target = target_of(path);
        let folder = folder_of(&target);
        let name = self.name();
        let real = match folder.canonicalize() {
            Ok(real) => real,
            Err(_) => return format!("Make the folder: install -d -o {name} {}", folder.display()),
        };
        if let Some(closed) = self.closed_folders(&real.join("file")).last().filter(|closed| *closed != real) {
            let group = self.group_name();
            return format!("{name} cannot enter {0}: chgrp {group} {0} && chmod 750 {0}", closed.display());
        }
        let what = if path.exists() { path } else { folder };
        let command = if self.owns(what) { "chmod u+rwX".to_owned() } else { format!("chown {name}") };
        format!("The server, which becomes {name}, must be able to write it: {command} {}", what.display())
    }

    /// Whether it may give itself any right to what stands there.
    pub(crate) fn owns(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|there| there.uid() == self.user)
    }

    /// Whether it could make this file, where the one that is there is renamed. To be asked as root.
    pub(crate) fn may_make_anew(&self, path: &Path) -> bool {
        let target = target_of(path);
        let rights = Access::WRITE_OK | Access::EXEC_OK;
        self.act(|| accessat(CWD, folder_of(&target), rights, AtFlags::EACCESS)).is_ok_and(|allowed| allowed.is_ok())
    }

    /// Folders around a file that it cannot enter, the outermost last.
    fn closed_folders<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Path> {
        let is_closed = |folder: &&Path| fs::metadata(folder).is_ok_and(|there| !self.may(&there, ENTER));
        path.ancestors().skip(1).filter(is_closed)
    }

    /// As the permissions say that everybody knows; lists of access rights beside them are not looked at.
    fn may(&self, there: &Metadata, needed: u32) -> bool {
        let shift = match () {
            () if self.user == 0 => return true,
            () if there.uid() == self.user => 6,
            () if self.groups().contains(&there.gid()) => 3,
            () => 0,
        };
        there.mode() >> shift & needed == needed
    }

    /// As people write it.
    fn group_name(&self) -> String {
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let number = self.group.to_string();
        let named = groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == number).then(|| name.to_owned())
        });
        named.unwrap_or(number)
    }
}

/// Rights of one of owner, group and others.
const READ: u32 = 0o4;
const ENTER: u32 = 0o1;

/// What the group may read and nobody else.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;
