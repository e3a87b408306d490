//! Questions to a web server, each with its answer. Blocks, for no longer than until the deadline.

use std::time::{Duration, Instant};

use midge_net::tls::{cryptography, issuers, issuers_of_system};
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

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
        let mut tls =
            TlsConfig::builder().provider(TlsProvider::Rustls).unversioned_rustls_crypto_provider(cryptography());
        if is_secure {
            let issuers = cafile.map_or_else(issuers_of_system, issuers)?;
            let issuers: Vec<_> = issuers.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            tls = tls.root_certs(RootCerts::new_with_certs(&issuers));
        }
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
        Ok(HttpClient(config.new_agent()))
    }

    /// Sends a body with these headers beside the usual ones and waits for the answer. The error is a cause in words.
    pub(crate) fn post(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
        deadline: Instant,
    ) -> Result<Response, String> {
        let left = deadline.saturating_duration_since(Instant::now()).max(TIMEOUT_MIN);
        let request = headers.iter().fold(self.0.post(&url.0), |request, (name, value)| request.header(*name, *value));
        let exchange = || {
            let mut answer = request.config().timeout_global(Some(left)).build().send(body)?;
            let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
            let headers = std::mem::take(answer.headers_mut());
            Ok(Response { status: answer.status().as_u16(), headers, body })
        };
        exchange().map_err(|error: Error| match error {
            Error::Timeout(_) => "it takes too long".to_owned(),
            Error::Io(error) => error.to_string(),
            error => error.to_string(),
        })
    }
}

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
