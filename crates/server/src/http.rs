//! Questions to a web server, each with its answer. Blocks, for no longer than until the deadline.

mod failure;

use std::fmt;
use std::time::{Duration, Instant};

use midge_net::tls::{cryptography, issuers, issuers_of_system, speaks_tls};
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};
use ureq::{Agent, Error};

pub(crate) use self::failure::Failure;
use self::failure::{asks_for_tls, is_hanging_up, is_not_understood};

/// Where a web service is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url(Uri);

/// What it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A header, if it is there and can be read.
    #[cfg(feature = "otlp")]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Url {
    pub(crate) fn parse(text: &str) -> Option<Url> {
        let uri: Uri = text.parse().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        // Who writes a password or a part of a page there expects something of it.
        let is_plain = uri.host().is_some_and(|host| !host.is_empty()) && !text.contains(['@', '#']);
        // A port that is no number would be passed over.
        let has_good_port =
            uri.port().is_some() == uri.authority()?.as_str().trim_start_matches(uri.host()?).contains(':');
        (is_web && is_plain && has_good_port).then_some(Url(uri))
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// The same server and port, with TLS.
    fn with_tls(&self) -> Option<Url> {
        Url::parse(&format!("https://{}:{}/", self.0.host()?, self.0.port_u16().unwrap_or(HTTP_PORT)))
    }

    /// The same with this behind its path, which may begin with a question mark.
    pub(crate) fn with(&self, behind: &str) -> Option<Url> {
        Url::parse(&format!("{}{behind}", self.0.to_string().trim_end_matches('/')))
    }

    /// For a log: what follows a question mark may be a secret.
    pub(crate) fn shown(&self) -> String {
        let (scheme, authority) = (self.0.scheme_str().unwrap_or_default(), self.0.authority());
        format!("{scheme}://{}{}", authority.map_or("", |authority| authority.as_str()), self.0.path())
    }
}

/// Whoever asks. Its connections are kept for the next question.
pub(crate) struct HttpClient(Agent);

impl HttpClient {
    /// With encryption where `is_secure`, to servers for which a certificate of what `cafile` held vouches, or one that the system
    /// trusts. The error is a cause in words.
    pub(crate) fn open(is_secure: bool, cafile: Option<&[u8]>) -> Result<HttpClient, String> {
        let issuers = if is_secure { cafile.map_or_else(issuers_of_system, issuers)? } else { Vec::new() };
        let issuers: Vec<_> = issuers.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        Ok(HttpClient::with_issuers(&issuers))
    }

    fn with_issuers(issuers: &[Certificate<'static>]) -> HttpClient {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(cryptography())
            .root_certs(RootCerts::new_with_certs(issuers));
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .user_agent("midge")
            .accept("application/json")
            // What a service sends elsewhere is no answer, nor is a service asked that the environment names.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .http_status_as_error(false)
            .build();
        HttpClient(config.new_agent())
    }

    /// Sends a body with these headers beside the usual ones and waits for the answer.
    pub(crate) fn post(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let left = left_until(deadline);
        let request = headers.iter().fold(self.0.post(&url.0), |request, (name, value)| request.header(*name, *value));
        let exchange = || {
            let mut answer = request.config().timeout_global(Some(left)).build().send(body)?;
            let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
            let headers = std::mem::take(answer.headers_mut());
            Ok(Response { status: answer.status().as_u16(), headers, body })
        };
        match exchange() {
            Ok(response) if !url.is_secure() && asks_for_tls(&response) => Err(Failure::OnlyTls),
            Ok(response) => Ok(response),
            Err(error) => Err(self.diagnose(url, &error, deadline)),
        }
    }

    /// Where somebody is there, and says nothing that makes sense, tries whether that is for TLS.
    fn diagnose(&self, url: &Url, error: &Error, deadline: Instant) -> Failure {
        let failure = Failure::of(error);
        if !is_not_understood(error) {
            return failure;
        }
        match url.is_secure() {
            true => self.connect(url, deadline).err().unwrap_or(failure),
            false if is_tls_spoken(url, deadline) => Failure::OnlyTls,
            false => failure,
        }
    }

    /// Goes as far as a request would before it is sent: connects, and agrees on encryption.
    pub(crate) fn connect(&self, url: &Url, deadline: Instant) -> Result<(), Failure> {
        self.try_to_connect(url, deadline).map_err(|error| match url.is_secure() && is_hanging_up(&error) {
            true => Failure::HangsUp,
            false => Failure::of(&error),
        })
    }

    fn try_to_connect(&self, url: &Url, deadline: Instant) -> Result<(), Error> {
        let agent = Agent::with_parts(self.0.config().clone(), OnlyConnects::default(), DefaultResolver::default());
        match agent.get(&url.0).config().timeout_global(Some(left_until(deadline))).build().call() {
            Err(Error::Other(error)) if error.is::<Connected>() => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}

/// Connects as any request of ours does, and has none sent: the library has no other way to say so.
#[derive(Debug, Default)]
struct OnlyConnects(DefaultConnector);

/// The error that says that it worked.
#[derive(Debug)]
struct Connected;

impl Connector for OnlyConnects {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained)?;
        Err(Error::Other(Box::new(Connected)))
    }
}

impl fmt::Display for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is there")
    }
}

impl std::error::Error for Connected {}

/// Whether the server behind this http:// begins a handshake, whatever its certificate is worth.
fn is_tls_spoken(url: &Url, deadline: Instant) -> bool {
    let connected = url.with_tls().map(|url| HttpClient::with_issuers(&[]).try_to_connect(&url, deadline));
    match connected {
        Some(Err(Error::Io(error))) => speaks_tls(&error) == Some(true),
        Some(connected) => connected.is_ok(),
        None => false,
    }
}

fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(TIMEOUT_MIN)
}

/// Where http:// goes that names no port.
const HTTP_PORT: u16 = 80;

/// The library takes none for for ever.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Room for ten thousand filters.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_parts() {
        let check = |text: &str, expected: Option<(bool, &str)>| {
            let found = Url::parse(text);
            let shown = found.as_ref().map(Url::shown);
            assert_eq!(found.map(|url| url.is_secure()).zip(shown.as_deref()), expected, "{text}");
        };
        check("http://a.example", Some((false, "http://a.example/")));
        check("https://a.example/mqtt/user?key=1", Some((true, "https://a.example/mqtt/user")));
        check("http://127.0.0.1:8080/u", Some((false, "http://127.0.0.1:8080/u")));
        check("http://[::1]:8080?x", Some((false, "http://[::1]:8080/")));
        let wrong = [
            "http://",
            "ftp://a",
            "a.example",
            "http://a:x/",
            "http://me:secret@a/",
            "http://a/\r\nX: y",
            "http://a/#b",
        ];
        wrong.into_iter().for_each(|text| check(text, None));
    }
}
