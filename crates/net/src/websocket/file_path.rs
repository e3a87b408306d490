//! From the target of a request to a file below a folder.
//!
//! A path made here names nothing outside that folder by itself; that a symbolic link in it does not lead out is for the
//! caller to see.

use std::path::{Path, PathBuf};

/// What is asked for, as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    /// Relative, of plain names only. For a target that ends in `/` it is that folder's `index.html`.
    pub relative: PathBuf,
    /// Where a browser must go if this is a folder, or the links in its `index.html` would miss it. `None`: it is there.
    pub with_slash: Option<String>,
}

impl FilePath {
    /// The path a target names (RFC 9112 section 3.2), without its query. `None`: no file can have that name.
    pub fn of(target: &str) -> Option<FilePath> {
        let path = path(target)?;
        let mut relative = PathBuf::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            relative.push(name(segment)?);
        }
        // One slash at the start: two would name another host.
        let with_slash = (!path.ends_with('/')).then(|| format!("/{}/", path.trim_start_matches('/')));
        if with_slash.is_none() {
            relative.push("index.html");
        }
        Some(FilePath { relative, with_slash })
    }
}

/// The media type for the ending of a file's name.
pub fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match extension.as_str() {
        "css" => "text/css; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "gif" => "image/gif",
        "htm" | "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "jpeg" | "jpg" => "image/jpeg",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "webp" => "image/webp",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    }
}

/// The path of a target: `/path?query`, or `http://host/path`, which servers must know though only proxies get it.
fn path(target: &str) -> Option<&str> {
    let path = match target.split_once("://") {
        Some(("http" | "https", rest)) => &rest[rest.find('/')?..],
        _ => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.starts_with('/').then_some(path)
}

/// The name that one segment stands for, if it is the plain name of a file or folder on every system: with no way up, no
/// separator and no drive hidden in it.
fn name(segment: &str) -> Option<String> {
    let name = percent_decoded(segment)?;
    let is_plain = name != "." && name != ".." && !name.contains(|c: char| c.is_control() || "/\\:".contains(c));
    is_plain.then_some(name)
}

/// RFC 3986 section 2.1. `None`: half a code, or not UTF-8.
fn percent_decoded(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            byte => byte,
        };
        decoded.push(byte);
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, expected: Option<&str>) {
        let path = FilePath::of(target).map(|path| path.relative);
        assert_eq!(path.as_deref(), expected.map(Path::new), "{target}");
    }

    #[test]
    fn targets_and_their_files() {
        check("/", Some("index.html"));
        check("/a.js", Some("a.js"));
        check("/a/b.css?v=1/../2#x", Some("a/b.css"));
        check("/a/", Some("a/index.html"));
        check("/a", Some("a"));
        check("//etc//passwd", Some("etc/passwd"));
        check("/a%20b/%C3%A4.png", Some("a b/ä.png"));
        check("/...", Some("..."));
        check("/.well-known/x", Some(".well-known/x"));
        check("http://example.org/a/b?c", Some("a/b"));
        check("/x://y", None);
    }

    #[test]
    fn no_target_leads_out_of_the_folder() {
        for target in [
            "",
            "a",
            "*",
            "..",
            "/..",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/%2E./a",
            "/.%2e",
            "/a%2f..%2fb",
            "/%2fetc/passwd",
            "/a%5C..",
            "/..\\a",
            "/a%00.html",
            "/C:/a",
            "/c%3a",
            "/a%0d%0ab",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
            "/%c0%ae%c0%ae/a",
            "http://example.org",
            "ftp://example.org/a",
        ] {
            check(target, None);
        }
    }

    #[test]
    fn a_folder_without_slash_is_found_on_this_host_only() {
        let check = |target, expected| {
            let path = FilePath::of(target).expect("a path");
            assert_eq!(path.with_slash.as_deref(), expected);
        };
        check("/", None);
        check("/a/", None);
        check("/a?b", Some("/a/"));
        check("//example.org/a%20b?x", Some("/example.org/a%20b/"));
    }

    #[test]
    fn endings_and_their_types() {
        assert_eq!(content_type(Path::new("a/b.HTML")), "text/html; charset=utf-8");
        assert_eq!(content_type(Path::new("a.min.js")), "text/javascript; charset=utf-8");
        assert_eq!(content_type(Path::new("a.js/b")), "application/octet-stream");
    }
}
