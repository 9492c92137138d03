//! Calls to a deployment that fails or cannot be reached. Time is paused: it advances to the next
//! timer whenever no task can run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use promptdb::domain::identity::LibraryId;
use promptdb::domain::plan::Quota;
use promptdb::domain::prompt::{PromptId, PromptRef};
use promptdb::store::{Presence, PromptStore, Store, StoreError, WriteContext};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fake::{Act, Fake};
use super::{WAIT, store_at};
use crate::store_contract::{by, library_of};

fn library() -> LibraryId {
    library_of("user_ann")
}

fn say(status: u16, body: &str) -> Act {
    Act::Say(status, "application/json", body.to_owned())
}

/// The result of a query, the number of its calls and the time that it took.
async fn query(acts: Vec<Act>) -> (Result<(), StoreError>, usize, Duration) {
    let fake = Fake::run(acts).await;
    let began = Instant::now();
    let outcome = store_at(&fake.url, 16, WAIT).ping().await;
    (outcome, fake.seen().len(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_transient_fault_is_retried_until_it_has_passed() {
    let conflict = r#"{"code":"OptimisticConcurrencyControlFailure","message":"try again"}"#;
    let many = r#"{"code":"TooManyConcurrentRequests","message":"slow down"}"#;
    for (fault, calls) in [
        (vec![say(503, conflict)], 2),
        (vec![say(429, many), say(503, ""), say(429, many), say(503, "busy"), say(429, "")], 6),
        (
            vec![say(
                500,
                r#"{"code":"InternalServerError","message":"Your request couldn't be completed."}"#,
            )],
            2,
        ),
        (vec![say(502, "<html>Bad gateway</html>"), say(504, "")], 3),
        (vec![Act::Close, Act::Close], 3),
        (vec![Act::Hang], 2),
        (vec![Act::Trickle], 2),
        (vec![say(200, "{\"status\":\"succ")], 2),
        (vec![Act::Say(200, "text/html", "<html>Sign in to the Wi-Fi</html>".to_owned())], 2),
        (vec![say(200, "{}")], 2),
    ] {
        let acts = fault.iter().cloned().chain([Act::Return(Value::Null)]).collect();
        let (outcome, seen, took) = query(acts).await;
        assert!(outcome.is_ok(), "{fault:?}: {outcome:?}");
        assert_eq!(seen, calls, "{fault:?}");
        assert!(took < WAIT, "{fault:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_ends_within_the_deadline() {
    let html = || Act::Say(200, "text/html", "<html></html>".to_owned());
    for (act, busy, fast) in [
        (say(503, ""), true, false),
        (say(429, ""), true, false),
        (Act::Hang, true, false),
        (Act::Trickle, true, false),
        (say(500, ""), false, true),
        (Act::Close, false, true),
        (html(), false, true),
        (say(200, &"x".repeat(1 << 20)), false, true),
        (say(403, r#"{"code":"Forbidden"}"#), false, true),
        (say(404, ""), false, true),
        (say(308, ""), false, true),
    ] {
        let (outcome, seen, took) = query(vec![act.clone()]).await;
        match outcome {
            Err(StoreError::Busy) if busy => {}
            Err(StoreError::Unavailable(_)) if !busy => {}
            other => panic!("{act:?}: {other:?}"),
        }
        assert!(took <= WAIT, "{act:?}: {took:?}");
        assert!(!fast || took < Duration::from_secs(1), "{act:?}: {took:?}");
        assert!(seen <= 50, "{act:?}: {seen} calls are too many for a backoff");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let huge = || {
        let value = "x".repeat(40 << 20);
        say(200, &json!({ "status": "success", "value": value }).to_string())
    };
    let (outcome, ..) = query(vec![huge()]).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_about_an_unexpected_value_does_not_quote_it() {
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    for value in [
        r#"{"id":"hunter2"}"#.to_owned(),
        r#""hunter2""#.to_owned(),
        deep.clone(),
        format!(r#"{{"hunter2":{deep}}}"#),
    ] {
        let answer = format!(r#"{{"status":"success","value":{value},"logLines":{deep}}}"#);
        let fake = Fake::run(vec![say(200, &answer)]).await;
        let prompt = PromptRef::Id(PromptId::random());
        let store = store_at(&fake.url, 16, WAIT);
        let outcome = store.get_prompt(&library(), &prompt, Presence::Living).await;
        let shown = format!("{outcome:?}");
        assert!(matches!(outcome, Err(StoreError::Internal(_))), "{shown}");
        assert!(shown.contains("prompts:get") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_fails_at_once() {
    let began = Instant::now();
    let outcome = store_at("http://127.0.0.1:9", 16, WAIT).ping().await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_the_function_is_a_store_error_and_is_not_retried() {
    for (data, expected) in [
        (json!({ "code": "NOT_FOUND" }), "the prompt or candidate does not exist"),
        (
            json!({ "code": "NAME_TAKEN", "name": "haiku", "currentVersion": 3.0 }),
            "the name haiku is taken",
        ),
        (json!({ "code": "VERSION_CONFLICT", "currentVersion": 7.0 }), "the current version is 7"),
        (json!({ "code": "QUOTA_EXCEEDED", "limit": 25.0 }), "the quota of 25 prompts is used up"),
        (
            json!({ "code": "BYTES_EXCEEDED", "limit": 20_971_520.0 }),
            "the quota of 20971520 bytes is used up",
        ),
        (json!({ "code": "NOT_DELETED" }), "the prompt is not deleted"),
        (json!({ "code": "QUEUE_FULL", "limit": 200 }), "the review queue is full (200)"),
        (
            json!({ "code": "IDEMPOTENCY_MISMATCH" }),
            "the idempotency key was used for another request",
        ),
        (json!({ "code": "INVALID_CURSOR" }), "the cursor does not belong to this listing"),
        (
            json!({ "code": "UNAUTHORIZED" }),
            "the store is unavailable: CONVEX_API_KEY is not the key of this Convex deployment",
        ),
        (json!({ "code": "INVALID_ARGUMENT", "field": "name" }), "the store failed"),
        (json!("no object"), "the store failed"),
    ] {
        let (outcome, seen, _) = query(vec![Act::Throw(data.clone())]).await;
        assert_eq!(outcome.unwrap_err().to_string(), expected, "{data}");
        assert_eq!(seen, 1, "{data}");
    }
    let (outcome, seen, _) = query(vec![Act::Fail]).await;
    assert!(matches!(outcome, Err(StoreError::Internal(_))), "{outcome:?}");
    assert_eq!(seen, 1);
}

#[tokio::test(start_paused = true)]
async fn a_retried_mutation_is_identical_to_the_first_attempt() {
    let fake =
        Fake::run(vec![Act::Close, say(503, ""), Act::Throw(json!({ "code": "NOT_FOUND" }))]).await;
    let store = store_at(&fake.url, 16, WAIT);
    let id = PromptId::random();
    for _ in 0..2 {
        let quota = Quota { prompts: None, bytes: Some(20_971_520) };
        let write = WriteContext { quota, ..by("test") };
        let outcome = store.delete_prompt(&library(), &id, Some(2), &write).await;
        assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    }
    let seen = fake.seen();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_ne!(seen[0]["args"]["write"]["key"], seen[3]["args"]["write"]["key"]);
    assert_eq!(seen[0]["path"], "prompts:remove");
    assert_eq!(seen[0]["args"]["userId"], "user_ann");
    assert_eq!(seen[0]["args"]["write"]["byteQuota"], 20_971_520);
    assert_eq!(seen[0]["args"]["apiKey"], "key-of-the-tests");
}

#[tokio::test(start_paused = true)]
async fn no_error_tells_the_key() {
    let acts = [Act::Fail, Act::Close, Act::Hang, say(500, ""), Act::Throw(json!({ "code": "X" }))];
    for act in acts {
        let (outcome, ..) = query(vec![act]).await;
        let error = outcome.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("key-of-the-tests"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_spike_waits_in_line_instead_of_drowning_the_deployment() {
    // The deployment takes 25 ms for a call. Convex's Free plan runs 16 queries at once.
    let in_flight = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (counter, maximum) = (Arc::clone(&in_flight), Arc::clone(&most));
    let handler = move || {
        let (counter, maximum) = (Arc::clone(&counter), Arc::clone(&maximum));
        async move {
            let now = counter.fetch_add(1, Ordering::SeqCst) + 1;
            maximum.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(25)).await;
            counter.fetch_sub(1, Ordering::SeqCst);
            ([("content-type", "application/json")], r#"{"status":"success","value":null}"#)
        }
    };
    let router = axum::Router::new().route("/api/query", axum::routing::post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(promptdb::http::server::serve(listener, router, 64, std::future::pending()));

    let store = Arc::new(store_at(&url, 16, WAIT));
    let mut tasks = JoinSet::new();
    for place in 0..2000_usize {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.ping().await.map(|()| place) });
    }
    let mut order = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        order.push(ended.unwrap().unwrap());
    }
    assert_eq!(order.len(), 2000);
    assert!(most.load(Ordering::SeqCst) <= 16);
    let out_of_turn = order.iter().enumerate().filter(|(at, place)| at.abs_diff(**place) > 64);
    assert_eq!(out_of_turn.count(), 0, "first come, first served");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_past_its_deadline_is_never_sent() {
    let fake = Fake::run(vec![Act::Hang]).await;
    let store = Arc::new(store_at(&fake.url, 1, WAIT));
    let mut tasks = JoinSet::new();
    for _ in 0..5 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.ping().await });
    }
    let ends = tasks.join_all().await;
    assert!(ends.iter().all(|end| matches!(end, Err(StoreError::Busy))), "{ends:?}");
    assert!(fake.seen().len() <= 4, "only the call that hangs is sent, and retried");
}

#[tokio::test]
async fn the_calls_of_one_owner_leave_the_others_half_of_the_places() {
    // The deployment answers everybody but Ann, whose calls reach it one by one.
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let handler = async move |body: String| {
        if body.contains("user_ann") {
            arrived.send(()).unwrap();
            std::future::pending::<()>().await;
        }
        ([("content-type", "application/json")], r#"{"status":"success","value":null}"#)
    };
    let router = axum::Router::new().route("/api/query", axum::routing::post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(promptdb::http::server::serve(listener, router, 64, std::future::pending()));

    let store = Arc::new(store_at(&url, 16, WAIT));
    let mut anns = JoinSet::new();
    for _ in 0..100 {
        let store = Arc::clone(&store);
        let prompt = PromptRef::Id(PromptId::random());
        anns.spawn(
            async move { store.get_prompt(&library(), &prompt, Presence::Living).await.is_ok() },
        );
    }
    for _ in 0..8 {
        arrivals.recv().await.unwrap();
    }
    for _ in 0..20 {
        store.ping().await.unwrap();
    }
    assert!(arrivals.try_recv().is_err(), "Ann has more than half of the places");
}
