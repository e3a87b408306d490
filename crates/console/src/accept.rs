//! Connections from when they are accepted: encryption, and HTTP with whoever is at the other end.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::answer::{Answer, text_answer};
use crate::connections::{Connection, Connections, Place, Socket};

/// Accepts for as long as the socket is there. `welcome` says how each that comes is spoken with, and what he is answered. Connections
/// end with this.
pub(crate) async fn accept<W, A, F>(socket: TcpListener, connections: Arc<Connections>, welcome: W)
where
    W: Fn(Arc<Connection>, SocketAddr) -> (Option<TlsAcceptor>, A),
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let mut served = JoinSet::new();
    loop {
        while served.try_join_next().is_some() {}
        let (stream, address) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                // No descriptors left, mostly: others have them, and give them back.
                sleep(PAUSE).await;
                continue;
            }
        };
        let place = connections.take_place().await;
        let (tls, answer) = welcome(Arc::clone(&place.connection), address);
        served.spawn(async move {
            tokio::select! {
                () = serve(&place, stream, tls, answer) => {}
                () = place.connection.is_dismissed() => {}
            }
        });
    }
}

async fn serve<A, F>(place: &Place, stream: TcpStream, tls: Option<TlsAcceptor>, answer: A)
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Answer>,
{
    let _ = stream.set_nodelay(true);
    let deadline = Instant::now() + HEAD_TIME;
    let Ok(is_plain) = timeout_at(deadline, async { tls.is_some() && begins_plainly(&stream).await }).await else {
        return;
    };
    let stream = Socket::new(stream, Arc::clone(&place.connection));
    match tls {
        None => converse(stream, answer).await,
        Some(_) if is_plain => converse(stream, |_| ready(text_answer(StatusCode::BAD_REQUEST, ONLY_TLS))).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout_at(deadline, acceptor.accept(stream)).await {
                converse(stream, answer).await;
            }
        }
    }
}

/// Whether what comes first is the name of a method of HTTP, and no handshake.
async fn begins_plainly(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase()
}

async fn converse<S, A, F>(stream: S, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Answer>,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES_MAX).half_close(true);
    // What ends a connection is known to who is at its other end.
    let _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

/// For a handshake of TLS, for the head of a request, and for a connection on which nothing is asked.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// For who comes without.
const ONLY_TLS: &str = "TLS is spoken here: ask with https://\n";

const HEAD_BYTES_MAX: usize = 16 << 10;

/// After an error that will not have gone at once.
const PAUSE: Duration = Duration::from_millis(100);
