//! A token opens a door only if the issuer's key signed it, letter by letter, and only if its
//! claims are good.
#![no_main]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::Arbitrary;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use libfuzzer_sys::fuzz_target;
use promptdb::config::{Identity, Settings};
use promptdb::domain::identity::{Client, Via};
use promptdb::domain::plan::Plans;
use promptdb::library::Library;
use promptdb::domain::{Clock, Timestamp};
use promptdb::auth::{Access, Authenticator};
use promptdb::store::sqlite::SqliteStore;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const NOW_SECONDS: i64 = 1_767_225_600;
const LEEWAY_SECONDS: f64 = 30.0;
const URL: &str = "https://prompts.example";

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW_SECONDS * 1000)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
}

struct World {
    runtime: Runtime,
    authenticator: Authenticator,
    issuer: String,
    key: KeyPair,
    /// What a thief may have: a good token, and others that are not.
    tokens: Vec<String>,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sign(key: &KeyPair, header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", encode(signature))
}

/// Serves the key set of the issuer, and returns its origin.
fn serve_keys(key: &KeyPair) -> String {
    let public = key.public_key();
    let n = encode(public.modulus().big_endian_without_leading_zero());
    let e = encode(public.exponent().big_endian_without_leading_zero());
    let keys = json!({ "keys": [
        { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k", "n": n, "e": e },
    ] });
    let body = keys.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    origin
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let (key, foreign) = (KeyPair::generate(KeySize::Rsa2048), KeyPair::generate(KeySize::Rsa2048));
    let (key, foreign) = (key.unwrap(), foreign.unwrap());
    let issuer = serve_keys(&key);

    let flags = [
        "promptdb",
        "--database-path",
        "unused",
        "--public-url",
        URL,
        "--workos-client-id",
        "client",
        "--workos-api-key",
        "sk_test",
        "--authkit-domain",
        &issuer,
        "--cookie-secret",
        "0123456789abcdef0123456789abcdef",
    ];
    let settings = Cli::try_parse_from(flags).unwrap().settings;
    let clock: Arc<dyn Clock> = Arc::new(StandingClock);
    let folder: PathBuf = tempfile::tempdir().unwrap().keep();
    let store =
        SqliteStore::open(&folder.join("promptdb.db"), Duration::from_secs(10), clock.clone());
    let library = Arc::new(Library::new(Arc::new(store.unwrap()), clock.clone()));
    let Identity::WorkOs(sign_in) = settings.identity.validate().unwrap() else {
        unreachable!("the flags turn sign-in on");
    };
    let authenticator = Authenticator::new(&sign_in, Plans::default(), None, URL, &library, clock).unwrap();

    let header = json!({ "alg": "RS256", "kid": "k" }).to_string();
    let header = header.as_bytes();
    let claims = |aud: &str, exp: i64| {
        json!({ "iss": issuer, "aud": aud, "sub": "user_ann", "sid": "s", "exp": exp }).to_string()
    };
    let good = claims(&format!("{URL}/mcp"), NOW_SECONDS + 300);
    let tokens = vec![
        sign(&key, header, good.as_bytes()),
        sign(&foreign, header, good.as_bytes()),
        sign(&key, header, claims("https://other.example/mcp", NOW_SECONDS + 300).as_bytes()),
        sign(&key, header, claims(&format!("{URL}/mcp"), NOW_SECONDS - 300).as_bytes()),
        sign(&key, json!({ "alg": "none", "kid": "k" }).to_string().as_bytes(), good.as_bytes()),
    ];
    let admitted = runtime.block_on(authenticator.authenticate_bearer(&tokens[0], client(), Access::Mcp));
    admitted.expect("the good token is good");
    World { runtime, authenticator, issuer, key, tokens }
});

fn client() -> Client {
    Client::named("fuzz")
}

/// A token is put together of these.
#[derive(Arbitrary, Debug)]
enum Part<'a> {
    /// One of the three parts of a token that there is.
    Segment(u8, u8),
    /// The same with a letter changed.
    Changed(u8, u8, u16, u8),
    /// Some bytes, encoded.
    Encoded(&'a [u8]),
    /// Any text.
    Text(&'a str),
    /// What stands between the parts.
    Dot,
}

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Without the key, what nobody signed.
    Forged(Vec<Part<'a>>),
    /// With the key, whatever it says.
    Signed { header: &'a str, claims: &'a str },
    /// With the key and a good header: good claims, with some replaced.
    Claims(Vec<(u8, Claim<'a>)>),
}

#[derive(Arbitrary, Debug)]
enum Claim<'a> {
    /// JSON; what is none leaves the claim out.
    Json(&'a str),
    /// A time so many seconds from now.
    Near(i8),
}

fn segment(token: u8, part: u8) -> &'static str {
    let tokens = &WORLD.tokens;
    tokens[usize::from(token) % tokens.len()].split('.').nth(usize::from(part % 3)).unwrap()
}

fn put(token: &mut String, part: &Part<'_>) {
    match *part {
        Part::Segment(of, part) => token.push_str(segment(of, part)),
        Part::Changed(of, part, at, to) => {
            let segment = segment(of, part);
            let at = usize::from(at) % segment.len();
            token.push_str(&segment[..at]);
            token.push(char::from(to & 0x7f));
            token.push_str(&segment[at + 1..]);
        }
        Part::Encoded(bytes) => token.push_str(&encode(bytes)),
        Part::Text(text) => token.push_str(text),
        Part::Dot => token.push('.'),
    }
}

/// The claims of the token, with some of them replaced by other JSON or left out.
fn claims(changes: &[(u8, Claim<'_>)]) -> String {
    let good: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment(0, 1)).unwrap()).unwrap();
    let mut claims = good;
    for (which, claim) in changes {
        let name = ["iss", "aud", "sub", "sid", "exp", "nbf"][usize::from(*which) % 6];
        let value = match claim {
            Claim::Json(text) => serde_json::from_str(text).ok(),
            Claim::Near(seconds) => Some(json!(NOW_SECONDS + i64::from(*seconds))),
        };
        match value {
            Some(value) => claims[name] = value,
            None => {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
    }
    claims.to_string()
}

/// Whether a token with this head and these claims may open a door (RFC 7519, RFC 8725).
fn is_good(header: &str, claims: &str) -> bool {
    let (Ok(header), Ok(claims)) =
        (serde_json::from_str::<Value>(header), serde_json::from_str::<Value>(claims))
    else {
        return false;
    };
    let now = NOW_SECONDS as f64;
    let resource = format!("{URL}/mcp");
    let is_for_us = match &claims["aud"] {
        Value::Array(all) => all.iter().any(|aud| *aud == resource.as_str()),
        one => *one == resource.as_str(),
    };
    let is_user = claims["sub"].as_str().is_some_and(|sub| {
        (1..=128).contains(&sub.len())
            && sub.bytes().all(|byte| byte.is_ascii_graphic())
            && sub != "local"
    });
    header["alg"] == "RS256"
        && header["kid"] == "k"
        && header.get("crit").is_none_or(Value::is_null)
        && claims["iss"] == WORLD.issuer.as_str()
        && is_for_us
        && is_user
        && claims["exp"].as_f64().is_some_and(|exp| exp + LEEWAY_SECONDS > now)
        && claims.get("nbf").is_none_or(|nbf| {
            nbf.is_null() || nbf.as_f64().is_some_and(|nbf| nbf <= now + LEEWAY_SECONDS)
        })
}

fuzz_target!(|input: Input<'_>| {
    const HEADER: &str = r#"{"alg":"RS256","kid":"k"}"#;
    let world = &*WORLD;
    let signed = |header: &str, claims: &str| {
        (sign(&world.key, header.as_bytes(), claims.as_bytes()), is_good(header, claims))
    };
    let (token, may_open) = match &input {
        Input::Forged(parts) => {
            let mut token = String::new();
            parts.iter().for_each(|part| put(&mut token, part));
            let may_open = token == world.tokens[0];
            (token, may_open)
        }
        Input::Signed { header, claims } => signed(header, claims),
        Input::Claims(changes) => signed(HEADER, &claims(changes)),
    };
    let admitted = world.authenticator.authenticate_bearer(&token, client(), Access::Mcp);
    match world.runtime.block_on(admitted) {
        Ok(principal) => {
            assert!(may_open, "opened by {input:?}");
            assert_eq!(principal.via, Via::ResourceToken);
        }
        Err(_) => assert!(token != world.tokens[0], "the good token was refused"),
    }
});
