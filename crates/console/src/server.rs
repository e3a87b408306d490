//! The thread: answers each request on the way that its path has.
//!
//! What must hold: a connection that is slow, or says nothing, costs a place and nothing else, and only for a while; what takes its
//! time (a login, an answer of shards) is waited for on other threads, of which there are few.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::accept::accept;
use crate::answer::{Answer, Refusal, secure};
use crate::connections::{Connection, Connections};
use crate::observations::Observations;
use crate::parameters::read_parameters;
use crate::routes::{self, Asker, Call, Right, Route};
use crate::source::{Login, LoginRefusal, News, Source};
use crate::{assets, guard, mosquitto, websocket};

/// A console that runs. Dropping it ends it.
pub struct Console {
    orders: mpsc::UnboundedSender<Order>,
}

/// What holds for everybody who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Users who may see and change everything.
    pub admins: Vec<String>,
    /// Users who may see everything.
    pub viewers: Vec<String>,
    /// Names by which we are called, beside addresses and `localhost`.
    pub names: Vec<String>,
    /// Topic Filters of the history.
    pub history: Vec<String>,
}

/// Where requests come in.
pub struct Entrance {
    /// By this number the source knows the listener.
    pub listener: u16,
    /// By this number it is told whether it is the same socket as before.
    pub number: usize,
    /// What is there.
    pub kind: Kind,
    /// Bound, listening and not blocking.
    pub socket: TcpListener,
    /// Encryption, where there is some.
    pub tls: Option<Arc<ServerConfig>>,
    /// Who gives no name may see, if he is on the same machine.
    pub allow_anonymous: bool,
    /// Whether a proxy at this address is believed about where requests come from.
    pub trusts: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

/// What is behind an entrance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Everything.
    Console,
    /// What Mosquitto has there.
    HttpApi,
}

/// What the thread is told.
enum Order {
    PutInForce(Rules, Vec<Entrance>, oneshot::Sender<()>),
}

impl Console {
    /// Starts the thread. Nothing is open yet. It, and those that wait for it, begin with `on_thread_start`.
    ///
    /// # Errors
    /// When the system has no thread or no event loop left.
    pub fn start(source: Arc<dyn Source>, on_thread_start: fn()) -> io::Result<Console> {
        let (orders, receiver) = mpsc::unbounded_channel();
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(WAITING_THREADS).thread_name("console-wait");
        let runtime = runtime.thread_stack_size(STACK_BYTES).on_thread_start(on_thread_start).build()?;
        thread::Builder::new().name("console".to_owned()).stack_size(STACK_BYTES).spawn(move || {
            on_thread_start();
            runtime.block_on(run(Arc::new(State::new(source)), receiver));
            // Somebody may wait for a shard that has ended.
            runtime.shutdown_background();
        })?;
        Ok(Console { orders })
    }

    /// From now on these hold. What is not among them any more is closed when this returns.
    pub fn put_in_force(&self, rules: Rules, entrances: Vec<Entrance>) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::PutInForce(rules, entrances, done)).is_ok() {
            // The thread has ended where nobody answers.
            let _ = is_done.blocking_recv();
        }
    }
}

/// What all requests share.
pub(crate) struct State {
    pub(crate) source: Arc<dyn Source>,
    observations: Mutex<Observations>,
    rules: Mutex<Arc<Rules>>,
    /// When somebody wanted to know what clients do in a second, as long as that is kept; 0: nobody did.
    rates_wanted_ms: AtomicU64,
    /// Requests that are being answered.
    answering: Arc<Semaphore>,
    connections: Arc<Connections>,
    /// Browsers that speak MQTT.
    relays: Arc<Semaphore>,
}

