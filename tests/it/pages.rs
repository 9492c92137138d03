//! Pages and files: what `public/` holds is served as it is, once compressed, and nothing around it.

use std::fs;
use std::io::Read;
use std::path::Path;

use axum::http::{Method, StatusCode};
use flate2::read::GzDecoder;
use promptdb::web::compress_assets;
use walkdir::WalkDir;

use crate::auth::World;
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// The headers that tell one representation from another.
const VALIDATORS: [&str; 3] = ["etag", "cache-control", "vary"];

/// The page of plans of a server that sells them. It takes the place of the one here.
const PLANS_FOR_SALE: &str = "plans.html";

/// The files of `public/` that a server without billing serves, as paths below it.
fn files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("public");
    let entries = WalkDir::new(&folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|file| file.path().strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/"))
        .filter(|file| file != PLANS_FOR_SALE)
        .collect()
}

fn read(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("public").join(file)).unwrap()
}

/// The URL at which a file is served.
fn url(file: &str) -> String {
    match file {
        "index.html" => "/".to_owned(),
        "plans-free.html" => "/plans".to_owned(),
        other => format!("/{}", other.strip_suffix(".html").unwrap_or(other)),
    }
}

/// The URL of the largest script.
fn script() -> String {
    let is_script = |file: &String| Path::new(file).extension().is_some_and(|end| end == "js");
    let scripts = files().into_iter().filter(is_script);
    url(&scripts.max_by_key(|file| read(file).len()).expect("the application has a script"))
}

fn has_name_hash(file: &str) -> bool {
    let stem = file.rsplit_once('.').unwrap().0;
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    stem.rsplit_once('-').is_some_and(|(_, hash)| hash.len() == 8 && hash.bytes().all(is_part))
}

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> TestResponse {
    app.call(Method::GET, path, headers, None).await
}

#[tokio::test]
async fn every_file_is_served_under_its_name_with_its_media_type() {
    let app = TestApp::new();
    let files = files();
    for page in ["index.html", "app.html", "privacy.html", "terms.html"] {
        assert!(files.iter().any(|file| file == page), "{page}");
    }
    for file in files {
        let answer = app.get(&url(&file)).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert!(answer.body == read(&file), "{file}");
        let expected = match file.rsplit_once('.').unwrap().1 {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "txt" => "text/plain; charset=utf-8",
            "json" => "application/json",
            "webmanifest" => "application/manifest+json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "webp" => "image/webp",
            "ico" => "image/x-icon",
            other => panic!("{file}: no media type for {other}"),
        };
        assert_eq!(answer.header("content-type"), expected, "{file}");
        let (kept, is_hashed) = (answer.header("cache-control"), has_name_hash(&file));
        let expected = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(kept, expected, "{file}");
        assert_eq!(file.starts_with("assets/") && file != "assets/licenses.txt", is_hashed);
        assert!(answer.header("etag").starts_with('"'), "{file}");
    }
}

