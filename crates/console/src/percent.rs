//! Percent-encoding (RFC 3986, 2.1), and what stands behind the `?` of a path.

/// What is meant; `None`: it is no encoding of UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    decode_with(text, |byte| byte)
}

/// The members of a query in order. `+` is a space, as forms have it.
pub(crate) fn query(text: &str) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| decode_with(text, |byte| if byte == b'+' { b' ' } else { byte });
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| Some((decode(key)?, decode(value)?)))
        .collect()
}

fn decode_with(text: &str, plain: impl Fn(u8) -> u8) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            decoded.push(plain(*first));
            continue;
        }
        let ([high, low], behind) = rest.split_first_chunk::<2>()?;
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        decoded.push((digit(high)? << 4 | digit(low)?) as u8);
        rest = behind;
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_found_again_and_nonsense_is_not() {
        assert_eq!(decode("a%2Fb%20%C3%BC+").as_deref(), Some("a/b ü+"));
        for text in ["%", "%2", "%zz", "%ff", "%+1"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_query_has_members() {
        let pairs = query("a=1&b=x%26y+z&c&&d=").expect("a query");
        let expected = [("a", "1"), ("b", "x&y z"), ("c", ""), ("d", "")];
        assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(query("a=%"), None);
    }
}
