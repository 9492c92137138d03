//! The real functions of `convex/`, served by `tests/convex/server.mjs`: one process for all tests,
//! and a separate database for each test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};

use promptdb::clients::convex::ConvexClient;
use promptdb::store::convex::ConvexStore;
use serde_json::json;

use super::WAIT;
use crate::support::FixedClock;

/// The API key of the functions.
pub(crate) const API_KEY: &str = "the-key-of-the-tests-0123456789abcdef";

/// The running server. It ends with this process, which closes its standard input.
struct Server {
    address: String,
    _process: Child,
}

/// A failure to start is kept, so that every test that needs the server reports its cause.
static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(|| {
    Server::start().map_err(|problem| {
        format!(
            "Node 20 or later is needed for the tests on Convex, and the packages that `npm ci` \
             installs: {problem}"
        )
    })
});

impl Server {
    fn start() -> Result<Self, String> {
        let mut process = Command::new("node")
            .arg("tests/convex/server.mjs")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PROMPTDB_API_KEY", API_KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`node` does not start ({error})"))?;
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        if port.is_empty() {
            let status = process.wait().unwrap();
            return Err(format!("`node tests/convex/server.mjs` ended early ({status})"));
        }
        Ok(Self { address: format!("127.0.0.1:{}", port.trim()), _process: process })
    }
}

/// The address of the functions, for tests that connect to it themselves.
///
/// # Panics
/// When Node or the packages of the functions are not installed.
pub(crate) fn address() -> &'static str {
    match &*SERVER {
        Ok(server) => &server.address,
        Err(problem) => panic!("{problem}"),
    }
}

/// A store on an empty database, and the clock that sets the time of the functions.
pub(crate) fn deployment() -> (ConvexStore, Arc<FixedClock>) {
    deployment_at(&format!("http://{}", address()))
}

/// The same through a proxy at `url`, which forwards to the functions.
pub(crate) fn deployment_at(url: &str) -> (ConvexStore, Arc<FixedClock>) {
    let world = uuid::Uuid::new_v4().to_string();
    let headers = [("x-world".parse().unwrap(), world.parse().unwrap())].into_iter().collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "only the tests send this header, which selects a database"
    )]
    let http = reqwest::Client::builder().default_headers(headers).build().unwrap();
    let client = ConvexClient::new(http, &url.parse().unwrap(), API_KEY.to_owned().into());
    let clock = FixedClock::followed_by(move |now| set_clock(&world, now));
    (ConvexStore::new(client, 16, WAIT), clock)
}

fn set_clock(world: &str, now: i64) {
    let body = json!({ "world": world, "now_ms": now }).to_string();
    let mut stream = TcpStream::connect(address()).unwrap();
    write!(
        stream,
        "POST /_test/clock HTTP/1.1\r\nhost: functions\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
