//! The server calls the upstreams of its settings only: it follows no redirect and no proxy setting
//! of the environment.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::{Server, exchange, library};

/// A server that records the first line of each request, and sends each the same answer.
struct Upstream {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        // The thread lives until the process of the tests ends.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                recorded.lock().unwrap().push(line.trim_end().to_owned());
                while line.trim_end() != "" {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                }
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

#[test]
fn no_redirect_of_an_upstream_and_no_proxy_of_the_environment_is_followed() {
    let answer =
        |head: &str| format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let elsewhere = Upstream::start(answer("200 OK"));
    let location = format!("307 Temporary Redirect\r\nlocation: {}/stolen", elsewhere.url);
    let upstream = Upstream::start(answer(&location));
    let proxy = Upstream::start(answer("200 OK"));

    let (_dir, file) = library();
    let mut server = Server::start(
        &file,
        &[
            ("CONVEX_URL", &upstream.url),
            ("CONVEX_API_KEY", "0123456789abcdef0123456789abcdef"),
            ("WORKOS_CLIENT_ID", "client_test"),
            ("WORKOS_API_KEY", "sk_test_key"),
            ("WORKOS_API_URL", &upstream.url),
            ("AUTHKIT_DOMAIN", &upstream.url),
            ("COOKIE_SECRET", "0123456789abcdef0123456789abcdef"),
            ("HTTP_PROXY", &proxy.url),
            ("http_proxy", &proxy.url),
            ("ALL_PROXY", &proxy.url),
            ("NO_PROXY", ""),
        ],
    );
    let (status, readiness) = exchange(server.port, "GET", "/health/ready", None);
    assert_eq!(status, 503, "a redirect was followed: {readiness}");
    let requests = upstream.requests();
    for path in ["POST /api/", "GET /oauth2/jwks"] {
        assert!(requests.iter().any(|line| line.starts_with(path)), "{path}: {requests:?}");
    }
    assert_eq!(elsewhere.requests(), [""; 0]);
    assert_eq!(proxy.requests(), [""; 0]);
    server.process.signal(rustix::process::Signal::TERM);
    assert_eq!(server.process.end().0, Some(0));
}
