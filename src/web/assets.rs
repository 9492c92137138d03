//! The files of `public/`, which the program carries: the static pages, the shell of the application,
//! and what both load.
//!
//! A debug build reads them from the folder at each request, so that a change shows without another
//! build of the server. Everything else is the same in both.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;

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

/// The assets that were asked for, by their names. A debug build replaces one whose file has changed.
static ASSETS: LazyLock<RwLock<HashMap<String, Arc<Asset>>>> = LazyLock::new(RwLock::default);

/// Finds a file of `public/` by its path there, such as `assets/app-ABCD1234.js`.
pub(super) fn find(name: &str) -> Option<Arc<Asset>> {
    if !is_plain_path(name) {
        return None;
    }
    let file = Public::get(name)?;
    let hash = file.metadata.sha256_hash();
    let known = ASSETS.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    if let Some(known) = known.filter(|asset| asset.hash == hash) {
        return Some(known);
    }
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let asset = Arc::new(Asset::new(name, hash, bytes));
    let mut assets = ASSETS.write().unwrap_or_else(PoisonError::into_inner);
    assets.insert(name.to_owned(), Arc::clone(&asset));
    Some(asset)
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

/// Compresses every asset, in about 300 ms of a core. Until then they are sent as they are.
pub fn compress_assets() {
    for name in Public::iter() {
        if let Some(asset) = find(&name) {
            asset.compress();
        }
    }
}

/// A file and what its responses have in common.
pub(super) struct Asset {
    hash: [u8; 32],
    media_type: HeaderValue,
    cache_control: HeaderValue,
    is_text: bool,
    plain: Representation,
    /// Set once, in the background; each is `None` where it would not be smaller.
    encoded: OnceLock<Encoded>,
}

struct Encoded {
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
    fn new(name: &str, hash: [u8; 32], bytes: Bytes) -> Self {
        let (media_type, is_text) = find_media_type(name);
        Self {
            hash,
            media_type: HeaderValue::from_static(media_type),
            cache_control: if has_name_hash(name) { IMMUTABLE } else { REVALIDATED },
            is_text,
            plain: Representation { tag: URL_SAFE_NO_PAD.encode(hash), bytes },
            encoded: OnceLock::new(),
        }
    }

    fn compress(&self) {
        self.encoded.get_or_init(|| Encoded {
            brotli: self.encode(Coding::Brotli),
            gzip: self.encode(Coding::Gzip),
        });
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
        let encoded = coding.zip(self.encoded.get()).and_then(|(coding, encoded)| match coding {
            Coding::Brotli => encoded.brotli.as_ref(),
            Coding::Gzip => encoded.gzip.as_ref(),
        });
        match encoded {
            Some(encoded) => (coding, encoded),
            None => (None, &self.plain),
        }
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
