//! The page: files that are part of the program.

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use crate::answer::{Answer, Refusal, bytes_answer, empty_answer, text_answer};

/// A file, as it is and compressed.
struct Asset {
    path: &'static str,
    etag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// In the order of their paths.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Answers with the file of this path.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
    answer_from(ASSETS, method, path, headers)
}

fn answer_from(assets: &[Asset], method: &Method, path: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::method("GET, HEAD"));
    }
    let name = path.trim_start_matches('/');
    let name = if name.is_empty() { "index.html" } else { name };
    let Some(asset) = assets.iter().find(|asset| asset.path == name) else {
        if name == "index.html" {
            return Ok(text_answer(StatusCode::OK, WITHOUT_PAGE));
        }
        return Err(Refusal::not_found("There is no such page."));
    };
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| names(known, asset.etag));
    let is_compressed = asset.gzip.len() < asset.plain.len() && takes_gzip(headers);
    let mut answer = match (is_known, is_compressed) {
        (true, _) => empty_answer(StatusCode::NOT_MODIFIED),
        (false, true) => bytes_answer(StatusCode::OK, media_type(asset.path), asset.gzip),
        (false, false) => bytes_answer(StatusCode::OK, media_type(asset.path), asset.plain),
    };
    let told = answer.headers_mut();
    if !is_known && is_compressed {
        told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // What has its hash in its name is never another; everything else is asked for again.
    let caching = if asset.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    told.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(answer)
}

/// Whether a list of entity tags has this one, compared weakly (RFC 9110, 13.1.2).
fn names(list: &HeaderValue, etag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.to_str().is_ok_and(|list| list.trim() == "*" || list.split(',').any(|tag| strong(tag) == strong(etag)))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

const WITHOUT_PAGE: &str = "This server was built without the console's page (crates/console/web/dist was missing).\n\
                            Its API is there: /api/midge/v1/openapi.json says what can be asked.\n";

#[cfg(test)]
mod tests {
    use super::*;

    static PAGE: &[Asset] = &[
        Asset { path: "assets/app-1a2b.js", etag: "W/\"2\"", plain: b"aaaaaaaaaaaaaaaaaaaaaaaaaaaa", gzip: b"zz" },
        Asset { path: "index.html", etag: "W/\"1\"", plain: b"<p>", gzip: b"longer" },
    ];

    fn get(path: &str, headers: &[(&'static str, &'static str)]) -> Result<Answer, StatusCode> {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| drop(map.insert(*name, HeaderValue::from_static(value))));
        answer_from(PAGE, &Method::GET, path, &map).map_err(|refusal| refusal.status)
    }

    fn told(answer: &Answer, name: header::HeaderName) -> &str {
        answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn files_are_found_and_cached_by_their_names() {
        let page = get("/", &[]).expect("the page");
        assert_eq!(told(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(told(&page, header::CACHE_CONTROL), "no-cache");
        let script = get("/assets/app-1a2b.js", &[]).expect("a script");
        assert_eq!(told(&script, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(told(&script, header::CONTENT_ENCODING), "");
        assert_eq!(get("/none.js", &[]).err(), Some(StatusCode::NOT_FOUND));
        let posted = answer_from(PAGE, &Method::POST, "/", &HeaderMap::new()).expect_err("no such method");
        assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(answer_from(&[], &Method::GET, "/", &HeaderMap::new()).is_ok(), "it says that there is no page");
    }

    #[test]
    fn who_takes_it_compressed_gets_it_so() {
        let check = |accepted: &'static str, expected: &str| {
            let script = get("/assets/app-1a2b.js", &[("accept-encoding", accepted)]).expect("a script");
            assert_eq!(told(&script, header::CONTENT_ENCODING), expected, "{accepted}");
        };
        check("gzip, deflate, br", "gzip");
        check("br;q=1, GZIP;q=0.5", "gzip");
        check("gzip;q=0", "");
        check("identity", "");
        let page = get("/", &[("accept-encoding", "gzip")]).expect("the page");
        assert_eq!(told(&page, header::CONTENT_ENCODING), "", "it would be longer");
    }

    #[test]
    fn who_has_it_already_is_told_so() {
        for known in ["W/\"2\"", "\"2\"", "\"x\", W/\"2\"", "*"] {
            let script = get("/assets/app-1a2b.js", &[("if-none-match", known)]).expect("a script");
            assert_eq!(script.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        let script = get("/assets/app-1a2b.js", &[("if-none-match", "\"3\"")]).expect("a script");
        assert_eq!(script.status(), StatusCode::OK);
    }

    #[test]
    fn the_page_that_is_built_in_is_whole() {
        let names: Vec<_> = ASSETS.iter().map(|asset| asset.path).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(ASSETS.is_empty() || names.contains(&"index.html"), "{names:?}");
        assert!(ASSETS.iter().all(|asset| asset.gzip.starts_with(&[0x1f, 0x8b])));
    }
}
