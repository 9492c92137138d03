//! The page `/widget`: the one page with a script and a style inside, and the policy that allows them.

use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use promptdb::web::compress_assets;
use sha2::{Digest, Sha256};

use crate::auth::World;
use crate::support::{TestApp, TestResponse};

/// The source expression of the text of the one element of this name.
fn hash_element(page: &str, name: &str) -> String {
    let (start, end) = (format!("<{name}"), format!("</{name}>"));
    let parts: Vec<&str> = page.split(&start).collect();
    assert_eq!((parts.len(), page.matches(&end).count()), (2, 1), "{name}");
    let (_, text) = parts[1].split_once('>').unwrap();
    let (text, _) = text.split_once(&end).unwrap();
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

fn policy(answer: &TestResponse) -> &str {
    let mut values = answer.headers.get_all("content-security-policy").iter();
    let policy = values.next().unwrap().to_str().unwrap();
    assert!(values.next().is_none(), "{:?}", answer.headers);
    policy
}

/// The policy of other pages, with these sources of scripts and styles.
fn page_policy(app_policy: &str, script: &str, style: &str) -> String {
    app_policy
        .replace("script-src 'self'", &format!("script-src {script}"))
        .replace("style-src 'self'", &format!("style-src {style}"))
}

#[tokio::test]
async fn the_policy_of_the_widget_allows_its_own_script_and_style_alone() {
    compress_assets();
    for url in ["http://localhost:3000", "https://prompts.example"] {
        let world = World::at_url(url, |_| {}).await;
        let app = &world.app;
        let plain = app.get("/widget").await;
        let page = String::from_utf8(plain.body.clone()).unwrap();
        let other = app.get("/app").await;
        let expected = page_policy(
            policy(&other),
            &hash_element(&page, "script"),
            &hash_element(&page, "style"),
        );
        assert!(!expected.contains("unsafe"), "{expected}");
        for part in ["frame-ancestors 'none'", "trusted-types 'none'", "default-src 'none'"] {
            assert!(expected.contains(part), "{expected}");
        }
        for method in [Method::GET, Method::HEAD] {
            for coding in ["identity", "br", "gzip"] {
                let accepted = [("accept-encoding", coding)];
                let answer = app.call(method.clone(), "/widget", &accepted, None).await;
                assert_eq!(answer.status, StatusCode::OK, "{method} {coding}");
                assert_eq!(policy(&answer), expected, "{method} {coding}");
                // A browser gives a copy that is current the policy of the 304.
                let headers = [accepted[0], ("if-none-match", answer.header("etag"))];
                let current = app.call(method.clone(), "/widget", &headers, None).await;
                assert_eq!(current.status, StatusCode::NOT_MODIFIED, "{method} {coding}");
                assert_eq!(policy(&current), expected, "{method} {coding}");
            }
        }
        for name in ["content-type", "cache-control", "x-content-type-options", "referrer-policy"] {
            assert_eq!(plain.header(name), other.header(name), "{name}");
        }
    }
}

#[tokio::test]
async fn the_page_of_a_problem_beside_the_widget_runs_no_script() {
    let app = TestApp::new();
    let answer = app.call(Method::POST, "/widget", &[("accept", "text/html")], None).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(!policy(&answer).contains("script-src"), "{}", policy(&answer));
    for path in ["/widget/", "/widget.html", "/widget/x", "/Widget"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
