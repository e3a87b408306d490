//! URLs on the command line: where the server is (`-L`), and the proxy on the way to it (`--proxy`).

/// What `-L` says: `mqtt(s)://[user[:password]@]host[:port]/topic`, or `ws(s)://` for WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    /// Whether it is WebSocket.
    pub(crate) is_websocket: bool,
    /// Whether it is encrypted, trusting whom the system trusts.
    pub(crate) is_encrypted: bool,
    /// Up to the first `:` before the `@`.
    pub(crate) username: Option<String>,
    /// Behind it.
    pub(crate) password: Option<String>,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    /// That of the scheme, where none is named.
    pub(crate) port: u16,
    /// All behind the first `/`.
    pub(crate) topic: String,
}

/// What `--proxy` says: `socks5h://[user[:password]@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyUrl {
    /// Its `%25`, `%3a` and `%40` stand for characters.
    pub(crate) username: Option<String>,
    /// The same.
    pub(crate) password: Option<String>,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    /// 1080, where none is named.
    pub(crate) port: u16,
}

impl ServerUrl {
    /// Reads one, with a topic where that is wanted.
    ///
    /// # Errors
    /// With the message for the user, as Mosquitto words it.
    pub(crate) fn parse(url: &str, wants_topic: bool) -> Result<ServerUrl, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (is_websocket, is_encrypted) = match scheme.to_ascii_lowercase().as_str() {
            "mqtt" => (false, false),
            "mqtts" => (false, true),
            "ws" => (true, false),
            "wss" => (true, true),
            _ => {
                let given = if scheme.is_empty() { String::new() } else { format!(", and not with {scheme}://") };
                return Err(format!(
                    "Error: Unsupported URL scheme.\nA URL begins with mqtt://, mqtts://, ws:// or wss://{given}."
                ));
            }
        };
        let missing = "Error: Invalid URL for -L argument specified - topic missing.";
        let (authority, topic) = match rest.split_once('/') {
            None if wants_topic => return Err(missing.to_owned()),
            parts => parts.unwrap_or((rest, "")),
        };
        let (username, password, host) = take_user(authority);
        if username.as_deref() == Some("") {
            return Err("Error: Empty username in URL.".to_owned());
        }
        if host.ends_with(':') {
            return Err("Error: Empty port in URL.".to_owned());
        }
        let usual_port = if is_encrypted { 8883 } else { 1883 };
        let (host, port) = host_and_port(host, usual_port)?;
        Ok(ServerUrl { is_websocket, is_encrypted, username, password, host, port, topic: topic.to_owned() })
    }
}

impl ProxyUrl {
    /// Reads one.
    ///
    /// # Errors
    /// With the message for the user, as Mosquitto words it.
    pub(crate) fn parse(url: &str) -> Result<ProxyUrl, String> {
        let rest = url.strip_prefix("socks5h://");
        let rest = rest.ok_or_else(|| format!("Error: Unsupported proxy protocol: {url}\n{PROXY_FORM}"))?;
        let (username, password, host) = take_user(rest.trim_end_matches('/'));
        if password.as_ref().is_some_and(|password| password.contains(':')) {
            return Err("Error: Username cannot contain ':'.".to_owned());
        }
        let (host, port) = host_and_port(host, 1080).map_err(|_| invalid_port(host))?;
        if host.is_empty() {
            return Err(format!("Error: Invalid proxy. {PROXY_FORM}"));
        }
        if port == 0 {
            return Err(invalid_port("0"));
        }
        let username = decoded(username, "username")?;
        let password = decoded(password, "password")?;
        Ok(ProxyUrl { username, password, host, port })
    }
}

/// User, password, and what stands behind them.
fn take_user(authority: &str) -> (Option<String>, Option<String>, &str) {
    let Some((user, host)) = authority.split_once('@') else { return (None, None, authority) };
    let (username, password) = match user.split_once(':') {
        Some((username, password)) => (username, Some(password.to_owned())),
        None => (user, None),
    };
    (Some(username.to_owned()), password, host)
}

/// `host:port`, `[address]:port`, or either without a port.
fn host_and_port(text: &str, usual_port: u16) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, behind)) => (host, behind.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some(port) => port
            .parse()
            .map_err(|_| format!("Error: Invalid port given: {port}\nA port is a number from 1 to 65535."))?,
        None => usual_port,
    };
    Ok((host.to_owned(), port))
}

/// What is said about the port of a proxy, which stands at the end.
fn invalid_port(text: &str) -> String {
    let port = text.rsplit(':').next().unwrap_or_default();
    format!("Error: Invalid proxy port {port}. It is between 1 and 65535.")
}

