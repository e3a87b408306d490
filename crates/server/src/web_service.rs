//! A web service that is written to: what it takes to come to it, and what people can do where nobody can.
//!
//! What is wrong with address, certificates or the way there is found out with each try, as it may be put right meanwhile.

use std::io::{self, Write};
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;

use midge_net::words;

use crate::http::{Failure, HttpClient, Response, Url};

/// See the module.
pub(crate) struct WebService {
    url: String,
    path: String,
    cafile: Option<String>,
    remedies: Remedies,
    open: Option<(Url, HttpClient)>,
    /// What was compressed last.
    compressed: Vec<u8>,
}

/// What people can do about it.
#[derive(Clone, Copy)]
pub(crate) struct Remedies {
    /// Nobody answers there.
    pub(crate) away: &'static str,
    /// Whoever answers is not trusted.
    pub(crate) certificate: &'static str,
    /// Somebody is there, and is asked in the wrong way.
    pub(crate) address: &'static str,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Unreachable {
    pub(crate) reason: String,
    pub(crate) remedy: &'static str,
}

impl WebService {
    /// The one at `url`, behind which `path` is put.
    pub(crate) fn new(url: String, path: String, cafile: Option<String>, remedies: Remedies) -> WebService {
        WebService { url, path, cafile, remedies, open: None, compressed: Vec::new() }
    }

    /// The same one, without a connection yet.
    pub(crate) fn again(&self) -> WebService {
        WebService::new(self.url.clone(), self.path.clone(), self.cafile.clone(), self.remedies)
    }

    /// Goes as far as a request would before it is sent.
    pub(crate) fn connect(&mut self, deadline: Instant) -> Result<(), Unreachable> {
        self.with_client(|client, url| client.connect(url, deadline))
    }

    /// What it answers, or why it does not.
    pub(crate) fn post(
        &mut self,
        headers: &[(&str, &str)],
        body: &[u8],
        deadline: Instant,
    ) -> Result<Response, Unreachable> {
        self.with_client(|client, url| client.post(url, headers, body, deadline))
    }

    fn with_client<T>(&mut self, ask: impl FnOnce(&HttpClient, &Url) -> Result<T, Failure>) -> Result<T, Unreachable> {
        let (url, client) = match &mut self.open {
            Some(open) => open,
            None => {
                let open = open(&self.url, &self.path, self.cafile.as_deref());
                self.open.insert(open.map_err(|reason| unreachable(&Failure::Other(reason), self.remedies))?)
            }
        };
        ask(client, url).map_err(|failure| {
            self.open = None;
            unreachable(&failure, self.remedies)
        })
    }

    /// The same, compressed where that is worth it.
    pub(crate) fn post_compressed<'a>(
        &mut self,
        mut headers: Vec<(&'a str, &'a str)>,
        body: &[u8],
        deadline: Instant,
    ) -> Result<Response, Unreachable> {
        if body.len() < COMPRESSED_BYTES_MIN {
            return self.post(&headers, body, deadline);
        }
        let mut buffer = std::mem::take(&mut self.compressed);
        buffer.clear();
        let mut encoder = GzEncoder::new(buffer, Compression::fast());
        // Writing to memory does not fail.
        let Ok(compressed) = encoder.write_all(body).and_then(|()| encoder.finish()) else {
            return self.post(&headers, body, deadline);
        };
        headers.push(("content-encoding", "gzip"));
        let answer = self.post(&headers, &compressed, deadline);
        self.compressed = compressed;
        answer
    }
}

fn unreachable(failure: &Failure, remedies: Remedies) -> Unreachable {
    let reason = failure.to_string();
    let remedy = match failure {
        Failure::NoTls | Failure::HangsUp | Failure::OnlyTls => remedies.address,
        Failure::Other(cause) if cause.contains("ertificate") => remedies.certificate,
        Failure::Other(_) => remedies.away,
    };
    Unreachable { reason, remedy }
}

fn open(url: &str, path: &str, cafile: Option<&str>) -> Result<(Url, HttpClient), String> {
    let not_one = || format!("'{url}' is no address of a web service");
    let base = Url::parse(url).ok_or_else(not_one)?;
    let whole = if path.is_empty() { base } else { base.with(path).ok_or_else(not_one)? };
    let cafile = cafile.filter(|_| whole.is_secure());
    let unreadable =
        |path: &str, error: &io::Error| format!("the certificates of {path} cannot be read: {}", words(error));
    let pem = cafile.map(|path| std::fs::read(path).map_err(|error| unreadable(path, &error))).transpose()?;
    let unusable = |why: String| match cafile {
        Some(path) => format!("the certificates of {path} vouch for nobody: {why}"),
        None => format!("there are no certificates that the system trusts: {why}"),
    };
    let client = HttpClient::open(whole.is_secure(), pem.as_deref()).map_err(unusable)?;
    Ok((whole, client))
}

/// Whether what is on this machine suffices to come to a web service: whom to trust. The error is a cause in words.
pub(crate) fn check(url: &str, cafile: Option<&str>) -> Result<(), String> {
    open(url, "", cafile).map(drop)
}

/// Less is one packet anyway.
const COMPRESSED_BYTES_MIN: usize = 1024;
