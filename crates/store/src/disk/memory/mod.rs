//! A simulated disk, for tests of the log and of what is built on it. It has no clock and no threads: everything follows from
//! the calls and the seeds.
//!
//! What it does as a bad real one would:
//! * what was not synced is lost at a power cut, in part: each sector of 512 bytes has some of the writes to it, and some of
//!   the bits that changed may be wrong;
//! * names that were created, renamed or removed may be as before until their folder is synced, each for itself;
//! * after a sync that failed, what it should have made durable is taken for clean: another sync does not help;
//! * any operation fails when it is told to, once or from then on; a write that fails has written a part.
//!
//! What it takes for granted: a sector keeps the bytes that a write to it does not change, and what was synced stays as it is
//! (unless [`MemoryDisk::damage`] is called).

mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use node::Node;

use super::{Disk, Entry, EntryKind, Locked};

/// A handle of a simulated disk. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

/// An open file.
#[derive(Clone, Copy, Debug)]
pub struct MemoryFile {
    node: u64,
}

/// A held lock.
#[derive(Debug)]
pub struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
}

/// How long an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This one time.
    Once,
    /// From then on everything fails.
    ForGood,
}

#[derive(Clone, Debug, Default)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
    names: BTreeMap<PathBuf, Name>,
    /// As a power cut would leave them, without what is in `unsynced`.
    durable_names: BTreeMap<PathBuf, Name>,
    unsynced: Vec<Change>,
    locked: BTreeSet<PathBuf>,
    operations: u64,
    faults: Vec<(u64, Fault, ErrorKind)>,
    limit_bytes: Option<u64>,
    random: Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    File(u64),
    Folder,
    SymbolicLink,
}

/// What happened to names.
#[derive(Clone, Debug)]
enum Change {
    Set(PathBuf, Name),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl MemoryDisk {
    /// An empty disk. The seed decides what [`Disk::random`] gives.
    pub fn new(seed: u64) -> Self {
        Self::of(State { random: Random(seed), ..State::default() })
    }

    /// The disk as it may look after a power cut now; the seed chooses among the ways. This one stays as it is.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut state = self.copy();
        let mut random = Random(seed);
        // Usually a file system loses the last changes; it may also reorder them.
        let kept = random.below(state.unsynced.len() as u64 + 1);
        let is_in_order = random.below(2) == 0;
        let changes = std::mem::take(&mut state.unsynced);
        for (index, change) in (0..).zip(changes) {
            let is_kept = if is_in_order { index < kept } else { random.below(2) == 0 };
            if is_kept {
                change.apply(&mut state.durable_names);
            }
        }
        state.names.clone_from(&state.durable_names);
        let names = state.names.clone();
        state.names.retain(|path, _| has_a_folder(&names, path));
        state.durable_names.clone_from(&state.names);
        let kept: BTreeSet<u64> = state.names.values().filter_map(Name::node).collect();
        state.nodes.retain(|node, _| kept.contains(node));
        for node in state.nodes.values_mut() {
            node.crash(&mut random);
        }
        Self::of(state)
    }

