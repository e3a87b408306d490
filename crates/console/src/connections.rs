//! Connections that speak HTTP: how many there are, how long each has kept us waiting, and who goes to make room.
//!
//! What must hold: a connection is ended for what its other end does not do, never while we owe it an answer; and whoever comes is
//! let in, however many there are that only take up room.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// All of them.
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    open: Mutex<Vec<Arc<Connection>>>,
}

/// One of them.
pub(crate) struct Connection {
    conduct: Mutex<Conduct>,
    leave: Notify,
}

/// Who waits for whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Conduct {
    /// We wait for a handshake, a request, a body, or that an answer is taken; nothing of an answer has gone out since then.
    Waiting(Instant),
    /// It waits for us.
    Answering,
    /// It speaks MQTT, and MQTT's rules are for it.
    Relayed,
}

/// A place among the connections. Dropping it gives it back.
pub(crate) struct Place {
    connections: Arc<Connections>,
    pub(crate) connection: Arc<Connection>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Arc<Connections> {
        Arc::new(Connections { places: Arc::new(Semaphore::new(max)), open: Mutex::default() })
    }

    /// A place for a connection. Where all are taken, that of the one that has kept us waiting longest.
    pub(crate) async fn take_place(self: &Arc<Connections>) -> Place {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
                break permit;
            }
            self.dismiss_one();
            // All may be owed an answer: one that has it can go then.
            if let Ok(Ok(permit)) = timeout(PAUSE, Arc::clone(&self.places).acquire_owned()).await {
                break permit;
            }
        };
        let connection =
            Arc::new(Connection { conduct: Mutex::new(Conduct::Waiting(Instant::now())), leave: Notify::new() });
        self.open().push(Arc::clone(&connection));
        Place { connections: Arc::clone(self), connection, _permit: permit }
    }

    fn dismiss_one(&self) {
        let mut open = self.open();
        let waiting = open.iter().enumerate().filter_map(|(index, connection)| match *connection.conduct() {
            Conduct::Waiting(since) => Some((since, index)),
            Conduct::Answering | Conduct::Relayed => None,
        });
        if let Some((_, index)) = waiting.min() {
            open.swap_remove(index).leave.notify_one();
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().retain(|open| !Arc::ptr_eq(open, &self.connection));
    }
}

impl Connection {
    fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.conduct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when its place is wanted for somebody else.
    pub(crate) async fn is_dismissed(&self) {
        self.leave.notified().await;
    }

    /// It is owed an answer for as long as what is given back lives.
    pub(crate) fn answering(&self) -> Answering<'_> {
        *self.conduct() = Conduct::Answering;
        Answering(self)
    }

    /// From now on it speaks MQTT.
    pub(crate) fn is_relayed(&self) {
        *self.conduct() = Conduct::Relayed;
    }

    /// Some of an answer has gone out.
    fn has_taken(&self) {
        let mut conduct = self.conduct();
        if let Conduct::Waiting(since) = &mut *conduct {
            *since = Instant::now();
        }
    }
}

/// See [`Connection::answering`].
pub(crate) struct Answering<'a>(&'a Connection);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        *self.0.conduct() = Conduct::Waiting(Instant::now());
    }
}

/// The socket of a connection. Writing fails where the other end takes nothing for [`WRITE_TIME`].
pub(crate) struct Socket {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// There while what is written waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, connection: Arc<Connection>) -> Socket {
        Socket { stream, connection, deadline: None }
    }

    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.deadline = None;
            self.connection.has_taken();
            return written;
        }
        if *self.connection.conduct() == Conduct::Relayed {
            return Poll::Pending;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(WRITE_TIME)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// For some of an answer to be taken.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// Until it is looked again who can go.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_kept_us_waiting_longest_makes_room() {
        let connections = Connections::new(4);
        let owed = connections.take_place().await;
        let _answering = owed.connection.answering();
        let relayed = connections.take_place().await;
        relayed.connection.is_relayed();
        let takes = connections.take_place().await;
        let idle = connections.take_place().await;
        // It came before the other, and has taken some of its answer since.
        takes.connection.has_taken();
        let (_new, gone) = tokio::join!(connections.take_place(), async {
            tokio::select! {
                () = owed.connection.is_dismissed() => "owed",
                () = relayed.connection.is_dismissed() => "relayed",
                () = takes.connection.is_dismissed() => "takes",
                () = idle.connection.is_dismissed() => {
                    drop(idle);
                    "idle"
                }
            }
        });
        assert_eq!(gone, "idle");
    }

    #[tokio::test]
    async fn who_is_owed_an_answer_goes_when_he_has_it() {
        let connections = Connections::new(1);
        let owed = connections.take_place().await;
        let connection = Arc::clone(&owed.connection);
        let answering = connection.answering();
        let (_new, ()) = tokio::join!(connections.take_place(), async {
            tokio::task::yield_now().await;
            drop(answering);
            connection.is_dismissed().await;
            drop(owed);
        });
        assert_eq!(connections.open().len(), 1);
    }
}
