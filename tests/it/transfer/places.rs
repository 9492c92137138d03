//! How many imports, and uploads for them, a user may have at a time.

use std::convert::Infallible;
use std::num::NonZeroU32;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use promptdb::domain::identity::{Client, LibraryId, Principal, UserId};
use serde_json::json;
use tokio::sync::oneshot;

use super::{assert_problem, counts};
use crate::auth::World;
use crate::support::TestResponse;

/// An import that a test can let finish.
struct Upload<'a> {
    answer: BoxFuture<'a, TestResponse>,
    rest: oneshot::Sender<Bytes>,
}

fn request(token: &str, body: Body) -> Request<Body> {
    let request = Request::post("/api/import").header("content-type", "text/markdown");
    request.header("authorization", format!("Bearer {token}")).body(body).unwrap()
}

/// Begins an upload of one byte, and sends the rest later. It has its place once this returns.
async fn begin_upload<'a>(world: &'a World, token: &str) -> Upload<'a> {
    let (rest, receiver) = oneshot::channel();
    let (reached, is_read) = oneshot::channel();
    let first = stream::iter([Bytes::from_static(b"R")]);
    let rest_of_body = stream::once(async move {
        reached.send(()).unwrap();
        receiver.await.unwrap_or_default()
    });
    let body = Body::from_stream(first.chain(rest_of_body).map(Ok::<_, Infallible>));
    let mut answer = world.app.send(request(token, body)).boxed();
    tokio::select! {
        answer = &mut answer => panic!("{}", answer.json()),
        reached = is_read => reached.unwrap(),
    }
    Upload { answer, rest }
}

async fn import(world: &World, token: &str, content: &str) -> TestResponse {
    world.app.send(request(token, content.to_owned().into())).await
}

#[tokio::test]
async fn unfinished_uploads_hold_no_import_of_another_user_and_few_of_their_own() {
    let world = World::new().await;
    let (ada, bob) = (world.workos.oauth_token("ada"), world.workos.oauth_token("bob"));
    let first = begin_upload(&world, &ada).await;
    let second = begin_upload(&world, &ada).await;
    for _ in 0..64 {
        let refused = import(&world, &ada, "Review.").await;
        let problem = assert_problem(&refused, 429, "too-many-imports");
        assert_eq!(refused.header("retry-after"), "5");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("at most 1 of your imports may run"), "{detail}");
    }
    assert_eq!(counts(&import(&world, &bob, "Review.").await.json()), [1, 0, 0, 0]);
    first.rest.send(Bytes::from_static(b"eview.")).unwrap();
    assert_eq!(counts(&first.answer.await.json()), [1, 0, 0, 0]);
    // Its place is free again, and so is that of an upload that is given up.
    assert_eq!(counts(&import(&world, &ada, "Review.").await.json()), [0, 0, 1, 0]);
    drop(second);
    let third = begin_upload(&world, &ada).await;
    let fourth = begin_upload(&world, &ada).await;
    drop((third, fourth));
}

#[tokio::test]
async fn an_import_at_work_excludes_another_of_its_user_whose_file_is_there_later() {
    let world = World::with_limits(|limits| limits.rate_per_minute = NonZeroU32::new(12)).await;
    let ada = world.workos.oauth_token("ada");
    let early = begin_upload(&world, &ada).await;
    // With half of the bucket gone, an import waits before its twentieth item.
    for _ in 0..5 {
        let answer = world.call_with_token(Method::GET, "/api/me", &ada).await;
        assert_eq!(answer.status.as_u16(), 200);
    }
    let rows: Vec<String> = (0..20).map(|number| format!("p{number},x\r\n")).collect();
    let file = format!("name,content\r\n{}", rows.concat());
    let table = Request::post("/api/import?format=csv");
    let table = table.header("authorization", format!("Bearer {ada}"));
    let table = table.body(file.into()).unwrap();
    let mut waiting = world.app.send(table).boxed();
    let user_id = UserId::parse("ada").unwrap();
    let library_id = LibraryId::of_user(&user_id);
    let caller = Principal { user_id, library_id, ..Principal::local(Client::named("test")) };
    let library = world.app.state.library();
    while library.count_library(&caller).await.unwrap().prompts < 19 {
        tokio::select! {
            biased;
            answer = &mut waiting => panic!("{}", answer.json()),
            () = tokio::task::yield_now() => {}
        }
    }
    early.rest.send(Bytes::from_static(b"eview.")).unwrap();
    assert_problem(&early.answer.await, 429, "too-many-imports");
    assert_problem(&import(&world, &ada, "Review.").await, 429, "too-many-imports");
    world.clock.advance_seconds(60);
    let report = waiting.await.json();
    assert_eq!((counts(&report), &report["complete"]), ([20, 0, 0, 0], &json!(true)));
    assert_eq!(counts(&import(&world, &ada, "Review.").await.json()), [1, 0, 0, 0]);
}
