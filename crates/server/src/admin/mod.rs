//! A socket through which a running server is asked for what only it knows or can do: `admin.sock` beside its log, or where
//! `admin_socket` says.
//!
//! Who asks sends lines, each an object of JSON whose members are strings, numbers or `true` and `false`, and gets lines:
//!
//! | command | members | answer |
//! |---|---|---|
//! | `overview` | | the server as a whole (`inquiry::OverviewSource`) |
//! | `clients` | `from`, the `next` of the page before | `clients`, some of them, and `next`; at the end that is `null` |
//! | `ranking` | `by` ([`SortKey`](crate::inquiry::SortKey)), `limit` | `clients`, the first ones, with rates since the ranking that was asked for before on this connection; `slowest`, those that read least; `sessions`, how many there are; `now_ms` |
//! | `trace` | `client_id`, `topic`, `address` (one at least), `payload_bytes`, `count`, `seconds` | then a line for each packet, `{"left_out":N}` where some are missing, and `{"end":"count"…}`, also `"time"`, `"wish"` (who asked has sent something) or `"server"` |
//! | `backup` | `directory`, an absolute path | `bytes` |
//!
//! An answer begins with `"ok":true`, or is `{"ok":false,"error":"…"}`, and after an error, a trace or a backup the server closes.
//! A member `version` is refused unless it is 1, which is that of this table. More members and more commands may come with the
//! same version.
//!
//! What must hold: only the user that runs the server gets in, and root (the socket is closed to others, and the system is asked who
//! comes); connections, lines and what waits for whoever reads slowly are bounded; no bytes make it panic; no shard and no writer
//! waits for it.

mod conversation;
mod request;
mod tracing;

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use midge_net::words;
use midge_store::{Reader, SystemDisk};

use self::conversation::Conversation;
use crate::inquiry::OverviewSource;
use crate::log::{Log, LogBuffer, LogType};

/// The socket of a running server. Its threads end with the process.
pub(crate) struct Admin {
    path: PathBuf,
}

/// What is asked.
pub(crate) struct AdminParts {
    /// Of the log, where there is one. One backup after the other.
    pub(crate) reader: Option<Mutex<Reader<SystemDisk>>>,
    pub(crate) source: OverviewSource,
    pub(crate) log: Arc<Log>,
}

impl Admin {
    /// Listens on this path. A server without the socket does all else; why there is none is told.
    pub(crate) fn start(path: PathBuf, parts: AdminParts) -> io::Result<Option<Admin>> {
        let listener = match listen(&path) {
            Ok(listener) => listener,
            Err(error) => {
                // What the system says of a path that is too long.
                let is_long = error.kind() == io::ErrorKind::InvalidInput;
                let advice = if is_long { " Name a shorter path with admin_socket." } else { "" };
                let what = "there are no backups, and neither midge top nor midge trace";
                let (path, error) = (path.display(), words(&error));
                let text = format_args!("Warning: cannot listen on {path}, so that {what}: {error}.{advice}");
                parts.tell(LogType::Warning, text);
                return Ok(None);
            }
        };
        let parts = Arc::new(parts);
        thread::Builder::new().name("admin".to_owned()).spawn(move || serve(&listener, &parts))?;
        Ok(Some(Admin { path }))
    }

    /// Nobody is let in any more.
    pub(crate) fn stop(self) {
        // Where it stays, the next start replaces it.
        let _ = fs::remove_file(self.path);
    }
}

impl AdminParts {
    fn tell(&self, kind: LogType, text: fmt::Arguments<'_>) {
        let wall_s = self.source.clock.now().wall_s;
        let mut log = LogBuffer::new(Arc::clone(&self.log));
        log.line(wall_s, kind, text);
        log.flush(wall_s);
    }
}

/// The socket of a server that has its log in this folder, where nothing else is said.
pub fn socket_beside(log: &Path) -> PathBuf {
    log.join("admin.sock")
}

/// A socket that is there and that nobody listens on is one of a server that has ended.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let taken = |what: &str| Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => return taken("something else than a socket stands there"),
        Ok(_) if UnixStream::connect(path).is_ok() => return taken("another server listens there"),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve(listener: &UnixListener, parts: &Arc<AdminParts>) {
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        match listener.accept() {
            Ok((stream, _)) => admit(stream, parts, &count),
            // No descriptors left, mostly: clients have them, and give them back.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Has a thread of its own talk to whoever came.
fn admit(mut stream: UnixStream, parts: &Arc<AdminParts>, count: &Arc<AtomicUsize>) {
    let place = Place::take(count);
    let refusal = match (is_trusted(&stream), &place) {
        (false, _) => Some("only the user that runs the server, and root, may ask it"),
        (true, None) => Some("enough are connected to this socket; wait until one has gone"),
        (true, Some(_)) => None,
    };
    if let Some(refusal) = refusal {
        // Whoever has gone meanwhile wants no answer; and nobody waits for one who does not read these few bytes.
        let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(conversation::error(refusal).as_bytes()));
        return;
    }
    let parts = Arc::clone(parts);
    // Without a thread, the connection is closed.
    let _ = thread::Builder::new().name("admin-client".to_owned()).spawn(move || {
        Conversation::new(stream, parts).run();
        drop(place);
    });
}

/// Whether the system says that it is our user, or root.
#[cfg(target_os = "linux")]
fn is_trusted(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid())
}

/// The rights of the socket decide.
#[cfg(not(target_os = "linux"))]
fn is_trusted(_: &UnixStream) -> bool {
    true
}

/// One of the connections that there may be. Dropping it makes room.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>) -> Option<Place> {
        let place = Place(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// People who look at the same time, with scripts.
const CONNECTIONS_MAX: usize = 16;

/// After an error that will not have gone at once.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let count = Arc::default();
        let all: Vec<_> = (0..CONNECTIONS_MAX).map(|_| Place::take(&count).expect("a place")).collect();
        assert!(Place::take(&count).is_none());
        drop(all);
        assert!(Place::take(&count).is_some());
    }
}