    /// The disk as it looks after the process that used it was killed now: all writes are there, and may be lost by a power
    /// cut later. This one stays as it is.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self::of(self.copy())
    }

    /// How many operations there were: also the number of the next one.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets the operation with that number fail.
    pub fn fail_at(&self, operation: u64, fault: Fault, kind: ErrorKind) {
        self.state().faults.push((operation, fault, kind));
    }

    /// Nothing is to fail any more.
    pub fn mend(&self) {
        self.state().faults.clear();
    }

    /// How much fits on the disk.
    pub fn limit_bytes(&self, limit: Option<u64>) {
        self.state().limit_bytes = limit;
    }

    /// How much is on the disk.
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// The paths of all files and folders.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// What is in a file.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let node = state.names.get(path)?.node()?;
        Some(state.nodes.get(&node)?.bytes().to_vec())
    }

    /// Inverts some bits of a durable byte. Gives whether the byte is there.
    pub fn damage(&self, path: &Path, offset: u64, bits: u8) -> bool {
        let mut state = self.state();
        let Some(node) = state.names.get(path).and_then(Name::node) else {
            return false;
        };
        state.nodes.get_mut(&node).is_some_and(|node| node.damage(offset, bits))
    }

    /// Puts a durable file with these bytes at a path.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let node = state.add_node(Node::durable(bytes));
        state.names.insert(path.to_path_buf(), Name::File(node));
        state.durable_names.insert(path.to_path_buf(), Name::File(node));
    }

    /// Takes a file away, durably.
    pub fn take(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    /// Puts a symbolic link at a path.
    pub fn put_link(&self, path: &Path) {
        let mut state = self.state();
        state.names.insert(path.to_path_buf(), Name::SymbolicLink);
        state.durable_names.insert(path.to_path_buf(), Name::SymbolicLink);
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// For another boot: nobody has anything open.
    fn copy(&self) -> State {
        let state = self.state();
        State { locked: BTreeSet::new(), faults: Vec::new(), operations: 0, ..state.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation, which may be one that fails.
    fn operate(&self) -> (MutexGuard<'_, State>, io::Result<()>) {
        let mut state = self.state();
        let number = state.operations;
        state.operations += 1;
        let hit = |(at, fault, kind): &(u64, Fault, ErrorKind)| {
            let is_hit = *at == number || (*fault == Fault::ForGood && *at < number);
            is_hit.then(|| io::Error::from(*kind))
        };
        let fault = state.faults.iter().find_map(hit);
        (state, fault.map_or(Ok(()), Err))
    }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;
    type Lock = MemoryLock;

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let (mut state, fault) = self.operate();
        fault?;
        state.create(path, Name::Folder)
    }

    fn kind(&self, path: &Path) -> io::Result<EntryKind> {
        let (state, fault) = self.operate();
        fault?;
        state.names.get(path).map(Name::kind).ok_or(ErrorKind::NotFound.into())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let (state, fault) = self.operate();
        fault?;
        let names = state.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        let entry = |(path, name): (&PathBuf, &Name)| {
            Some(Entry { name: path.file_name()?.to_str()?.to_owned(), kind: name.kind() })
        };
        Ok(names.filter_map(entry).collect())
    }

    fn create(&self, path: &Path) -> io::Result<MemoryFile> {
        let (mut state, fault) = self.operate();
        fault?;
        let node = state.next_node;
        state.create(path, Name::File(node))?;
        state.add_node(Node::default());
        Ok(MemoryFile { node })
    }

    fn open(&self, path: &Path) -> io::Result<MemoryFile> {
        let (state, fault) = self.operate();
        fault?;
        let node = state.names.get(path).and_then(Name::node).ok_or(ErrorKind::NotFound)?;
        Ok(MemoryFile { node })
    }

    fn length_bytes(&self, file: &MemoryFile) -> io::Result<u64> {
        let (mut state, fault) = self.operate();
        fault?;
        Ok(state.node(file)?.bytes().len() as u64)
    }

    fn read_at(&self, file: &MemoryFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (mut state, fault) = self.operate();
        fault?;
        let bytes = state.node(file)?.bytes();
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, fault) = self.operate();
        let used_bytes = state.used_bytes();
        let limit_bytes = state.limit_bytes;
        let node = state.node(file)?;
        let length_bytes = node.bytes().len() as u64;
        let growth = (offset + bytes.len() as u64).saturating_sub(length_bytes);
        let room = limit_bytes.map_or(u64::MAX, |limit| limit.saturating_sub(used_bytes));
        let fault = if growth > room { Err(ErrorKind::StorageFull.into()) } else { fault };
        let written = if fault.is_err() { bytes.len() / 2 } else { bytes.len() };
        // A write that fails leaves a part, but none of what has no room.
        let fits = (length_bytes + room.min(growth)).saturating_sub(offset).min(written as u64) as usize;
        node.write(offset, &bytes[..fits]);
        fault
    }

    fn sync_data(&self, file: &MemoryFile) -> io::Result<()> {
        let (mut state, fault) = self.operate();
        let node = state.node(file)?;
        if fault.is_ok() {
            node.sync();
        } else {
            node.fail_to_sync();
        }
        fault
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let (mut state, fault) = self.operate();
        fault?;
        let (synced, rest) = std::mem::take(&mut state.unsynced)
            .into_iter()
            .partition(|change: &Change| change.path().parent().is_some_and(|parent| is_same(parent, folder)));
        state.unsynced = rest;
        let synced: Vec<Change> = synced;
        for change in synced {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, fault) = self.operate();
        fault?;
        if !state.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        state.change(Change::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, fault) = self.operate();
        fault?;
        if !state.names.contains_key(path) {
            return Err(ErrorKind::NotFound.into());
        }
        state.change(Change::Remove(path.to_path_buf()));
        Ok(())
    }

    fn free_bytes(&self, _folder: &Path) -> Option<u64> {
        let state = self.state();
        state.limit_bytes.map(|limit| limit.saturating_sub(state.used_bytes()))
    }

    fn lock(&self, path: &Path) -> io::Result<Locked<MemoryLock>> {
        let (mut state, fault) = self.operate();
        fault?;
        if !state.names.contains_key(path) {
            let node = state.add_node(Node::default());
            state.create(path, Name::File(node))?;
        }
        if !state.locked.insert(path.to_path_buf()) {
            return Ok(Locked::InUse(Some(PROCESS)));
        }
        Ok(Locked::Yes(MemoryLock { disk: self.clone(), path: path.to_path_buf() }))
    }

    fn random(&self) -> u64 {
        self.state().random.next()
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.path);
    }
}