impl State {
    pub(crate) fn new(source: Arc<dyn Source>) -> State {
        State {
            observations: Mutex::new(Observations::new(source.now_ms())),
            source,
            rules: Mutex::default(),
            rates_wanted_ms: AtomicU64::new(0),
            answering: Arc::new(Semaphore::new(ANSWERING_MAX)),
            connections: Connections::new(CONNECTIONS_MAX),
            relays: Arc::new(Semaphore::new(RELAYS_MAX)),
        }
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_rules(&self, rules: Rules) {
        self.observations().history.keep_only(&rules.history);
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    pub(crate) fn observations(&self) -> MutexGuard<'_, Observations> {
        self.observations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what has happened since somebody looked last.
    pub(crate) fn refresh(&self) {
        let rules = self.rules();
        self.observations().refresh(&*self.source, &rules.history);
    }

    /// What clients do in a second is reckoned for as long as somebody asks again.
    pub(crate) fn rates_are_wanted(&self, now_ms: u64) {
        self.rates_wanted_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Once a second.
    fn look(&self) {
        self.refresh();
        self.observations().look(&*self.source);
        let wanted_ms = self.rates_wanted_ms.load(Ordering::Relaxed);
        if wanted_ms != 0 && self.source.now_ms().saturating_sub(wanted_ms) > RATES_KEPT_MS {
            self.source.forget_rates();
            self.rates_wanted_ms.store(0, Ordering::Relaxed);
        }
    }
}

async fn run(state: Arc<State>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut open: HashMap<usize, Open> = HashMap::new();
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looking: Option<JoinHandle<()>> = None;
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(Order::PutInForce(rules, entrances, done)) = order else { break };
                state.set_rules(rules);
                change(&state, &mut open, entrances).await;
                let _ = done.send(());
            }
            _ = seconds.tick() => {
                // One that waits for a shard is not joined by others.
                if looking.as_ref().is_none_or(JoinHandle::is_finished) {
                    let state = Arc::clone(&state);
                    looking = Some(spawn_blocking(move || state.look()));
                }
            }
        }
    }
    open.into_values().for_each(|gone| gone.accepting.abort());
    // Shards send away who came in here, and what they say to them is on its way.
    let _ = timeout(websocket::FAREWELL_TIME, state.relays.acquire_many(RELAYS_MAX as u32)).await;
}

/// A socket that is listened on.
struct Open {
    door: Arc<Mutex<Arc<Door>>>,
    accepting: JoinHandle<()>,
}

