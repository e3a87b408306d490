//! Loaded into a server with `LD_PRELOAD`: keeps a journal of all it does to the files of one folder, so that
//! `midge_testkit::powercut` can take back what was not synced.
//!
//! What must hold: the journal has a record before the thing is done, and a record of a sync only once it is finished. Calls
//! that change files and are not understood here end the process, or a cut would leave what it should have taken.
//!
//! Everything is done with system calls directly: whatever went through libc by name would come back here. Only for the
//! systems where the arguments of `open` are passed alike with and without `...`; that is Linux on x86-64 and ARM.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use libc::{mode_t, off_t, size_t, ssize_t, syscall};
use midge_testkit::powercut::{ASIDE_VARIABLE, FAILING, FOLDER_VARIABLE, JOURNAL, Record};

/// The journal, and how long it is.
struct Journal {
    descriptor: c_int,
    length: u64,
    removed_count: u64,
}

/// The inode of each open file below the folder, by descriptor; 0 is any other file.
static INODES: [AtomicU64; DESCRIPTORS_MAX] = [const { AtomicU64::new(0) }; DESCRIPTORS_MAX];

/// What the environment says: the folder to watch, and ours.
static FOLDERS: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let folder = |name| std::env::var_os(name).unwrap_or_else(|| end("a variable is missing")).into_vec();
    (folder(FOLDER_VARIABLE), folder(ASIDE_VARIABLE))
});

static STATE: LazyLock<Mutex<Journal>> = LazyLock::new(|| {
    let path = [FOLDERS.1.as_slice(), b"/", JOURNAL.as_bytes()].concat();
    let path = CString::new(path).unwrap_or_else(|_| end("a path with a zero in it"));
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: the path is a C string that lives across the call.
    let descriptor = unsafe { syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600) } as c_int;
    if descriptor < 0 {
        end("the journal cannot be opened");
    }
    let length = status(descriptor).map_or(0, |status| status.st_size as u64);
    Mutex::new(Journal { descriptor, length, removed_count: length })
});

/// Whether the test wants the disk to fail.
fn is_failing() -> bool {
    let path = [FOLDERS.1.as_slice(), b"/", FAILING.as_bytes()].concat();
    let path = CString::new(path).unwrap_or_else(|_| end("a path with a zero in it"));
    // SAFETY: the path is a C string that lives across the call.
    unsafe { syscall(libc::SYS_faccessat, libc::AT_FDCWD, path.as_ptr(), libc::F_OK) == 0 }
}

impl Journal {
    fn open() -> MutexGuard<'static, Journal> {
        STATE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&mut self, record: &Record) {
        let bytes = record.encode();
        // SAFETY: the bytes live across the call.
        let written = unsafe { syscall(libc::SYS_write, self.descriptor, bytes.as_ptr(), bytes.len()) };
        if written != bytes.len() as i64 {
            end("the journal cannot be written");
        }
        self.length += bytes.len() as u64;
    }

    /// Notes what `length` bytes from `offset` on will replace.
    fn will_write(&mut self, descriptor: c_int, inode: u64, offset: u64, length: u64) {
        let Some(status) = status(descriptor) else { end("a file has no status") };
        let length_before = status.st_size as u64;
        let mut old = vec![0; length_before.saturating_sub(offset).min(length) as usize];
        let mut done = 0;
        while done < old.len() {
            let rest = &mut old[done..];
            // SAFETY: the buffer is ours, and as long as is said.
            let read =
                unsafe { syscall(libc::SYS_pread64, descriptor, rest.as_mut_ptr(), rest.len(), offset + done as u64) };
            match usize::try_from(read) {
                Ok(read) if read > 0 => done += read,
                _ => end("what is about to be replaced cannot be read"),
            }
        }
        self.append(&Record::Wrote { inode, offset, length_before, old });
    }
}

