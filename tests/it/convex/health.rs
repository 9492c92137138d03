//! Health on Convex: the layer that fails, the time to report it, and the number of calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::fake::{Act, Fake};
use super::store_at;
use crate::support::TestApp;

/// Deadlines of a call to the store, and of a request.
const STORE_WAIT: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

fn app_on(url: &str) -> TestApp {
    let store = Arc::new(store_at(url, 16, STORE_WAIT));
    TestApp::builder().store(store).request_timeout(REQUEST_TIMEOUT).build()
}

/// Sends `times` concurrent probes, over REST and MCP in turn, and expects the same answer to each.
async fn probe(app: &TestApp, times: usize, status: u16, layer: &str, word: &str) {
    let probes = (0..times).map(async |number| {
        if number % 2 == 1 {
            let result = app.tool("health_check", json!({})).await;
            assert_eq!(TestApp::structured(&result), &json!({ "status": word }));
            return;
        }
        let answer = app.get("/health/ready").await;
        let health = answer.json();
        assert_eq!(answer.status.as_u16(), status, "{health}");
        let found = &health["layers"][0];
        assert_eq!((&found["name"], &found["status"]), (&json!("store"), &json!(layer)));
        let latency = found["latency_ms"].as_f64().unwrap();
        let most = REQUEST_TIMEOUT.as_secs_f64() * 1000.0;
        assert!(latency > 0.0 && latency < most, "{latency}");
    });
    join_all(probes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_down_is_reported_within_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let garbage = Act::Say(200, "text/html", "<html>a proxy's page</html>".to_owned());
    let acts = [Act::Hang, Act::Trickle, Act::Close, Act::Fail, garbage];
    let overloaded = [429, 500, 503].map(|status| Act::Say(status, "text/plain", String::new()));
    let refused = Act::Throw(json!({ "code": "UNAUTHORIZED" }));
    let acts = acts.into_iter().chain(overloaded).chain([refused]);
    let fakes = join_all(acts.map(|act| Fake::run(vec![act]))).await;
    let urls = fakes.iter().map(|fake| fake.url.clone()).chain([gone]);
    join_all(urls.map(async |url| {
        let app = app_on(&url);
        let began = Instant::now();
        assert_eq!(app.get("/health").await.status.as_u16(), 200);
        probe(&app, 2, 503, "failed", "degraded").await;
        assert!(began.elapsed() < REQUEST_TIMEOUT, "{url}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_concurrent_probes_cost_one_call() {
    let fake = Fake::run(vec![Act::Return(Value::Null)]).await;
    let app = app_on(&fake.url);
    probe(&app, 100, 200, "ok", "ok").await;
    assert_eq!(fake.seen().len(), 1);

    let fake = Fake::run(vec![Act::Fail]).await;
    let app = app_on(&fake.url);
    probe(&app, 100, 503, "failed", "degraded").await;
    assert_eq!(fake.seen().len(), 1, "a failure is cached, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_works_again_is_ready_again() {
    let fake = Fake::run(vec![Act::Fail, Act::Return(Value::Null)]).await;
    let app = app_on(&fake.url);
    probe(&app, 2, 503, "failed", "degraded").await;
    let began = Instant::now();
    while app.get("/health/ready").await.status.as_u16() != 200 {
        assert!(began.elapsed() < Duration::from_secs(5), "it never becomes ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fake.seen().len(), 2, "each answer is cached for a second");
}
