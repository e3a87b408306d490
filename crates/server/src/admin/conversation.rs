//! One connection to the admin socket: what is asked, line by line, and the answers.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::AdminParts;
use super::request::{Lines, Request};
use crate::inquiry::{ClientCursor, Ranking, SortKey};
use crate::json::{Object, quoted};
use crate::log::LogType;

/// See the module.
pub(super) struct Conversation {
    pub(super) stream: UnixStream,
    pub(super) parts: Arc<AdminParts>,
    lines: Lines,
    ranking: Ranking,
}

/// How it goes on after an answer.
pub(super) enum After {
    GoOn,
    Close,
}

impl Conversation {
    pub(super) fn new(stream: UnixStream, parts: Arc<AdminParts>) -> Conversation {
        Conversation { stream, parts, lines: Lines::default(), ranking: Ranking::default() }
    }

    /// Answers until the other side, or an error, ends it.
    pub(super) fn run(&mut self) {
        // Who begins has something to ask; who goes on may look at what he got.
        let mut patience = PATIENCE;
        loop {
            let line = match self.lines.next(&mut self.stream, patience) {
                Ok(Some(line)) => line,
                Ok(None) => return,
                Err(message) => return drop(self.say(&error(&message))),
            };
            match Request::parse(&line).and_then(|request| self.obey(&request)) {
                Ok(After::GoOn) => patience = PATIENCE_BETWEEN,
                Ok(After::Close) => return,
                Err(message) => return drop(self.say(&error(&message))),
            }
        }
    }

    /// Writes a line, which must be taken in time.
    ///
    /// # Errors
    /// With what nobody is told: the other side has gone.
    pub(super) fn say(&mut self, line: &str) -> Result<(), String> {
        self.say_within(line, PATIENCE)
    }

    /// The same, for lines of which people may stop the flow for a while.
    pub(super) fn say_within(&mut self, line: &str, patience: Duration) -> Result<(), String> {
        let written = self.stream.set_write_timeout(Some(patience));
        written.and_then(|()| self.stream.write_all(line.as_bytes())).map_err(|error| error.to_string())
    }

    /// Does what is asked. The error is the message for the user.
    fn obey(&mut self, request: &Request) -> Result<After, String> {
        match request.text("command") {
            Some("overview") => self.overview(),
            Some("clients") => self.clients(request),
            Some("ranking") => self.rank(request),
            Some("trace") => self.trace(request),
            Some("backup") => {
                let directory = request.text("directory").ok_or("a backup needs a \"directory\"")?;
                self.back_up(Path::new(directory))
            }
            Some(other) => Err(format!("this server does not know the command {}", quoted(other))),
            None => Err("a command is missing".to_owned()),
        }
    }

    fn overview(&mut self) -> Result<After, String> {
        let mut answer = answer();
        answer.number("version", 1_u32);
        self.parts.source.look().tell(&mut answer);
        self.say(&line(answer)).map(|()| After::GoOn)
    }

    fn clients(&mut self, request: &Request) -> Result<After, String> {
        let from = request.text("from").map_or(Ok(ClientCursor::START), str::parse);
        let wrong = || "\"from\" is the \"next\" of the page before".to_owned();
        let page = from.ok().and_then(|from| self.parts.source.peers.page_of_clients(from));
        let (clients, next) = page.ok_or_else(wrong)?;
        let now_ms = self.parts.source.clock.monotonic_ms();
        let mut answer = answer();
        answer.list("clients", clients.iter().map(|client| client.json(now_ms)));
        match next {
            Some(next) => answer.text("next", &next.to_string()),
            None => answer.maybe("next", None::<u64>),
        };
        self.say(&line(answer)).map(|()| After::GoOn)
    }

    fn rank(&mut self, request: &Request) -> Result<After, String> {
        let by = SortKey::named(request.text("by").unwrap_or("traffic")).ok_or_else(|| {
            let names: Vec<&str> = SortKey::ALL.iter().map(|(name, _)| *name).collect();
            format!("\"by\" is one of {}", names.join(", "))
        })?;
        let limit = request.number("limit", RANKED_MAX)?.unwrap_or(RANKED);
        let (source, now_ms) = (&self.parts.source, self.parts.source.clock.monotonic_ms());
        let ranked = self.ranking.look(&source.peers, by, limit as usize, now_ms);
        let mut answer = answer();
        answer.number("now_ms", now_ms).number("sessions", ranked.sessions);
        let clients = ranked.clients.iter().map(|(client, rates)| {
            let mut object = client.json(now_ms);
            rates.tell(&mut object);
            object
        });
        answer.list("clients", clients);
        answer.list("slowest", ranked.slowest.iter().map(|client| client.json(now_ms)));
        self.say(&line(answer)).map(|()| After::GoOn)
    }

    fn back_up(&mut self, folder: &Path) -> Result<After, String> {
        // Relative to what, only the one who asks would know.
        if !folder.is_absolute() {
            return Err(format!("{} is not an absolute path", folder.display()));
        }
        let parts = Arc::clone(&self.parts);
        let reader = parts.reader.as_ref().ok_or("this server keeps nothing on disk (persistence is off)")?;
        let (begun, shown) = (Instant::now(), folder.display());
        match reader.lock().unwrap_or_else(PoisonError::into_inner).copy_to(folder) {
            Ok(copied) => {
                let (bytes, took_ms) = (copied.bytes, begun.elapsed().as_millis());
                parts.tell(LogType::Notice, format_args!("Backup of {bytes} bytes to {shown} in {took_ms} ms."));
                let mut answer = answer();
                answer.number("bytes", bytes);
                self.say(&line(answer)).map(|()| After::Close)
            }
            Err(error) => {
                parts.tell(LogType::Error, format_args!("Error: no backup to {shown}: {error}."));
                Err(error.to_string())
            }
        }
    }
}

/// The beginning of an answer to what could be done.
pub(super) fn answer() -> Object {
    let mut object = Object::new();
    object.flag("ok", true);
    object
}

/// The answer to what cannot be done, as a line.
pub(super) fn error(message: &str) -> String {
    let mut object = Object::new();
    object.flag("ok", false).text("error", message);
    line(object)
}

pub(super) fn line(object: Object) -> String {
    let mut line = object.finish();
    line.push('\n');
    line
}

/// How long the first command may take to come, and an answer to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the next one may.
const PATIENCE_BETWEEN: Duration = Duration::from_secs(300);

/// Clients in a ranking, where nothing is said, and at most.
const RANKED: u64 = 50;
const RANKED_MAX: u64 = 1_000;