/// Replaces libc's function of that name, and does what it does.
///
/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller passes a C string.
    let Some(watched) = (unsafe { watched(path) }) else {
        // SAFETY: passed on as they came.
        return unsafe { raw_open(path, flags, mode) };
    };
    let mut journal = Journal::open();
    let is_new = flags & libc::O_CREAT != 0 && !exists(path);
    if is_new {
        let folder = folder_around(&watched);
        journal.append(&Record::Created { folder, path: watched });
    } else if flags & libc::O_TRUNC != 0 {
        end("open with O_TRUNC is not understood");
    }
    // SAFETY: passed on as they came.
    let descriptor = unsafe { raw_open(path, flags, mode) };
    if let (Ok(index), Some(status)) = (usize::try_from(descriptor), status(descriptor)) {
        let Some(inode) = INODES.get(index) else { end("more files are open than there is room for") };
        inode.store(status.st_ino, Ordering::Release);
    }
    descriptor
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller keeps libc's contract, which is the same.
    unsafe { open64(path, flags, mode) }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    if let Some(inode) = usize::try_from(descriptor).ok().and_then(|index| INODES.get(index)) {
        inode.store(0, Ordering::Release);
    }
    // SAFETY: passed on as it came.
    unsafe { syscall(libc::SYS_close, descriptor) as c_int }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(descriptor: c_int, bytes: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    let write = || {
        // SAFETY: passed on as they came.
        unsafe { syscall(libc::SYS_pwrite64, descriptor, bytes, length, offset) as ssize_t }
    };
    let Some(inode) = inode(descriptor) else { return write() };
    let mut journal = Journal::open();
    journal.will_write(descriptor, inode, offset as u64, length as u64);
    write()
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(descriptor: c_int, bytes: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    // SAFETY: the caller keeps libc's contract, which is the same.
    unsafe { pwrite64(descriptor, bytes, length, offset) }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    let write = || {
        // SAFETY: passed on as they came.
        unsafe { syscall(libc::SYS_write, descriptor, bytes, length) as ssize_t }
    };
    let Some(inode) = inode(descriptor) else { return write() };
    let mut journal = Journal::open();
    // SAFETY: only asks where the file stands.
    let offset = unsafe { syscall(libc::SYS_lseek, descriptor, 0, libc::SEEK_CUR) };
    journal.will_write(descriptor, inode, offset as u64, length as u64);
    write()
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(descriptor: c_int, length: off_t) -> c_int {
    if let Some(inode) = inode(descriptor) {
        let length_before = status(descriptor).map_or(0, |status| status.st_size as u64);
        let mut journal = Journal::open();
        journal.will_write(descriptor, inode, length as u64, length_before.saturating_sub(length as u64));
    }
    // SAFETY: passed on as they came.
    unsafe { syscall(libc::SYS_ftruncate, descriptor, length) as c_int }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(descriptor: c_int, length: off_t) -> c_int {
    // SAFETY: the caller keeps libc's contract, which is the same.
    unsafe { ftruncate64(descriptor, length) }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    let Some(inode) = inode(descriptor) else {
        // SAFETY: passed on as it came.
        return unsafe { syscall(libc::SYS_fdatasync, descriptor) as c_int };
    };
    let until = Journal::open().length;
    // Nothing has to reach the real disk, which keeps its power. But it takes time, as a disk does: the cut is to come while
    // others wait.
    std::thread::sleep(SYNC_TIME);
    if is_failing() {
        // SAFETY: the place of the calling thread's own error number.
        unsafe { *libc::__errno_location() = libc::EIO };
        return -1;
    }
    Journal::open().append(&Record::Synced { inode, until });
    0
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    // SAFETY: the caller keeps libc's contract, which is the same.
    unsafe { fdatasync(descriptor) }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller passes C strings.
    let both = unsafe { (watched(from), watched(to)) };
    if let (Some(from), Some(to_path)) = both {
        if exists(to) {
            end("a rename onto a file is not understood");
        }
        let folder = folder_around(&from);
        Journal::open().append(&Record::Renamed { folder, from, to: to_path });
    }
    // SAFETY: passed on as they came.
    unsafe { raw_rename(from, to) }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string.
    let watched = unsafe { watched(path) };
    let Some(watched) = watched.filter(|_| exists(path)) else {
        // SAFETY: passed on as it came.
        return unsafe { syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int };
    };
    let mut journal = Journal::open();
    journal.removed_count += 1;
    let kept = format!("/removed-{}", journal.removed_count).into_bytes();
    let kept = [FOLDERS.1.as_slice(), &kept].concat();
    journal.append(&Record::Removed { folder: folder_around(&watched), path: watched, kept: kept.clone() });
    let kept = CString::new(kept).unwrap_or_else(|_| end("a path with a zero in it"));
    // SAFETY: both are C strings that live across the call.
    unsafe { raw_rename(path, kept.as_ptr()) }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the caller passes a C string.
    let watched = unsafe { watched(path) };
    if let Some(watched) = watched.filter(|_| !exists(path)) {
        Journal::open().append(&Record::Created { folder: folder_around(&watched), path: watched });
    }
    // SAFETY: passed on as they came.
    unsafe { syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, c_int::try_from(mode).unwrap_or(0o700)) as c_int }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(descriptor: c_int, parts: *const libc::iovec, count: c_int) -> ssize_t {
    if inode(descriptor).is_some() {
        end("writev is not understood");
    }
    // SAFETY: passed on as they came.
    unsafe { syscall(libc::SYS_writev, descriptor, parts, count) as ssize_t }
}

/// # Safety
/// As for libc's.
// SAFETY: the name is one of libc's on purpose, and the function has its signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate64(descriptor: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int {
    if inode(descriptor).is_some() {
        end("fallocate is not understood");
    }
    // SAFETY: passed on as they came.
    unsafe { syscall(libc::SYS_fallocate, descriptor, mode, offset, length) as c_int }
}

/// The path, where it is below the folder and not the folder of the journal.
///
/// # Safety
/// `path` is a C string.
unsafe fn watched(path: *const c_char) -> Option<Vec<u8>> {
    // SAFETY: promised by the caller.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    let below = path.strip_prefix(FOLDERS.0.as_slice())?;
    (below.is_empty() || below.starts_with(b"/")).then(|| path.to_vec())
}

/// The inode of the folder in which something has its name.
fn folder_around(path: &[u8]) -> u64 {
    let end_at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0).max(1);
    let folder = CString::new(&path[..end_at]).unwrap_or_else(|_| end("a path with a zero in it"));
    // SAFETY: all-zero bytes are a `stat64`; the path is a C string, and the buffer ours.
    let (done, status) = unsafe {
        let mut status: libc::stat64 = std::mem::zeroed();
        (libc::stat64(folder.as_ptr(), &raw mut status), status)
    };
    if done == 0 { status.st_ino } else { end("a folder has no status") }
}

fn exists(path: *const c_char) -> bool {
    // SAFETY: callers have a C string from libc's caller.
    unsafe { libc::access(path, libc::F_OK) == 0 }
}

fn inode(descriptor: c_int) -> Option<u64> {
    let inode = INODES.get(usize::try_from(descriptor).ok()?)?.load(Ordering::Acquire);
    (inode != 0).then_some(inode)
}

fn status(descriptor: c_int) -> Option<libc::stat64> {
    // SAFETY: all-zero bytes are a `stat64`, and the buffer is ours.
    let (done, status) = unsafe {
        let mut status: libc::stat64 = std::mem::zeroed();
        (libc::fstat64(descriptor, &raw mut status), status)
    };
    (done == 0).then_some(status)
}

/// # Safety
/// As for libc's `open`.
unsafe fn raw_open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) as c_int }
}

/// # Safety
/// Both are C strings.
unsafe fn raw_rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) as c_int }
}

/// Ends the process: a test with a journal that is not right would prove nothing.
fn end(why: &str) -> ! {
    let line = format!("powercut: {why}\n");
    // SAFETY: the bytes live across the call; `abort` may be called anywhere.
    unsafe {
        syscall(libc::SYS_write, libc::STDERR_FILENO, line.as_ptr(), line.len());
        libc::abort()
    }
}

const DESCRIPTORS_MAX: usize = 4096;

const SYNC_TIME: std::time::Duration = std::time::Duration::from_millis(1);