#[tokio::test]
async fn a_head_request_gets_the_headers_of_the_file() {
    let app = TestApp::new();
    for file in files() {
        let full = app.get(&url(&file)).await;
        let head = app.call(Method::HEAD, &url(&file), &[], None).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{file}");
        assert_eq!(head.header("content-length"), full.body.len().to_string(), "{file}");
        for name in VALIDATORS.into_iter().chain(["content-type"]) {
            assert_eq!(head.header(name), full.header(name), "{file}: {name}");
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_current_is_not_sent_again() {
    let app = TestApp::new();
    for file in files() {
        let path = url(&file);
        let full = app.get(&path).await;
        let tag = full.header("etag");
        for condition in [tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
            for method in [Method::GET, Method::HEAD] {
                let headers = [("if-none-match", condition)];
                let answer = app.call(method, &path, &headers, None).await;
                assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{file} {condition}");
                assert!(answer.body.is_empty(), "{file}");
                assert_eq!(answer.header("content-type"), "", "{file}");
                for name in VALIDATORS {
                    assert_eq!(answer.header(name), full.header(name), "{file}: {name}");
                }
            }
        }
        for stale in ["\"other\"", tag.trim_matches('"'), "\"\""] {
            let answer = get(&app, &path, &[("if-none-match", stale)]).await;
            assert_eq!(answer.status, StatusCode::OK, "{file} {stale}");
        }
    }
}

/// The body without its coding, of which it has one at most.
fn decode(answer: &TestResponse) -> Vec<u8> {
    let (mut text, body) = (Vec::new(), answer.body.as_slice());
    match answer.header("content-encoding") {
        "gzip" => GzDecoder::new(body).read_to_end(&mut text).unwrap(),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut text).unwrap(),
        "" => return body.to_vec(),
        other => panic!("{other}"),
    };
    text
}

#[tokio::test]
async fn each_coding_of_a_script_has_its_own_tag_and_is_compressed_once() {
    compress_assets();
    let (app, path) = (TestApp::new(), script());
    let plain = app.get(&path).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let mut tags = vec![plain.header("etag").to_owned()];
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("gzip", "gzip"),
        ("br", "br"),
        ("deflate, zstd", ""),
        ("br;q=0", ""),
    ] {
        let answer = get(&app, &path, &[("accept-encoding", accepted)]).await;
        assert_eq!(answer.header("content-encoding"), coding, "{accepted}");
        assert!(decode(&answer) == plain.body, "{accepted}");
        assert!(coding.is_empty() || answer.body.len() * 3 < plain.body.len() * 2, "{accepted}");
        assert_eq!(answer.header("content-type"), plain.header("content-type"));
        assert_eq!(answer.header("cache-control"), plain.header("cache-control"));
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        let tag = answer.header("etag").to_owned();
        let again = [("accept-encoding", accepted), ("if-none-match", &tag)];
        let again = get(&app, &path, &again).await;
        assert_eq!((again.status, again.header("etag")), (StatusCode::NOT_MODIFIED, &*tag));
        assert_eq!(again.header("vary"), "accept-encoding");
        tags.push(tag);
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    // RFC 9110, section 13.1.2: the tag of another coding is that of another representation.
    for tag in &tags {
        let headers = [("accept-encoding", "identity"), ("if-none-match", tag)];
        let is_plain = *tag == plain.header("etag");
        let expected = if is_plain { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        assert_eq!(get(&app, &path, &headers).await.status, expected, "{tag}");
    }
}

#[tokio::test]
async fn only_text_is_compressed() {
    compress_assets();
    let app = TestApp::new();
    for file in files() {
        let answer = get(&app, &url(&file), &[("accept-encoding", "br, gzip")]).await;
        assert!(decode(&answer) == read(&file), "{file}");
        assert!(answer.body.len() <= read(&file).len(), "{file}");
        let is_image = ["png", "webp"].iter().any(|end| file.ends_with(end));
        assert_eq!(answer.header("vary").is_empty(), is_image, "{file}");
        assert!(!is_image || answer.header("content-encoding").is_empty(), "{file}");
    }
}

#[tokio::test]
async fn nothing_but_the_files_below_assets_is_served_there() {
    let app = TestApp::new();
    let script = script();
    let name = script.strip_prefix("/assets/").unwrap();
    assert_eq!(app.get(&script).await.status, StatusCode::OK);
    for path in [
        "/assets",
        "/assets/",
        "/assets/nothing.js",
        "/assets/nothing-ABCD1234.js",
        "/assets/../index.html",
        "/assets/../../Cargo.toml",
        "/assets/..",
        "/assets/.",
        "/assets/./licenses.txt",
        "/assets/x/../licenses.txt",
        "/assets/%2e%2e/index.html",
        "/assets/%2E%2E%2Findex.html",
        "/assets/..%2findex.html",
        "/assets/..%5cindex.html",
        "/assets/..%00/index.html",
        "/assets/%ff",
        "/assets/%",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/.hidden",
        "//assets/licenses.txt",
        "/index.html",
        "/app.html",
        "/../Cargo.toml",
    ] {
        assert_problem(&app.get(path).await, 404, "no-route");
        let answer = get(&app, path, &[("accept", BROWSER)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    for path in [
        format!("/assets//{name}"),
        format!("/assets/{name}/"),
        format!("/assets/{name}%00"),
        format!("/assets/{}", name.to_ascii_uppercase()),
        format!("/assets/../assets/{name}"),
        format!("/assets/assets/{name}"),
        format!("//{name}"),
    ] {
        assert_problem(&app.get(&path).await, 404, "no-route");
    }
}

/// Paths of the application, of which the server answers the same to every one.
const SHELL: [&str; 9] = [
    "/app",
    "/app/",
    "/app/p/nothing",
    "/app/p/code-review/history?a=1&b=2",
    "/app/p/%C3%BC%20%2F",
    "/app/%ff",
    "/app//new",
    "/app/../api/me",
    "/app/trash?next=//evil.example",
];

#[tokio::test]
async fn every_path_of_the_application_is_the_same_shell() {
    let app = TestApp::new();
    let shell = read("app.html");
    for path in SHELL {
        let answer = app.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.body == shell, "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        let program = get(&app, path, &[("accept", "application/json")]).await;
        assert!(program.body == shell, "{path}");
    }
    for path in SHELL.into_iter().chain(["/", "/privacy", "/terms", "/robots.txt", "/assets/x"]) {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let answer = app.call(method.clone(), path, &[], None).await;
            assert_problem(&answer, 405, "method-not-allowed");
            assert_eq!(answer.header("allow"), "GET,HEAD", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_pages_are_open_and_the_same_for_every_caller() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_bob"));
    for path in ["/", "/app", "/app/p/nothing", "/privacy", "/terms", &script()] {
        let open = world.app.get(path).await;
        assert_eq!(open.status, StatusCode::OK, "{path}");
        let signed_in = browser.visit(&world.app, path).await;
        let others = [
            get(&world.app, path, &[("cookie", "__Host-promptdb=forged")]).await,
            get(&world.app, path, &[("authorization", &token)]).await,
            get(&world.app, path, &[("authorization", "Bearer forged")]).await,
        ];
        for answer in others.iter().chain([&signed_in]) {
            assert!(answer.status == StatusCode::OK && answer.body == open.body, "{path}");
            assert_eq!(answer.header("set-cookie"), "", "{path}");
            assert_eq!(answer.header("etag"), open.header("etag"), "{path}");
        }
    }
}

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

#[tokio::test]
async fn pages_run_nothing_but_the_scripts_of_this_server() {
    let https = format!("{PAGE_POLICY}; upgrade-insecure-requests");
    for (world, expected) in [
        (World::at_url("http://localhost:3000", |_| {}).await, PAGE_POLICY),
        (World::new().await, &*https),
        (World::at_url("https://localhost:3000", |_| {}).await, &*https),
    ] {
        let policy = |answer: &TestResponse| answer.header("content-security-policy").to_owned();
        for path in ["/", "/app", "/app/p/x", "/privacy", "/terms"] {
            let answer = world.app.get(path).await;
            assert_eq!(policy(&answer), expected, "{path}");
            let headers = [("if-none-match", answer.header("etag"))];
            let current = get(&world.app, path, &headers).await;
            assert_eq!((current.status.as_u16(), policy(&current)), (304, expected.to_owned()));
        }
        for path in ["/robots.txt", "/favicon.ico", "/auth/popup.js", &script()] {
            let data = "default-src 'none'; frame-ancestors 'none'";
            assert_eq!(policy(&world.app.get(path).await), data, "{path}");
        }
        let problem = get(&world.app, "/nothing", &[("accept", BROWSER)]).await;
        let expected = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
            base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        assert_eq!(policy(&problem), expected);
    }
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let popup = browser.visit(&world.app, "/auth/popup").await;
    assert_eq!(popup.header("content-security-policy"), https);
}

#[tokio::test]
async fn a_page_of_a_problem_has_the_style_of_the_other_pages_and_leads_to_the_library() {
    let app = TestApp::new();
    let style = files().into_iter().find(|file| file.starts_with("assets/page-")).map(|file| {
        assert!(has_name_hash(&file));
        format!("<link rel=\"stylesheet\" href=\"/{file}\">")
    });
    let style = style.expect("the static pages have a style sheet");
    for (path, status, is_led) in [
        ("/nothing", 404, true),
        ("/assets/nothing.js", 404, true),
        ("/api/prompts/nothing", 404, true),
        ("/api/prompts?limit=x", 422, false),
    ] {
        let answer = get(&app, path, &[("accept", BROWSER)]).await;
        let page = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status.as_u16(), status);
        assert!(page.contains(&style), "{page}");
        assert_eq!(page.contains("<a href=\"/app\">Go to your library</a>"), is_led, "{page}");
    }
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let popup = browser.visit(&world.app, "/auth/popup").await;
    assert!(String::from_utf8(popup.body).unwrap().contains(&style));
}

#[tokio::test]
async fn a_crowd_behind_one_address_loads_pages_and_a_flood_ends() {
    let limit = |limits: &mut promptdb::config::Limits| {
        limits.rate_per_minute = std::num::NonZeroU32::new(120);
    };
    let world = World::with_limits(limit).await;
    let script = script();
    let mut load = ["/app", "/favicon.ico", &script].into_iter().cycle();
    // A first load takes ten requests at most.
    for request in 0..120 * 10 {
        let status = world.app.get(load.next().unwrap()).await.status;
        assert_eq!(status, StatusCode::OK, "request {request}");
    }
    for path in ["/", "/app", "/privacy", "/robots.txt", "/assets/nothing", &script] {
        let answer = world.app.get(path).await;
        assert_problem(&answer, 429, "rate-limited");
        assert_eq!(answer.header("ratelimit-limit"), "1200", "{path}");
    }
    assert_eq!(world.app.get("/auth/login").await.status, StatusCode::SEE_OTHER);
    // Ten each half second.
    world.clock.advance_seconds(1);
    assert_eq!(world.app.get("/app").await.status, StatusCode::OK);
}

#[tokio::test]
async fn crawlers_are_kept_out_of_what_is_personal() {
    let app = TestApp::new();
    let robots = String::from_utf8(app.get("/robots.txt").await.body).unwrap();
    let lines: Vec<&str> = robots.lines().map(|line| line.trim_end_matches('/')).collect();
    for line in ["User-agent: *", "Disallow: /app", "Disallow: /api", "Disallow: /auth"] {
        assert!(lines.contains(&line), "{robots}");
    }
}

#[tokio::test]
async fn the_challenge_of_openai_is_the_token_alone_where_it_is_set() {
    const PATH: &str = "/.well-known/openai-apps-challenge";
    assert_problem(&TestApp::new().get(PATH).await, 404, "no-route");
    let app = TestApp::builder().openai_apps_challenge("Zm9v-bar_1").build();
    let answer = app.get(PATH).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, &b"Zm9v-bar_1"[..]));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(app.call(Method::HEAD, PATH, &[], None).await.status, StatusCode::OK);
    assert_problem(&app.post(PATH, serde_json::json!({})).await, 405, "method-not-allowed");
}