/// With the characters that cannot stand in a user or password themselves.
fn decoded(text: Option<String>, what: &str) -> Result<Option<String>, String> {
    let Some(text) = text else { return Ok(None) };
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).unwrap_or_default();
        decoded.push(match code.to_ascii_lowercase().as_str() {
            "25" => '%',
            "3a" => ':',
            "40" => '@',
            _ => {
                let only = "only %25, %3a and %40 can stand there";
                return Err(format!("Error: Invalid URL encoding in {what}. There is %{code}, and {only}."));
            }
        });
        decoded.push_str(&part[2..]);
    }
    Ok(Some(decoded))
}

const PROXY_FORM: &str = "It is socks5h://[user[:password]@]host[:port].";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn server(url: &str) -> (bool, bool, Option<String>, Option<String>, String, u16, String) {
        let ServerUrl { is_websocket, is_encrypted, username, password, host, port, topic } =
            ServerUrl::parse(url, true).unwrap();
        (is_websocket, is_encrypted, username, password, host, port, topic)
    }

    #[test]
    fn a_server_has_scheme_user_host_port_and_topic() {
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(server("mqtt://localhost/a/b"), (false, false, None, None, "localhost".into(), 1883, "a/b".into()));
        assert_eq!(server("MQTTS://h/t"), (false, true, None, None, "h".into(), 8883, "t".into()));
        assert_eq!(server("ws://u@h:9001/t"), (true, false, own("u"), None, "h".into(), 9001, "t".into()));
        let both = (true, true, own("u"), own("p:w"), "::1".into(), 1, "#".into());
        assert_eq!(server("wss://u:p:w@[::1]:1/#"), both);
        assert_eq!(server("mqtt://[::1]/t").5, 1883);
    }

    #[test]
    fn what_is_no_server_is_refused() {
        let check =
            |url: &str, expected: &str| assert_eq!(ServerUrl::parse(url, true), Err(expected.to_owned()), "{url}");
        let schemes = "Error: Unsupported URL scheme.\nA URL begins with mqtt://, mqtts://, ws:// or wss://";
        check("invalid://h/t", &format!("{schemes}, and not with invalid://."));
        for url in ["", "h/t"] {
            check(url, &format!("{schemes}."));
        }
        check("mqtt://localhost", "Error: Invalid URL for -L argument specified - topic missing.");
        check("mqtt://localhost:x/t", "Error: Invalid port given: x\nA port is a number from 1 to 65535.");
        check("mqtt://localhost:65536/t", "Error: Invalid port given: 65536\nA port is a number from 1 to 65535.");
        check("mqtt://localhost:/t", "Error: Empty port in URL.");
        check("mqtt://:@localhost/t", "Error: Empty username in URL.");
    }

    #[test]
    fn a_proxy_has_user_host_and_port() {
        let check = |url: &str, user: Option<(&str, Option<&str>)>, host: &str, port| {
            let username = user.map(|user| user.0.to_owned());
            let password = user.and_then(|user| user.1).map(str::to_owned);
            assert_eq!(ProxyUrl::parse(url), Ok(ProxyUrl { username, password, host: host.to_owned(), port }), "{url}");
        };
        check("socks5h://host", None, "host", 1080);
        check("socks5h://[::1]:1081/", None, "::1", 1081);
        check("socks5h://user@host", Some(("user", None)), "host", 1080);
        check("socks5h://us%25er:pass%3Aword%40@host:1", Some(("us%er", Some("pass:word@"))), "host", 1);
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        let check = |url: &str, expected: &str| assert_eq!(ProxyUrl::parse(url), Err(expected.to_owned()), "{url}");
        check(
            "http://host",
            "Error: Unsupported proxy protocol: http://host\nIt is socks5h://[user[:password]@]host[:port].",
        );
        check("socks5h://", "Error: Invalid proxy. It is socks5h://[user[:password]@]host[:port].");
        check("socks5h://a:b:c@host", "Error: Username cannot contain ':'.");
        let encoding = |what, code| {
            let only = "only %25, %3a and %40 can stand there";
            format!("Error: Invalid URL encoding in {what}. There is %{code}, and {only}.")
        };
        check("socks5h://a%41@host", &encoding("username", "41"));
        check("socks5h://a%é@host", &encoding("username", "é"));
        check("socks5h://a:b%@host", &encoding("password", ""));
        for port in ["0", "65536"] {
            let expected = format!("Error: Invalid proxy port {port}. It is between 1 and 65535.");
            check(&format!("socks5h://host:{port}"), &expected);
        }
    }
}
