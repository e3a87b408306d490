//! How files look from outside, so that it is noticed when they change.
//!
//! Files are looked at, not listened to: what a system reports by itself (inotify) misses network file systems and what is mounted
//! into a container from outside, and ends with the file that is renamed away, while links, their targets and all folders between
//! would each have to be watched anew whenever one of them changes. A look costs a microsecond, is right everywhere, and a renewed
//! certificate can wait for a second.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Files and folders, each with how it looked. Links are followed, so that another target is another file.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Stamps(BTreeMap<PathBuf, Stamp>);

/// How a file looked.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stamp {
    Seen(Look),
    Unseen(io::ErrorKind),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Look {
    is_file: bool,
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Stamps {
    /// Looks at these; of a folder also at all that is in it.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Stamps {
        let mut stamps = BTreeMap::new();
        for path in paths {
            stamps.insert(path.to_path_buf(), Stamp::of(path));
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            stamps.extend(entries.map(|entry| (entry.path(), Stamp::of(&entry.path()))));
        }
        Stamps(stamps)
    }

    /// Both together.
    pub(crate) fn with(mut self, others: &Stamps) -> Stamps {
        self.0.extend(others.0.iter().map(|(path, stamp)| (path.clone(), stamp.clone())));
        self
    }

    /// Whether one was changed so shortly ago that it may be changed again and look the same.
    pub(crate) fn are_fresh(&self) -> bool {
        let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as i128);
        let is_fresh =
            |stamp: &Stamp| matches!(stamp, Stamp::Seen(look) if (now_ns - look.changed_ns).abs() < FRESH_NS);
        self.0.values().any(is_fresh)
    }

    /// The files that are empty and did not look like this before: they are about to be written.
    pub(crate) fn emptied_since(&self, before: &Stamps) -> Vec<PathBuf> {
        let is_empty = |stamp: &Stamp| matches!(stamp, Stamp::Seen(look) if look.is_file && look.size == 0);
        let emptied = self.0.iter().filter(|(path, stamp)| is_empty(stamp) && before.0.get(*path) != Some(stamp));
        emptied.map(|(path, _)| path.clone()).collect()
    }

    /// The same, but for what this process may not even look at now, when it asks for these `paths`: whether that changes it will not
    /// see.
    pub(crate) fn without_forbidden(mut self, paths: &[PathBuf]) -> Stamps {
        let is_closed = |folder: &Path| fs::read_dir(folder).is_err_and(|error| is_forbidden(error.kind()));
        self.0.retain(|path, _| paths.contains(path) || !path.parent().is_some_and(is_closed));
        for (path, stamp) in &mut self.0 {
            let now = Stamp::of(path);
            if matches!(now, Stamp::Unseen(kind) if is_forbidden(kind)) {
                *stamp = now;
            }
        }
        self
    }

    /// The files that this process cannot open.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &Path> {
        self.0
            .keys()
            .map(PathBuf::as_path)
            .filter(|path| midge_net::check_readable(path).is_err_and(|error| is_forbidden(error.kind())))
    }
}

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return Stamp::Unseen(error.kind()),
        };
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Stamp::Seen(Look {
            is_file: metadata.is_file(),
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

fn is_forbidden(kind: io::ErrorKind) -> bool {
    kind == io::ErrorKind::PermissionDenied
}

/// Longer than the coarsest clock by which systems date changes.
const FRESH_NS: i128 = 50_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;
    use std::time::Duration;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("midge-stamps-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            Folder(folder)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).expect("written");
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn settled(path: &Path) -> Stamps {
        thread::sleep(Duration::from_nanos(FRESH_NS as u64 * 2));
        Stamps::of([path])
    }

    /// Whether a change of what stands at `path` is seen.
    #[track_caller]
    fn check(path: &Path, change: impl FnOnce()) {
        let before = settled(path);
        assert_eq!(before, Stamps::of([path]), "nothing has changed");
        change();
        assert_ne!(before, Stamps::of([path]));
    }

    #[test]
    fn what_was_changed_just_now_may_change_again_unseen() {
        let folder = Folder::new("fresh");
        let path = folder.write("a", "one");
        assert!(Stamps::of([path.as_path()]).are_fresh());
        assert!(!settled(&path).are_fresh());
    }

    #[test]
    fn a_file_that_was_emptied_is_told_from_one_that_is_empty() {
        let folder = Folder::new("empty");
        let (written, empty) = (folder.write("a", "one"), folder.write("b", ""));
        let look = || Stamps::of([written.as_path(), empty.as_path(), folder.0.as_path()]);
        let before = look();
        assert!(look().emptied_since(&before).is_empty());
        folder.write("a", "");
        assert_eq!(look().emptied_since(&before), std::slice::from_ref(&written));
        folder.write("a", "two");
        assert!(look().emptied_since(&before).is_empty());
    }

    #[test]
    fn whatever_changes_a_file_is_seen() {
        let folder = Folder::new("file");
        let path = folder.write("a", "one");
        check(&path, || drop(folder.write("a", "two")));
        check(&path, || fs::rename(folder.write("new", "two"), &path).expect("renamed"));
        check(&path, || fs::remove_file(&path).expect("removed"));
        check(&path, || drop(folder.write("a", "two")));
    }

    #[test]
    fn a_link_to_another_target_is_another_file() {
        let folder = Folder::new("link");
        let link = folder.0.join("live.pem");
        folder.write("archive1.pem", "one");
        folder.write("archive2.pem", "two");
        std::os::unix::fs::symlink("archive1.pem", &link).expect("linked");
        check(&link, || {
            fs::remove_file(&link).expect("removed");
            std::os::unix::fs::symlink("archive2.pem", &link).expect("linked");
        });
        check(&link, || drop(folder.write("archive2.pem", "six")));
    }

    #[test]
    fn a_folder_is_all_that_is_in_it() {
        let folder = Folder::new("folder");
        folder.write("a", "one");
        check(&folder.0, || drop(folder.write("a", "two")));
        check(&folder.0, || drop(folder.write("b", "")));
    }

    #[test]
    fn what_is_in_a_folder_that_may_not_be_listed_any_more_is_not_missed() {
        let folder = Folder::new("closed");
        let named = folder.write("a", "one");
        folder.write("b", "");
        let paths = [folder.0.clone(), named];
        let look = || Stamps::of(paths.iter().map(PathBuf::as_path));
        let taken = look();
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o311)).expect("a mode");
        let taken = taken.with(&Stamps::of([folder.0.as_path()]));
        let is_seen = || {
            // Root may list all folders; this is for one thread.
            if rustix::process::geteuid().is_root() {
                rustix::thread::set_thread_uid(rustix::fs::Uid::from_raw(65534)).expect("another user");
            }
            taken.without_forbidden(&paths) == look()
        };
        assert!(thread::scope(|scope| scope.spawn(is_seen).join().expect("looked")));
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).expect("a mode");
    }
}