/// What an entrance is, apart from its socket.
struct Door {
    listener: u16,
    kind: Kind,
    tls: Option<TlsAcceptor>,
    allow_anonymous: bool,
    trusts: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

async fn change(state: &Arc<State>, open: &mut HashMap<usize, Open>, entrances: Vec<Entrance>) {
    let gone: Vec<usize> =
        open.keys().copied().filter(|number| entrances.iter().all(|entrance| entrance.number != *number)).collect();
    for gone in gone.into_iter().filter_map(|number| open.remove(&number)) {
        gone.accepting.abort();
        // Its socket is closed then.
        let _ = gone.accepting.await;
    }
    for Entrance { listener, number, kind, socket, tls, allow_anonymous, trusts } in entrances {
        let door = Arc::new(Door { listener, kind, tls: tls.map(TlsAcceptor::from), allow_anonymous, trusts });
        if let Some(open) = open.get(&number) {
            *open.door.lock().unwrap_or_else(PoisonError::into_inner) = door;
            continue;
        }
        // One that cannot be waited on is one that the event loop has no room for; the socket is closed again.
        let Ok(socket) = tokio::net::TcpListener::from_std(socket) else { continue };
        let door = Arc::new(Mutex::new(door));
        let accepting = tokio::spawn(welcome(Arc::clone(state), socket, Arc::clone(&door)));
        open.insert(number, Open { door, accepting });
    }
}

/// What whoever comes through this door is answered.
async fn welcome(state: Arc<State>, socket: tokio::net::TcpListener, door: Arc<Mutex<Arc<Door>>>) {
    let connections = Arc::clone(&state.connections);
    accept(socket, connections, |connection, address| {
        let door = Arc::clone(&door.lock().unwrap_or_else(PoisonError::into_inner));
        let (state, tls) = (Arc::clone(&state), door.tls.clone());
        let caller = Caller { door, connection, address };
        let answer = move |request| {
            let (state, caller) = (Arc::clone(&state), caller.clone());
            async move { answer(&state, &caller, request).await }
        };
        (tls, answer)
    })
    .await;
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Caller {
    door: Arc<Door>,
    connection: Arc<Connection>,
    address: SocketAddr,
}

async fn answer(state: &Arc<State>, caller: &Caller, request: Request<Incoming>) -> Answer {
    let from = Peer::of(&caller.door, caller.address, request.headers());
    match caller.door.kind {
        Kind::HttpApi => answer_http_api(state, caller, from, &request).await,
        Kind::Console => {
            secure(answer_console(state, caller, from, request).await.unwrap_or_else(|refusal| refusal.answer()))
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    /// From the machine itself, past no proxy.
    is_local: bool,
}

impl Peer {
    fn of(door: &Door, peer: SocketAddr, headers: &HeaderMap) -> Peer {
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let is_forwarded = forwarded.is_some() || FORWARDED.iter().any(|name| headers.contains_key(*name));
        let last = forwarded.and_then(|list| list.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let seen = last.filter(|_| (door.trusts)(peer.ip().to_canonical()));
        let address = seen.map_or(peer, |ip| SocketAddr::new(ip, 0));
        Peer { address, is_local: !is_forwarded && peer.ip().to_canonical().is_loopback() }
    }
}

/// Headers that only a proxy sends.
const FORWARDED: [&str; 4] = ["forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto"];

async fn answer_console(
    state: &Arc<State>,
    caller: &Caller,
    from: Peer,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let names = &state.rules().names;
    guard::check_host(request.uri(), request.headers(), names)?;
    let path = request.uri().path();
    if path == WEBSOCKET_PATH {
        return answer_websocket(state, caller, from, request).await;
    }
    if is_of_page(path) {
        return assets::answer(request.method(), path, request.headers());
    }
    let (route, id) = routes::find(request.method().as_str(), path)?;
    let parameters = read_parameters(route, request.uri().query(), id)?;
    if route.method == "POST" {
        guard::check_origin(request.uri(), request.headers())?;
        check_content_type(request.headers())?;
    }
    if HEALTH_PATHS.contains(&path) {
        // What these tell is only read: it is told when everything else waits.
        let call = Call { state, parameters, body: Value::Null, asker: Asker::nobody(from) };
        return (route.handler)(&call).map(|outcome| outcome.answer(route));
    }
    let asker = wait_in_place(state, caller, ask_who(state, &caller.door, from, route, request.headers())).await?;
    // What does not come keeps no place.
    let body = match &route.body {
        None => Value::Null,
        Some(schema) => {
            let body = read_body(request, asker.can_change).await?;
            schema.check(&body).map_err(|wrong| Refusal::new(StatusCode::BAD_REQUEST, "body", wrong))?;
            body
        }
    };
    let shared = Arc::clone(state);
    let work = move || {
        let call = Call { state: &shared, parameters, body, asker };
        (route.handler)(&call).map(|outcome| outcome.answer(route))
    };
    wait_in_place(state, caller, work).await
}

/// Whether what is there belongs to the page, if there is anything.
pub(crate) fn is_of_page(path: &str) -> bool {
    !path.starts_with("/api/") && !["/api", "/metrics", "/healthz", "/readyz", WEBSOCKET_PATH].contains(&path)
}

/// Has a thread that waits do the work, where there is a place among the requests that are answered.
async fn wait_in_place<T: Send + 'static>(
    state: &State,
    caller: &Caller,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let _place = state.answering.try_acquire().map_err(|_| busy())?;
    let _owed = caller.connection.answering();
    // It fails where the work panics: the process goes on, and so does everybody else.
    spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", "The server has a fault here; its log says more."))
    })
}

/// Finds out who asks, and whether he may ask that.
fn ask_who(
    state: &Arc<State>,
    door: &Arc<Door>,
    from: Peer,
    route: &'static Route,
    headers: &HeaderMap,
) -> impl FnOnce() -> Result<Asker, Refusal> + Send + 'static {
    let (state, door, login) = (Arc::clone(state), Arc::clone(door), read_login(headers));
    move || {
        let nobody = Asker::nobody(from);
        if route.right == Right::Unasked {
            return Ok(nobody);
        }
        let login = login?;
        let asker = match state.source.log_in(door.listener, from.address, login.as_ref()) {
            Ok(account) => judge(&state.rules(), &door, from, account),
            // Who gives no name may still ask who he is.
            Err(LoginRefusal::NotAuthorized) if login.is_none() => nobody,
            Err(refusal) => return Err(refused(&state, from.address, login.as_ref(), refusal)),
        };
        let may = match route.right {
            Right::Unasked | Right::Anybody => true,
            Right::See => asker.can_see,
            Right::Change => asker.can_change,
        };
        if !may && route.right == Right::Change {
            tell_refused(&state, &asker, route);
        }
        match &asker.account {
            _ if may => Ok(asker),
            Some(account) if account.username.is_some() => Err(Refusal::forbidden(FORBIDDEN)),
            _ => Err(Refusal::login("Log in with a user name and its password: the same as for MQTT.")),
        }
    }
}

/// Somebody wanted to change something who may not.
fn tell_refused(state: &State, asker: &Asker, route: &Route) {
    let username = asker.account.as_ref().and_then(|account| account.username.as_deref());
    let address = asker.address;
    let text = format!("Console: {} at {address} was refused: {}.", username.unwrap_or("somebody"), route.path);
    let (event, client_id, topic) = ("console_refused", None, None);
    state.source.tell(&News { event, username, address, client_id, topic, is_endless: true, text });
}

impl Asker {
    fn nobody(from: Peer) -> Asker {
        Asker { account: None, address: from.address, is_local: from.is_local, can_see: false, can_change: false }
    }
}

const FORBIDDEN: &str = "This user may not do that. The configuration says who may: 'console_admin USER' may change, and \
                         'console_viewer USER' may see.";

fn judge(rules: &Rules, door: &Door, from: Peer, account: crate::source::Account) -> Asker {
    let is_among = |names: &[String]| {
        let username = account.username.as_deref().filter(|_| account.is_verified);
        username.is_some_and(|username| names.iter().any(|name| name == username))
    };
    let can_change = is_among(&rules.admins);
    let can_see = can_change || is_among(&rules.viewers) || (from.is_local && door.allow_anonymous);
    Asker { account: Some(account), address: from.address, is_local: from.is_local, can_see, can_change }
}

fn refused(state: &State, address: SocketAddr, login: Option<&Login>, refusal: LoginRefusal) -> Refusal {
    let (refused, what) = match refusal {
        LoginRefusal::NotAuthorized => (Refusal::login("User name or password are wrong."), "failed to log in"),
        LoginRefusal::TooManyAttempts(seconds) => {
            let message = format!("Logins from this address have failed. The next one counts in {seconds} s.");
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message);
            (Refusal { retry_after_s: Some(seconds), ..refusal }, "has to wait after failed logins")
        }
        LoginRefusal::Unavailable => return busy(),
    };
    let username = login.map(|login| login.username.as_str());
    let text = format!("Console: {} at {address} {what}.", username.unwrap_or("somebody"));
    let (event, client_id, topic) = ("console_login_failed", None, None);
    state.source.tell(&News { event, username, address, client_id, topic, is_endless: true, text });
    refused
}

