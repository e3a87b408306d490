//! Rust source as rules want to see it: code without comments and literals, comments alone, code without tests, the paths it names.
//!
//! Not a parser: enough of Rust's lexical rules that a word in a string or a comment is not taken for code. Whatever is taken
//! out is replaced by spaces, so line numbers stay.

/// The code alone: comments and literals are blank.
pub(crate) fn code(text: &str) -> String {
    split(text).0
}

/// The comments alone.
pub(crate) fn comments(text: &str) -> String {
    split(text).1
}

/// The code without what is compiled for tests only.
pub(crate) fn code_without_tests(text: &str) -> String {
    let mut code = code(text);
    let mut searched = 0;
    while let Some(start) = code[searched..].find("#[cfg(").map(|at| at + searched) {
        let attribute = &code[start + "#[cfg(".len()..];
        searched = start + 1;
        if attribute.starts_with("test)") || attribute.starts_with("all(test") {
            let end = start + code[start..].find(']').map_or(0, |end| end + 1);
            let item = end + item_length(&code[end..]);
            code.replace_range(start..item, &blank(&code[start..item]));
        }
    }
    code
}

/// The names of modules in files of their own that are compiled for tests only: `#[cfg(test)] mod NAME;`.
pub(crate) fn test_modules(text: &str) -> Vec<String> {
    let code = code(text);
    let marked = code.split("#[cfg(test)]").skip(1);
    let declared = marked.filter_map(|rest| rest.split([';', '{']).next());
    declared
        .filter_map(|item| {
            let words: Vec<_> = words(item).collect();
            let name = words.iter().position(|word| *word == "mod")? + 1;
            words.get(name).map(|name| (*name).to_owned())
        })
        .collect()
}

/// Words as Rust separates them: letters, digits and `_`.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

/// Every path that the code names, with its line, and every single word. Groups are written out: `std::{fs, io::Read}` gives
/// `std::fs` and `std::io::Read`.
pub(crate) fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut path: Vec<String> = Vec::new();
    // For each open brace the path in front of it, empty when it is not a group of paths.
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut before = Token::Other;
    for (line, token) in tokens(code) {
        if let Token::Separator = token {
            before = token;
            continue;
        }
        let goes_on = matches!(before, Token::Separator);
        match &token {
            Token::Word(word) if goes_on => path.push((*word).to_owned()),
            Token::Open if goes_on => groups.push(std::mem::take(&mut path)),
            _ => {
                if !path.is_empty() {
                    found.push((line, std::mem::take(&mut path).join("::")));
                }
                match &token {
                    Token::Word(word) => {
                        if matches!(before, Token::Open | Token::Comma) {
                            path = groups.last().cloned().unwrap_or_default();
                        }
                        path.push((*word).to_owned());
                    }
                    Token::Open => groups.push(Vec::new()),
                    Token::Close => drop(groups.pop()),
                    _ => {}
                }
            }
        }
        before = token;
    }
    found
}

enum Token<'a> {
    Word(&'a str),
    Separator,
    Open,
    Close,
    Comma,
    Other,
}

fn tokens(code: &str) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = match first {
                first if is_word(first) => {
                    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    (Token::Word(&rest[..end]), end)
                }
                ':' if rest.starts_with("::") => (Token::Separator, 2),
                '{' => (Token::Open, 1),
                '}' => (Token::Close, 1),
                ',' => (Token::Comma, 1),
                other => (Token::Other, other.len_utf8()),
            };
            tokens.push((line + 1, token));
            rest = rest[length..].trim_start();
        }
    }
    tokens.push((code.lines().count(), Token::Other));
    tokens
}

/// The text twice: code alone, comments alone.
fn split(text: &str) -> (String, String) {
    let mut code = String::with_capacity(text.len());
    let mut comments = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_word = false;
    while let Some(first) = rest.chars().next() {
        let comment = comment_length(rest);
        let literal = if in_word { 0 } else { literal_length(rest) };
        let length = comment.max(literal).max(first.len_utf8());
        let (piece, behind) = rest.split_at(length);
        let (hidden, shown) = (blank(piece), piece);
        code += if comment + literal == 0 { shown } else { &hidden };
        comments += if comment > 0 { shown } else { &hidden };
        in_word = is_word(first) && literal == 0;
        rest = behind;
    }
    (code, comments)
}

/// How long the comment is with which the text begins; 0 when it begins with none.
fn comment_length(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    let mut depth = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if depth == 0 {
            return at;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// How long the literal (string, bytes, raw string, character) is with which the text begins; 0 when it begins with none.
fn literal_length(text: &str) -> usize {
    let prefix = text.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(text.len());
    let unprefixed = &text[prefix..];
    let hashes = unprefixed.len() - unprefixed.trim_start_matches('#').len();
    if text[..prefix].ends_with('r') && unprefixed[hashes..].starts_with('"') {
        let open = prefix + hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = text[open..].find(&close);
        return end.map_or(text.len(), |end| open + end + close.len());
    }
    if unprefixed.starts_with('"') {
        return prefix + quoted_length(unprefixed, '"');
    }
    let mut characters = unprefixed.chars();
    let is_character = (characters.next(), characters.next(), characters.next());
    match is_character {
        (Some('\''), Some('\\'), _) => prefix + quoted_length(unprefixed, '\''),
        (Some('\''), Some(_), Some('\'')) => prefix + quoted_length(unprefixed, '\''),
        _ => 0,
    }
}

/// The length up to the closing quote and with it; the text begins with the opening one.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

/// The length of an item behind its attribute: up to its closing brace, or to a semicolon that comes before any brace.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '(' | '[' | '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

fn blank(text: &str) -> String {
    let keep_lines = |c| if c == '\n' { '\n' } else { ' ' };
    text.chars().map(keep_lines).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = r##"let a = "one // two"; // three 'four'
let b = r#"five " six"#; /* seven /* eight */ nine */ let c = '"'; let d: &'static str = b"ten\"";
let for_r = 'r'; let e = '\''; eleven"##;
    let words: Vec<String> = words(&code(text)).map(String::from).collect();
    let expected = "let a let b let c let d static str let for_r let e eleven";
    assert_eq!(words.join(" "), expected);
    assert_eq!(code(text).lines().count(), 3);
    let comments = comments(text);
    assert!(comments.contains("three 'four'") && comments.contains("nine"));
    assert!(!comments.contains("two") && !comments.contains("eleven"));
}

#[test]
fn what_is_compiled_for_tests_is_left_out() {
    let text = "fn one() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests { fn two() -> [u8; 2] { } }\n#[cfg(not(test))]\nfn three() {}\n\
                #[cfg(all(test, unix))]\nuse four::{Five};\nfn six() {}\n";
    let code = code_without_tests(text);
    let kept: Vec<_> = words(&code).filter(|word| word.len() > 2).collect();
    assert_eq!(kept, ["one", "cfg", "not", "test", "three", "six"]);
    let declared = "#[cfg(test)]\nmod script;\n#[cfg(test)]\npub(crate) mod inner { }\nmod other;";
    assert_eq!(test_modules(declared), ["script", "inner"]);
}

#[test]
fn groups_of_paths_are_written_out() {
    let text = "use std::{fs, io::{self, Read as R}, time::Duration};\nlet x = a::b(c);";
    let paths = paths(text);
    let has = |line: usize, path: &str| paths.contains(&(line, path.to_owned()));
    assert!(has(1, "std::fs") && has(1, "std::io::self") && has(1, "std::io::Read"));
    assert!(has(1, "std::time::Duration") && has(2, "a::b") && has(2, "c"));
}
