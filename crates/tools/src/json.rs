//! JSON as the tools write it: put together without spaces, and laid out for people where they want that.

use serde_json::Value;

/// Appends a string with its quotes.
pub(crate) fn push_string(value: &str, json: &mut String) {
    json.push('"');
    for char in value.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\0'..='\x1f' => json.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => json.push(char),
        }
    }
    json.push('"');
}

/// The text, where the bytes are a JSON text.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<Value>(text).ok().map(|_| text)
}

/// Appends a JSON text without the spaces between its parts; strings and numbers stay as they are written.
pub(crate) fn push_compact(json: &str, compact: &mut String) {
    lay_out(json, false, compact);
}

/// A JSON text with a line for each member of an object, as people like to read it.
pub(crate) fn pretty(json: &str) -> String {
    let mut pretty = String::with_capacity(2 * json.len());
    lay_out(json, true, &mut pretty);
    pretty
}

/// Copies the tokens of a JSON text, with spaces of its own.
fn lay_out(json: &str, is_pretty: bool, out: &mut String) {
    let mut open = Vec::new();
    let mut rest = json;
    let mut begins_line = false;
    while let Some(token) = next_token(&mut rest) {
        if token == "}" && is_pretty && !begins_line {
            out.push('\n');
            begins_line = true;
        }
        if matches!(token, "}" | "]") {
            open.pop();
        }
        if std::mem::take(&mut begins_line) {
            out.extend(open.iter().map(|_| '\t'));
        }
        out.push_str(token);
        if matches!(token, "{" | "[") {
            open.push(token);
        }
        if !is_pretty {
            continue;
        }
        match (token, open.last()) {
            ("{", _) | (",", Some(&"{")) => {
                out.push('\n');
                begins_line = true;
            }
            (",", _) => out.push(' '),
            (":", _) => out.push('\t'),
            _ => {}
        }
    }
}

/// Cuts off the next token: a punctuation mark, a string, or a word or number.
fn next_token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_ascii_start();
    let length = match text.as_bytes().first()? {
        b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
        b'"' => string_len(text.as_bytes()),
        _ => text.find(['{', '}', '[', ']', ',', ':', '"', ' ', '\t', '\n', '\r']).unwrap_or(text.len()),
    };
    let (token, behind) = text.split_at(length);
    *rest = behind;
    Some(token)
}

/// The length of the string at the beginning, with its quotes.
fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_where_json_wants_it() {
        let mut json = String::new();
        push_string("a\"b\\c\n\r\t\u{8}\u{c}\u{1}ü\u{7f}", &mut json);
        assert_eq!(json, "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001ü\u{7f}\"");
    }

    #[test]
    fn only_whole_json_is_json() {
        for good in [r#"{"a":[1,2]}"#, " 21.5 ", "null", r#""\u00e9""#] {
            assert_eq!(text(good.as_bytes()), Some(good));
        }
        for bad in ["", "{", "{} {}", "nul", "\"a", "01"] {
            assert_eq!(text(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(text(b"\"\xff\""), None);
    }

    #[test]
    fn spaces_go_and_come() {
        let json = " { \"a b\" : [ 1.50, {\"c\\\"\":{ }} ,[]] , \"d\":true }\n";
        let mut compact = String::new();
        push_compact(json, &mut compact);
        assert_eq!(compact, r#"{"a b":[1.50,{"c\"":{}},[]],"d":true}"#);
        let lines = "{\n\t\"a b\":\t[1.50, {\n\t\t\t\"c\\\"\":\t{\n\t\t\t}\n\t\t}, []],\n\t\"d\":\ttrue\n}";
        assert_eq!(pretty(&compact), lines);
    }
}