impl State {
    fn node(&mut self, file: &MemoryFile) -> io::Result<&mut Node> {
        self.nodes.get_mut(&file.node).ok_or(ErrorKind::NotFound.into())
    }

    fn add_node(&mut self, node: Node) -> u64 {
        let number = self.next_node;
        self.next_node += 1;
        self.nodes.insert(number, node);
        number
    }

    fn create(&mut self, path: &Path, name: Name) -> io::Result<()> {
        if self.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !has_a_folder(&self.names, path) {
            return Err(ErrorKind::NotFound.into());
        }
        self.change(Change::Set(path.to_path_buf(), name));
        Ok(())
    }

    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.names);
        self.unsynced.push(change);
    }

    fn used_bytes(&self) -> u64 {
        let nodes = self.names.values().filter_map(Name::node);
        nodes.filter_map(|node| self.nodes.get(&node)).map(|node| node.bytes().len() as u64).sum()
    }
}

impl Name {
    fn node(&self) -> Option<u64> {
        if let Name::File(node) = self { Some(*node) } else { None }
    }

    fn kind(&self) -> EntryKind {
        match self {
            Name::File(_) => EntryKind::File,
            Name::Folder => EntryKind::Folder,
            Name::SymbolicLink => EntryKind::SymbolicLink,
        }
    }
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Change::Set(path, _) | Change::Rename(path, _) | Change::Remove(path) => path,
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, Name>) {
        match self {
            Change::Set(path, name) => {
                names.insert(path, name);
            }
            Change::Rename(from, to) => {
                if let Some(name) = names.remove(&from) {
                    names.insert(to, name);
                }
            }
            Change::Remove(path) => {
                names.remove(&path);
            }
        }
    }
}

/// Whether the folder around a path is there. The root and the working folder always are.
fn has_a_folder(names: &BTreeMap<PathBuf, Name>, path: &Path) -> bool {
    path.parent().is_none_or(|folder| is_outermost(folder) || names.contains_key(folder))
}

fn is_outermost(folder: &Path) -> bool {
    folder.parent().is_none() || folder == Path::new(".")
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || (is_outermost(one) && is_outermost(other))
}

/// Who holds every lock.
const PROCESS: u32 = 1;

/// SplitMix64: small, and good enough to choose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}
