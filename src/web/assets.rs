//! The files of `public/`, which the program carries: the static pages, the shell of the application,
//! and what both load.
//!
//! A debug build reads them from the folder at each request, so that a change shows without another
//! build of the server. Everything else is the same in both.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::http::compression::{Prepared, encode_well};
use crate::http::conditions::{VARY_BY_CODING, find_tag};
use crate::http::negotiation::Coding;

/// The length of the hash in a name that esbuild writes: `app-ABCD1234.js`.
const NAME_HASH_CHARACTERS: usize = 8;
/// How a browser keeps a file whose name has a hash: for a year, which RFC 8246 calls immutable. Other
/// contents have another name.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// How a browser keeps every other file: it asks each time whether its copy is current.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

#[derive(RustEmbed)]
#[folder = "public/"]
struct Public;

/// The compressed files by their paths; set once, in the background.
static COMPRESSED: OnceLock<HashMap<String, Arc<Asset>>> = OnceLock::new();

/// Finds a file of `public/` by its path there, such as `assets/app-ABCD1234.js`.
pub(super) fn find(name: &str) -> Option<Arc<Asset>> {
    if !is_plain_path(name) {
        return None;
    }
    let file = Public::get(name)?;
    let compressed = COMPRESSED.get().and_then(|compressed| compressed.get(name));
    // In a debug build it may be out of date.
    match compressed.filter(|asset| asset.hash == file.metadata.sha256_hash()) {
        Some(compressed) => Some(Arc::clone(compressed)),
        None => Some(Arc::new(Asset::new(name, file))),
    }
}

/// Compresses every file. Until it returns they are sent as they are.
pub fn compress_assets() {
    COMPRESSED.get_or_init(|| {
        let names = Public::iter();
        let assets = names.filter_map(|name| {
            let asset = Asset::new(&name, Public::get(&name)?).compress();
            Some((name.into_owned(), Arc::new(asset)))
        });
        assets.collect()
    });
}

/// Whether a path has neither empty, hidden nor parent segments. The folder of a debug build has more
/// files around it than the program carries.
fn is_plain_path(path: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    path.split('/').all(|segment| {
        !segment.is_empty() && !segment.starts_with('.') && segment.chars().all(is_plain)
    })
}

/// Finds the URL of the style sheet of static pages, which pages of problems have too.
pub(crate) fn find_stylesheet() -> Option<String> {
    let is_stylesheet = |name: &str| {
        let hash = name.strip_prefix("assets/page-").and_then(|rest| rest.strip_suffix(".css"));
        hash.is_some_and(is_name_hash)
    };
    Public::iter().find(|name| is_stylesheet(name)).map(|name| format!("/{name}"))
}

/// A file and what its responses have in common.
pub(super) struct Asset {
    hash: [u8; 32],
    media_type: HeaderValue,
    cache_control: HeaderValue,
    is_text: bool,
    plain: Representation,
    /// `None` before it is compressed, and where it would not become smaller.
    brotli: Option<Representation>,
    gzip: Option<Representation>,
}

/// The bytes of a response and their entity tag. RFC 9110, section 8.8.3.3: the tags of two codings
/// differ.
struct Representation {
    /// Without its quotes.
    tag: String,
    bytes: Bytes,
}

impl Asset {
    fn new(name: &str, file: EmbeddedFile) -> Self {
        let (media_type, is_text) = find_media_type(name);
        let hash = file.metadata.sha256_hash();
        let bytes = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Self {
            hash,
            media_type: HeaderValue::from_static(media_type),
            cache_control: if has_name_hash(name) { IMMUTABLE } else { REVALIDATED },
            is_text,
            plain: Representation { tag: URL_SAFE_NO_PAD.encode(hash), bytes },
            brotli: None,
            gzip: None,
        }
    }

    fn compress(self) -> Self {
        let (brotli, gzip) = (self.encode(Coding::Brotli), self.encode(Coding::Gzip));
        Self { brotli, gzip, ..self }
    }

    fn encode(&self, coding: Coding) -> Option<Representation> {
        if !self.is_text {
            return None;
        }
        let plain = &self.plain;
        // Writing into memory fails for no file.
        let bytes = encode_well(coding, &plain.bytes).ok()?;
        let tag = format!("{}.{}", plain.tag, coding.name());
        (bytes.len() < plain.bytes.len()).then(|| Representation { tag, bytes: bytes.into() })
    }

