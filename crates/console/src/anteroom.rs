//! What stands in for the console while the server reads what it has kept, which takes a while where that is much: supervisors learn
//! that it lives and is not ready, and browsers get the page, which asks again until there is a server to be seen.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use hyper::header::HeaderMap;
use hyper::{Method, StatusCode, Uri};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::accept::accept;
use crate::answer::{Answer, Refusal, secure, text_answer};
use crate::connections::Connections;
use crate::server::{CONNECTIONS_MAX, Entrance, Kind, STACK_BYTES, is_of_page};
use crate::{assets, guard};

/// See the module. Dropping it ends it; whoever comes from then on waits for the console.
pub struct Anteroom {
    /// Dropped first, which the thread notices.
    leave: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Anteroom {
    /// Whoever comes to these entrances is told that the server starts. `names` are those by which we are called, beside addresses and
    /// `localhost`. The thread begins with `on_thread_start`.
    ///
    /// # Errors
    /// When the system has no thread or no event loop left.
    pub fn open(entrances: Vec<Entrance>, names: Vec<String>, on_thread_start: fn()) -> io::Result<Anteroom> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (leave, is_left) = oneshot::channel();
        let thread = thread::Builder::new().name("console-start".to_owned()).stack_size(STACK_BYTES);
        let thread = thread.spawn(move || {
            on_thread_start();
            runtime.block_on(async {
                let _open = welcome(entrances, &Arc::new(names));
                let _ = is_left.await;
            });
        })?;
        Ok(Anteroom { leave: Some(leave), thread: Some(thread) })
    }
}

impl Drop for Anteroom {
    fn drop(&mut self) {
        drop(self.leave.take());
        // It fails where the thread has panicked, and is gone as well.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn welcome(entrances: Vec<Entrance>, names: &Arc<Vec<String>>) -> JoinSet<()> {
    let (mut open, connections) = (JoinSet::new(), Connections::new(CONNECTIONS_MAX));
    for Entrance { socket, tls, kind, .. } in entrances {
        let Ok(socket) = tokio::net::TcpListener::from_std(socket) else { continue };
        let (tls, names) = (tls.map(TlsAcceptor::from), Arc::clone(names));
        open.spawn(accept(socket, Arc::clone(&connections), move |_, _| {
            let names = Arc::clone(&names);
            let answer = move |request: hyper::Request<_>| {
                let answer = match kind {
                    Kind::Console => secure(
                        answer(request.method(), request.uri(), request.headers(), &names)
                            .unwrap_or_else(|refusal| refusal.answer()),
                    ),
                    Kind::HttpApi => not_yet().answer(),
                };
                std::future::ready(answer)
            };
            (tls.clone(), answer)
        }));
    }
    open
}

fn answer(method: &Method, uri: &Uri, headers: &HeaderMap, names: &[String]) -> Result<Answer, Refusal> {
    guard::check_host(uri, headers, names)?;
    match uri.path() {
        "/healthz" | "/readyz" if !matches!(*method, Method::GET | Method::HEAD) => Err(Refusal::method("GET, HEAD")),
        "/healthz" => Ok(text_answer(StatusCode::OK, "ok\n")),
        "/readyz" => Ok(text_answer(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {STARTS}\n"))),
        path if is_of_page(path) => assets::answer(method, path, headers),
        _ => Err(not_yet()),
    }
}

fn not_yet() -> Refusal {
    let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "starting", format!("Not yet: {STARTS}."));
    Refusal { retry_after_s: Some(1), ..refusal }
}

const STARTS: &str = "the server starts, and reads what it has kept";

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

    use super::*;

    fn ask(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("it is open");
        write!(stream, "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }

    /// The socket that stays, and the anteroom that has another handle of it.
    fn open(kind: Kind) -> (TcpListener, Anteroom) {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_nonblocking(true).expect("the system can");
        let own = socket.try_clone().expect("a descriptor");
        let trusts: Arc<dyn Fn(std::net::IpAddr) -> bool + Send + Sync> = Arc::new(|_| false);
        let entrance = Entrance { listener: 0, number: 0, kind, socket: own, tls: None, allow_anonymous: true, trusts };
        (socket, Anteroom::open(vec![entrance], Vec::new(), || ()).expect("a thread"))
    }

    #[test]
    fn mosquittos_api_is_not_there_yet() {
        let (socket, _anteroom) = open(Kind::HttpApi);
        for path in ["/", "/healthz", "http://a.example/api/v1/version"] {
            let answer = ask(socket.local_addr().expect("an address"), &format!("GET {path}"));
            assert!(answer.starts_with("HTTP/1.1 503"), "{path}: {answer}");
        }
    }

    /// Who comes when it has been left is not sent away: the console has the same socket.
    #[test]
    fn who_asks_while_the_server_starts_is_told() {
        let (socket, anteroom) = open(Kind::Console);
        let address = socket.local_addr().expect("an address");
        let check = |head: &str, status: &str, body: &str| {
            let answer = ask(address, head);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
            assert!(answer.contains(body), "{head}: {answer}");
        };
        check("GET /healthz", "200", "ok\n");
        check("GET /readyz", "503", "not ready: the server starts");
        check("POST /readyz", "405", "allow: GET, HEAD");
        check("GET /", "200", "content-security-policy");
        check("GET /none", "404", "not_found");
        for path in ["/api/midge/v1/session", "/api/none", "/metrics", "/mqtt"] {
            check(&format!("GET {path}"), "503", "retry-after: 1");
        }
        check("GET http://a.example/healthz", "421", "");
        let mut known = TcpStream::connect(address).expect("it is open");
        write!(known, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is taken");
        known.read_exact(&mut [0]).expect("an answer");
        drop(anteroom);
        known.read_to_end(&mut Vec::new()).expect("nobody keeps it open");
        TcpStream::connect(address).expect("who comes now waits for the console");
    }
}
