//! What imports and harvests cost of the caller's rate limit, and what an import does while it waits.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::Duration;

use axum::http::{Method, Request};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use promptdb::domain::identity::Principal;
use promptdb::domain::plan::{Plan, Quota};
use promptdb::domain::transfer::{ImportFormat, Source};
use promptdb::library::{Bucket, ImportOptions, ItemOutcome, Meter};
use serde_json::{Value, json};

use super::{assert_problem, bob, counts, export, import, import_as, send};
use crate::support::{TestApp, TestResponse};

fn app(rate_per_minute: u32) -> TestApp {
    let rate = NonZeroU32::new(rate_per_minute);
    TestApp::builder().limits(|limits| limits.rate_per_minute = rate).build()
}

/// A table with so many prompts.
fn table(prompts: usize) -> String {
    let rows = (0..prompts).map(|number| format!("p{number},Text {number}\r\n"));
    std::iter::once("name,content\r\n".to_owned()).chain(rows).collect::<Vec<_>>().concat()
}

/// The units that the bucket has left, after the request that finds out.
async fn units_left(app: &TestApp) -> u32 {
    app.get("/api/me").await.header("ratelimit-remaining").parse().unwrap()
}

#[tokio::test]
async fn an_import_costs_a_unit_and_one_for_each_twenty_items_that_are_written() {
    let app = app(100);
    let report = send(&app, "?dry_run=true", "text/csv", table(59)).await.json();
    assert_eq!(counts(&report), [59, 0, 0, 0]);
    assert_eq!(units_left(&app).await, 98, "a dry run writes nothing");
    assert_eq!(counts(&import(&app, "text/csv", table(59)).await), [59, 0, 0, 0]);
    assert_eq!(units_left(&app).await, 94);
    assert_eq!(counts(&import(&app, "text/csv", table(59)).await), [0, 0, 59, 0]);
    assert_eq!(units_left(&app).await, 92, "nothing was written");
    let refused = "name,content\r\n".to_owned() + &"a\r\n".repeat(100);
    assert_eq!(counts(&import(&app, "text/csv", refused).await), [0, 0, 0, 100]);
    assert_eq!(units_left(&app).await, 90);
}

#[tokio::test]
async fn an_import_waits_for_units_and_leaves_half_of_them_to_requests() {
    let app = app(10);
    let file = table(140);
    let request = Request::post("/api/import").header("content-type", "text/csv");
    let mut import = app.send(request.body(file.into()).unwrap()).boxed();
    // The clock stands still, so it waits when it has taken four units: for 80 items at most.
    wait_for_prompts(&app, 60, &mut import).await;
    // Other requests of the caller have the other half, of which the import takes nothing.
    for _ in 0..5 {
        assert!(import.as_mut().now_or_never().is_none());
        assert_eq!(app.get("/api/me").await.status.as_u16(), 200);
    }
    // A unit comes every 6 s, and 18 are needed: seven for the items, six for requests, and five that
    // are left.
    let mut seconds = 0;
    let answer = loop {
        app.clock.advance_seconds(1);
        seconds += 1;
        let next_second = tokio::time::sleep(Duration::from_millis(1));
        tokio::select! {
            answer = &mut import => break answer,
            () = next_second => {}
        }
    };
    let report = answer.json();
    assert_eq!((counts(&report), &report["complete"]), ([140, 0, 0, 0], &json!(true)));
    assert!(seconds >= 6 * 8, "{seconds} s");
}

/// Runs an import until the library has so many prompts.
async fn wait_for_prompts(app: &TestApp, count: u64, import: &mut BoxFuture<'_, TestResponse>) {
    while app.state.library().count_library(&local()).await.unwrap().prompts < count {
        tokio::select! {
            biased;
            answer = &mut *import => panic!("{}", answer.json()),
            () = tokio::task::yield_now() => {}
        }
    }
}

fn local() -> Principal {
    Principal::local(promptdb::domain::identity::Client::named("test"))
}

/// A bucket that never has enough.
struct Empty;

impl Bucket for Empty {
    fn take(&self, _units: NonZeroU32) -> Result<(), u32> {
        Err(1)
    }

