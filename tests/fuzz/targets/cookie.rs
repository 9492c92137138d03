//! A seal opens what it sealed, for the same purpose and unchanged, and nothing else.
#![no_main]

use arbitrary::Arbitrary;
use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::Duration;
use libfuzzer_sys::fuzz_target;
use promptdb::config::Secret;
use promptdb::auth::{CookieSeal, Purpose};
use serde_json::{Value, json};
use std::sync::LazyLock;

struct World {
    seal: CookieSeal,
    /// What browsers would send back: of a session, of a session under the older secret, of a
    /// sign-in, and of a session of somebody else's server.
    cookies: [String; 4],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let secret = |letter: &str| Secret::from(letter.repeat(32));
    let (new, old, foreign) = (secret("n"), secret("o"), secret("f"));
    let seal = CookieSeal::new(&[new, old.clone()], false);
    let sealed = |seal: &CookieSeal, purpose| {
        let header = seal.seal(purpose, &content(), Duration::HOUR).unwrap();
        header.to_str().unwrap().split(';').next().unwrap().to_owned()
    };
    let cookies = [
        sealed(&seal, Purpose::Session),
        sealed(&CookieSeal::new(&[old], false), Purpose::Session),
        sealed(&seal, Purpose::SignIn),
        sealed(&CookieSeal::new(&[foreign], false), Purpose::Session),
    ];
    World { seal, cookies }
});

fn content() -> Value {
    json!({ "u": "user_ann", "r": "refresh" })
}

/// A header is put together of these.
#[derive(Arbitrary, Debug)]
enum Part<'a> {
    /// A whole cookie.
    Cookie(u8),
    /// A stretch of one.
    Slice(u8, u16, u16),
    /// One with a byte changed.
    Changed(u8, u16, u8),
    /// Its value under the name of another.
    Renamed(u8, u8),
    /// Anything.
    Bytes(&'a [u8]),
    /// What stands between cookies.
    Break,
}

fn cookie(index: u8) -> &'static [u8] {
    let cookies = &WORLD.cookies;
    cookies[usize::from(index) % cookies.len()].as_bytes()
}

fn put(header: &mut Vec<u8>, part: &Part<'_>) {
    match *part {
        Part::Cookie(index) => header.extend(cookie(index)),
        Part::Slice(index, from, length) => {
            let cookie = cookie(index);
            let from = usize::from(from) % cookie.len();
            let rest = &cookie[from..];
            header.extend(&rest[..usize::from(length).min(rest.len())]);
        }
        Part::Changed(index, at, by) => {
            let from = header.len();
            header.extend(cookie(index));
            let at = from + usize::from(at) % (header.len() - from);
            header[at] ^= by;
        }
        Part::Renamed(value, name) => {
            let split = |cookie: &'static [u8]| {
                let equals = cookie.iter().position(|byte| *byte == b'=').unwrap();
                cookie.split_at(equals)
            };
            header.extend(split(cookie(name)).0);
            header.extend(split(cookie(value)).1);
        }
        Part::Bytes(bytes) => header.extend(bytes),
        Part::Break => header.extend(b"; "),
    }
}

/// Whether one of the first four cookies of a name is just as it was sealed.
fn is_intact(headers: &HeaderMap, originals: &[&str]) -> bool {
    let name = originals[0].split('=').next().unwrap();
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|cookie| cookie.split_once('='));
    let named =
        pairs.map(|(name, value)| (name.trim(), value.trim())).filter(|pair| pair.0 == name);
    named.take(4).any(|(name, value)| originals.contains(&format!("{name}={value}").as_str()))
}

fuzz_target!(|parts: Vec<Vec<Part<'_>>>| {
    let mut headers = HeaderMap::new();
    for parts in &parts {
        let mut header = Vec::new();
        parts.iter().for_each(|part| put(&mut header, part));
        let Ok(header) = HeaderValue::from_bytes(&header) else { return };
        headers.append(header::COOKIE, header);
    }
    let [session, older, sign_in, _] = &WORLD.cookies;
    for (purpose, originals) in
        [(Purpose::Session, vec![session.as_str(), older]), (Purpose::SignIn, vec![sign_in])]
    {
        let opened: Option<Value> = WORLD.seal.open(purpose, &headers);
        let expected = is_intact(&headers, &originals).then(content);
        assert_eq!(opened, expected, "{purpose:?} {headers:?}");
    }
});