fn busy() -> Refusal {
    let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much is asked at the moment. Ask again.");
    Refusal { retry_after_s: Some(1), ..refusal }
}

/// Name and password, where somebody gives them.
fn read_login(headers: &HeaderMap) -> Result<Option<Login>, Refusal> {
    let Some(given) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let malformed = || Refusal::login("The header 'Authorization' is not 'Basic' with a user name and a password.");
    let (scheme, encoded) = given.to_str().ok().and_then(|given| given.split_once(' ')).ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = Base64::decode_vec(encoded.trim()).map_err(|_| malformed())?;
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
    let username = String::from_utf8(decoded[..colon].to_vec()).map_err(|_| malformed())?;
    Ok(Some(Login { username, password: decoded[colon + 1..].to_vec() }))
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "The body has to be JSON, and the header 'Content-Type' has to say so: application/json.";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message))
}

/// Who may change nothing has little to say.
async fn read_body(request: Request<Incoming>, can_change: bool) -> Result<Value, Refusal> {
    let bytes_max = if can_change { BODY_BYTES_MAX } else { SMALL_BODY_BYTES_MAX };
    let too_large = || {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("The body has more than {bytes_max} bytes."))
    };
    let broken = || Refusal::new(StatusCode::BAD_REQUEST, "body", "The body did not come completely.");
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|announced: usize| announced > bytes_max) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), bytes_max).collect();
    let body = timeout(BODY_TIME, body).await.map_err(|_| broken())?;
    let body = body.map_err(|error| if error.is::<LengthLimitError>() { too_large() } else { broken() })?.to_bytes();
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(&body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "body", format!("The body is no JSON: {error}.")))
}