    fn take_spare(&self) -> Result<(), Duration> {
        Err(Duration::from_hours(1))
    }
}

#[tokio::test]
async fn what_an_import_cannot_pay_for_in_time_is_left_and_said() {
    let app = TestApp::new();
    let input = Box::new(Cursor::new(table(40).into_bytes()));
    let source = Source::File { format: ImportFormat::Csv, input, stem: None };
    let bob = Principal { plan: Plan::free(25, None), ..bob(None) };
    let stop = |done: u64| (done >= 19).then(|| "the time is over".to_owned());
    let meter = Meter::new(std::sync::Arc::new(Empty));
    let options = ImportOptions { dry_run: false, meter, stop: &stop };
    let mut done = 0;
    let end = app.state.library().import(&bob, source, options, |item| {
        assert_eq!(item.outcome, ItemOutcome::Created);
        done += 1;
    });
    let broken = end.await.unwrap().broken.unwrap();
    assert_eq!(done, 19, "the twentieth needs a unit");
    assert_eq!(broken.at, "after row 20");
    assert!(broken.reason.starts_with("the time is over; import the file again"), "{broken}");
    assert_eq!(app.state.library().count_library(&bob).await.unwrap().prompts, 19);
}

#[tokio::test]
async fn an_import_that_waits_ends_with_the_server() {
    let app = app(10);
    let request = Request::post("/api/import").header("content-type", "text/csv");
    let mut import = app.send(request.body(table(140).into()).unwrap()).boxed();
    wait_for_prompts(&app, 60, &mut import).await;
    app.state.shutdown().cancel();
    let report = import.await.json();
    assert_eq!(report["complete"], false);
    let reason = report["broken"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the server is shutting down; import the file again"), "{reason}");
    let [created, .., refused] = counts(&report);
    assert!((60..140).contains(&created) && refused == 0, "{created}");
}

/// A harvest whose texts have 64 KiB and some bytes.
fn harvest() -> Value {
    let (content, why) = ("Summarise {{text}} for a reader. ".repeat(1985), "long ".repeat(50));
    json!({ "candidates": [{ "title": "Summary", "content": content, "why": why }] })
}

#[tokio::test]
async fn a_harvest_costs_a_unit_more_for_each_16_kib_over_rest_and_mcp_alike() {
    let app = app(15);
    let small = json!({ "candidates": [{ "title": "Letter", "why": "Used twice.",
        "content": "Write a letter to {{reader}} about {{topic}}" }] });
    assert_eq!(app.post("/api/candidates", small).await.status.as_u16(), 201);
    assert_eq!(units_left(&app).await, 13);
    let posted = app.post("/api/candidates", harvest()).await;
    assert_eq!(posted.status.as_u16(), 201, "{}", posted.json());
    assert_eq!(units_left(&app).await, 7);
    let harvested = app.tool("harvest_session", harvest()).await;
    assert_eq!(harvested["isError"], false, "{harvested}");
    assert_eq!(units_left(&app).await, 1);
    app.clock.advance_seconds(8);

    // Three units are too few, and none is taken but those of the requests.
    let refused: TestResponse = app.post("/api/candidates", harvest()).await;
    assert_problem(&refused, 429, "rate-limited");
    assert_ne!(refused.header("retry-after"), "");
    let refused = app.tool("harvest_session", harvest()).await;
    let text = TestApp::mistake(&refused);
    assert!(text.starts_with("too many requests; try again in"), "{text}");
    assert_eq!(units_left(&app).await, 0);
    app.clock.advance_seconds(60);
    let waiting = app.get("/api/candidates").await.json();
    assert_eq!(waiting["candidates"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_listing_of_candidates_costs_a_unit_more_for_each_eight_over_rest_and_mcp_alike() {
    let app = app(30);
    for (limit, left) in [("", 26), ("?limit=8", 23), ("?limit=7", 21)] {
        assert_eq!(app.get(&format!("/api/candidates{limit}")).await.status.as_u16(), 200);
        assert_eq!(units_left(&app).await, left);
    }
    let unknown = format!("cnd_{}", "0".repeat(32));
    for (arguments, left) in
        [(json!({}), 17), (json!({ "limit": 8 }), 14), (json!({ "candidate_id": unknown }), 12)]
    {
        app.tool("list_candidates", arguments).await;
        assert_eq!(units_left(&app).await, left);
    }
    let refused = app.get("/api/candidates?limit=100").await;
    assert_problem(&refused, 429, "rate-limited");
}

#[tokio::test]
async fn nothing_is_charged_without_a_rate_limit() {
    let app = TestApp::new();
    assert_eq!(counts(&import(&app, "text/csv", table(200)).await), [200, 0, 0, 0]);
    for _ in 0..3 {
        assert_eq!(app.post("/api/candidates", harvest()).await.status.as_u16(), 201);
    }
    let answer = app.call(Method::GET, "/api/me", &[], None).await;
    assert_eq!(answer.header("ratelimit-remaining"), "");
}

/// A file whose second part is read once `open` has returned.
struct Gated<F> {
    file: Cursor<Vec<u8>>,
    first_part: u64,
    open: Option<F>,
}

impl<F: FnOnce()> Read for Gated<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.first_part.saturating_sub(self.file.position());
        if left == 0 {
            self.open.take().into_iter().for_each(|open| open());
            return self.file.read(buffer);
        }
        let most = buffer.len().min(usize::try_from(left).unwrap());
        self.file.read(&mut buffer[..most])
    }
}

impl<F> Seek for Gated<F> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_erased_during_an_import_is_reported_as_such() {
    let app = TestApp::new();
    let bob = bob(None);
    let first = r#"[{"name":"a","content":"x"},"#;
    let file = format!("{first}{{\"name\":\"b\",\"content\":\"x\"}}]").into_bytes();
    let (reported, is_reported) = mpsc::channel();
    let (library, user) = (std::sync::Arc::clone(app.state.library()), bob.user_id.clone());
    let runtime = tokio::runtime::Handle::current();
    let open = move || {
        is_reported.recv().unwrap();
        runtime.block_on(library.erase_account(&user)).unwrap();
    };
    let first_part = first.len() as u64;
    let input = Box::new(Gated { file: Cursor::new(file), first_part, open: Some(open) });
    let source = Source::File { format: ImportFormat::Json, input, stem: None };
    let options = ImportOptions { dry_run: false, meter: Meter::default(), stop: &|_| None };
    let end = app.state.library().import(&bob, source, options, |item| {
        assert_eq!(item.outcome, ItemOutcome::Created);
        reported.send(()).unwrap();
    });
    let broken = end.await.unwrap().broken.unwrap();
    assert_eq!(broken.at, "after [0]");
    assert!(broken.reason.starts_with("the account was erased"), "{broken}");
    assert!(!broken.reason.contains("again"), "{broken}");
}

#[tokio::test]
async fn the_quota_of_bytes_holds_in_an_import_and_in_its_dry_run() {
    let app = TestApp::new();
    for number in 0..5 {
        let content = "x".repeat(1000);
        app.create(json!({ "name": format!("p{number}"), "content": content })).await;
        let content = "y".repeat(1000);
        let save = json!({ "content": content, "expected_version": 1 });
        assert_eq!(app.put(&format!("/api/prompts/p{number}"), save).await.status.as_u16(), 200);
    }
    let file = export(&app, "json").await;
    let quota = Quota { prompts: None, bytes: Some(5000) };
    let bob = Principal { plan: Plan { quota, ..Plan::LOCAL }, ..bob(None) };
    let (dry, _) = import_as(&app, &bob, &file, true).await;
    let (items, counted) = import_as(&app, &bob, &file, false).await;
    assert_eq!(items, dry);
    assert_eq!((counted.created, counted.refused), (2, 3));
    let reason = items[2].reason.as_deref().unwrap();
    assert!(reason.starts_with("the library is full (5000 bytes "), "{reason}");
    assert!(reason.ends_with("/app/trash"), "{reason}");
    let (again, _) = import_as(&app, &bob, &file, true).await;
    assert_eq!(again[0].outcome, ItemOutcome::Unchanged);
    assert_eq!(again[4].outcome, ItemOutcome::Refused);
}