    /// Selects the bytes that a client prefers.
    fn select(&self, headers: &HeaderMap) -> (Option<Coding>, &Representation) {
        // At the level of these files brotli is smaller.
        let coding = Coding::select(headers, Coding::Brotli);
        let encoded = coding.and_then(|coding| match coding {
            Coding::Brotli => self.brotli.as_ref(),
            Coding::Gzip => self.gzip.as_ref(),
        });
        match encoded {
            Some(encoded) => (coding, encoded),
            None => (None, &self.plain),
        }
    }

    /// The SHA-256 of the bytes.
    pub(super) fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The bytes as text; `None` if they are not UTF-8.
    pub(super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.plain.bytes).ok()
    }

    /// Responds to a request with these headers, with 304 to a client that has the file already.
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        let (coding, Representation { tag, bytes }) = self.select(request);
        let is_known = find_tag(request, tag).is_some();
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::from(bytes.clone()))
        };
        let headers = response.headers_mut();
        if !is_known {
            headers.insert(header::CONTENT_TYPE, self.media_type.clone());
            if let Some(coding) = coding {
                let name = HeaderValue::from_static(coding.name());
                headers.insert(header::CONTENT_ENCODING, name);
            }
        }
        // RFC 9110, section 15.4.5: a 304 has these as well.
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        if self.is_text {
            headers.insert(header::VARY, VARY_BY_CODING);
        }
        if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
            headers.insert(header::ETAG, tag);
        }
        response.extensions_mut().insert(Prepared);
        response
    }
}

/// The media type of a file by its name, and whether it is text that a coding makes smaller.
fn find_media_type(name: &str) -> (&'static str, bool) {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "html" => ("text/html; charset=utf-8", true),
        "js" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "txt" => ("text/plain; charset=utf-8", true),
        "json" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "svg" => ("image/svg+xml", true),
        "ico" => ("image/x-icon", true),
        "png" => ("image/png", false),
        "jpg" => ("image/jpeg", false),
        "webp" => ("image/webp", false),
        "avif" => ("image/avif", false),
        _ => ("application/octet-stream", false),
    }
}

/// Whether a name has a hash of the contents before its extension.
fn has_name_hash(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.rsplit_once('-').is_some_and(|(_, hash)| is_name_hash(hash))
}

fn is_name_hash(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.len() == NAME_HASH_CHARACTERS && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn coding_of(asset: &Asset, accepted: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        let response = asset.respond(&headers);
        let coding = response.headers().get(header::CONTENT_ENCODING);
        coding.map_or("", |coding| coding.to_str().unwrap()).to_owned()
    }

    fn asset(name: &str, text: String) -> Asset {
        let metadata = Public::get("robots.txt").unwrap().metadata;
        Asset::new(name, EmbeddedFile { data: text.into_bytes().into(), metadata })
    }

    #[test]
    fn a_file_is_sent_as_it_is_until_it_is_compressed() {
        let script = asset("app.js", "a line of a script\n".repeat(100));
        assert_eq!(coding_of(&script, "br, gzip"), "");
        let script = script.compress();
        assert_eq!(coding_of(&script, "br, gzip"), "br");
        assert_eq!(coding_of(&script, "gzip"), "gzip");
    }

    #[test]
    fn a_coding_that_would_be_longer_is_not_kept() {
        for (name, text) in [("app.js", "x".to_owned()), ("photo.png", "x".repeat(1000))] {
            let asset = asset(name, text).compress();
            assert_eq!(coding_of(&asset, "br, gzip"), "", "{name}");
        }
    }

    #[test]
    fn only_a_name_with_a_hash_of_esbuild_is_immutable() {
        for name in ["assets/app-ABCD1234.js", "assets/a-b-00000000.css", "x-ABCDEFGH.svg"] {
            assert!(has_name_hash(name), "{name}");
        }
        for name in [
            "app.html",
            "assets/app-ABCD123.js",
            "app-ABCD12345.js",
            "app-abcd1234.js",
            "ABCD1234.js",
        ] {
            assert!(!has_name_hash(name), "{name}");
        }
    }

    #[test]
    fn a_path_leads_to_no_other_folder_and_to_nothing_hidden() {
        for path in ["app.html", "assets/app-ABCD1234.js", "a..b"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in
            ["", "/app.html", "a//b", "a/", "../a", "a/..", "a/./b", ".a", "a\\b", "a%2e", "ä"]
        {
            assert!(!is_plain_path(path), "{path}");
        }
    }
}