async fn answer_websocket(
    state: &Arc<State>,
    caller: &Caller,
    from: Peer,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    if request.method() != Method::GET {
        return Err(Refusal::method("GET"));
    }
    guard::check_origin(request.uri(), request.headers())?;
    let permit = Arc::clone(&state.relays).try_acquire_owned().map_err(|_| busy())?;
    let pair = state.source.carry(caller.door.listener, from.address, caller.door.tls.is_some());
    let pair = pair.map_err(|error| websocket::no_socket(&error))?;
    websocket::upgrade(request, pair, Arc::clone(&caller.connection), permit).await
}

/// As Mosquitto does: method, then login and the right to read the topic that is the path, then the path.
async fn answer_http_api(state: &State, caller: &Caller, from: Peer, request: &Request<Incoming>) -> Answer {
    if request.method() != Method::GET {
        return mosquitto::wrong_method();
    }
    let (listener, path) = (caller.door.listener, request.uri().path().to_owned());
    let Ok(login) = read_login(request.headers()) else { return mosquitto::not_authorized() };
    let source = Arc::clone(&state.source);
    let work = move || {
        let account = source.log_in(listener, from.address, login.as_ref());
        let may = account.is_ok_and(|account| account.rights.may_receive(&path));
        Ok(if may { mosquitto::answer(&*source, &path) } else { mosquitto::not_authorized() })
    };
    wait_in_place(state, caller, work).await.unwrap_or_else(|refusal| refusal.answer())
}

/// Where browsers speak MQTT.
pub(crate) const WEBSOCKET_PATH: &str = "/mqtt";

/// What supervisors ask.
const HEALTH_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// Threads that wait for logins and shards.
const WAITING_THREADS: usize = 4;

/// Requests at a time; each waits for one of those threads.
const ANSWERING_MAX: usize = 64;

/// Connections that speak HTTP, at some ten kilobytes each.
pub(crate) const CONNECTIONS_MAX: usize = 256;

/// Browsers that speak MQTT, at two sockets and 16 KiB each.
const RELAYS_MAX: usize = 1_024;

const BODY_TIME: Duration = Duration::from_secs(30);

/// The largest packet that MQTT has by default, in base64.
const BODY_BYTES_MAX: usize = 4 << 20;

const SMALL_BODY_BYTES_MAX: usize = 64 << 10;

/// The page asks every few seconds.
const RATES_KEPT_MS: u64 = 30_000;

/// argon2 keeps its memory on the heap; nothing here recurses but JSON, to a bound of 128.
pub(crate) const STACK_BYTES: usize = 512 << 10;
