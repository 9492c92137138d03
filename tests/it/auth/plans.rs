//! Plans: which one a request has, when a change of the subscription counts, and what a downgrade
//! leaves.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use promptdb::domain::identity::UserId;
use promptdb::domain::subscription::{CustomerId, GRACE, Offer, Price, Status, Subscription};
use promptdb::domain::{Clock, Timestamp};
use promptdb::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::workos::WorkOs;
use super::{URL, World, settings};
use crate::prompts::assert_problem;
use crate::store_contract::subscriptions::{customer, subscription};
use crate::stores::HeldStore;
use crate::support::{FixedClock, TestApp, TestResponse, sqlite};

/// The prompts and the requests a minute of the free plan here.
const FREE_PROMPTS: u32 = 2;
const FREE_RATE: u32 = 40;

/// Two machines that sell a plan, and their store.
struct Shop {
    world: World,
    other: TestApp,
    store: Arc<dyn Store>,
    held: Arc<HeldStore>,
    ann: UserId,
    token: String,
}

impl Shop {
    async fn open() -> Self {
        let clock = FixedClock::new();
        let dir = TempDir::new().unwrap();
        let held = Arc::new(HeldStore::new(Arc::new(sqlite(&dir, clock.clone()))));
        let store: Arc<dyn Store> = held.clone();
        let workos = WorkOs::start(clock.clone()).await;
        let machine = || {
            let settings =
                promptdb::config::SignIn { free_prompt_limit: FREE_PROMPTS, ..settings(&workos) };
            let offer = Offer { prices: vec!["price_1".to_owned()], is_live: false };
            TestApp::builder()
                .clock(clock.clone())
                .store(store.clone())
                .sign_in(URL, settings)
                .limits(|limits| limits.rate_per_minute = NonZeroU32::new(FREE_RATE))
                .offer(offer)
                .build()
        };
        let (app, other) = (machine(), machine());
        let ann = UserId::parse("user_ann").unwrap();
        store.bind_customer(&ann, &customer("cus_ann")).await.unwrap();
        let token = workos.oauth_token("user_ann");
        let world = World { app, workos, clock, _dir: Some(dir) };
        Self { world, other, store, held, ann, token }
    }

    /// Keeps a state of Ann's subscription in the store.
    async fn keep(&self, state: Option<&Subscription>) {
        let own: CustomerId = customer("cus_ann");
        let sequence = self.store.begin_sync(&own).await.unwrap().unwrap();
        let synced = self.store.finish_sync(&own, sequence, state, None).await.unwrap();
        assert_eq!((synced.owner.as_ref(), synced.is_kept), (Some(&self.ann), true));
    }

    /// Keeps a state, of which the first machine learns.
    async fn change(&self, state: Option<&Subscription>) {
        self.keep(state).await;
        self.world.app.state.authenticator().unwrap().note_subscription_change(&self.ann);
    }

    async fn get(&self, app: &TestApp, path: &str) -> TestResponse {
        let authorization = format!("Bearer {}", self.token);
        app.call(Method::GET, path, &[("authorization", &authorization)], None).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> TestResponse {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", authorization.as_str())];
        self.world.app.call(method, path, &headers, Some(body)).await
    }

    async fn plan(&self, app: &TestApp) -> String {
        let me = self.get(app, "/api/me").await;
        me.json()["plan"].as_str().unwrap().to_owned()
    }

    async fn save(&self, name: &str) -> Value {
        self.world.tool(&self.token, "save_prompt", json!({ "name": name, "content": "x" })).await
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }
}

fn active() -> Subscription {
    subscription("sub_1", Status::Active)
}

#[tokio::test]
async fn the_limits_are_those_of_the_plan() {
    let shop = Shop::open().await;
    let limits = async || shop.get(&shop.world.app, "/api/me").await.json()["limits"].take();
    assert_eq!(
        limits().await,
        json!({ "prompts": FREE_PROMPTS, "bytes": 20_971_520, "requests_per_minute": FREE_RATE,
            "imports": 1, "streams": 16 })
    );
    shop.change(Some(&active())).await;
    assert_eq!(
        limits().await,
        json!({ "prompts": 5000, "bytes": 1_073_741_824, "requests_per_minute": 600, "imports": 2,
            "streams": 16 })
    );
}

#[tokio::test]
async fn only_a_paid_subscription_to_what_is_sold_gives_the_plan() {
    let shop = Shop::open().await;
    let app = &shop.world.app;
    for status in Status::ALL {
        shop.change(Some(&subscription("sub_1", status))).await;
        let is_paid = matches!(status, Status::Active | Status::Trialing);
        assert_eq!(shop.plan(app).await, if is_paid { "pro" } else { "free" }, "{status:?}");
    }
    let other = active().price.map(|price| Price { id: "price_2".to_owned(), ..price });
    for state in
        [Subscription { price: other, ..active() }, Subscription { is_live: true, ..active() }]
    {
        shop.change(Some(&active())).await;
        assert_eq!(shop.plan(app).await, "pro");
        shop.change(Some(&state)).await;
        assert_eq!(shop.plan(app).await, "free", "{state:?}");
    }
    shop.change(Some(&active())).await;
    let bob = shop.world.workos.oauth_token("user_bob");
    let me = shop.world.call_with_token(Method::GET, "/api/me", &bob).await;
    assert_eq!(me.json()["plan"], "free");
}

#[tokio::test]
async fn a_server_that_sells_nothing_gives_all_the_free_plan() {
    let world = World::new().await;
    let token = world.workos.oauth_token("user_ann");
    let me = world.call_with_token(Method::GET, "/api/me", &token).await;
    assert_eq!((&me.json()["plan"], &me.json()["limits"]["prompts"]), (&"free".into(), &25.into()));
}

#[tokio::test]
async fn grace_and_period_end_to_the_millisecond_without_another_look_at_the_store() {
    let shop = Shop::open().await;
    let app = &shop.world.app;
    let end = shop.now().plus(std::time::Duration::from_secs(30));
    let ending = Subscription { ends_at: Some(end), ..active() };
    let due = |since: Timestamp| Subscription {
        past_due_since: Some(since),
        ..subscription("sub_1", Status::PastDue)
    };
    shop.change(Some(&ending)).await;
    assert_eq!(shop.plan(app).await, "pro");
    // The store says something else by then, of which this machine has not learned.
    shop.keep(Some(&active())).await;
    shop.world.clock.advance_seconds(30);
    assert_eq!(shop.plan(app).await, "free");

    let millis = shop.now().as_millis() - i64::try_from(GRACE.as_millis()).unwrap();
    shop.change(Some(&due(Timestamp::from_millis(millis + 1)))).await;
    assert_eq!(shop.plan(app).await, "pro");
    shop.world.clock.tick();
    assert_eq!(shop.plan(app).await, "free");
}

#[tokio::test]
async fn a_change_counts_at_once_where_it_is_learned_and_within_a_minute_elsewhere() {
    let shop = Shop::open().await;
    let mut browser = shop.world.sign_in_browser("user_ann").await;
    let web = shop.world.workos.web_token("user_ann", "session_web");
    let (here, elsewhere) = (&shop.world.app, &shop.other);
    let mut expected = "free";
    for (state, plan) in [(Some(active()), "pro"), (None, "free")] {
        for app in [here, elsewhere] {
            assert_eq!(shop.plan(app).await, expected);
        }
        shop.change(state.as_ref()).await;
        // With every credential of the user.
        assert_eq!(shop.plan(here).await, plan);
        assert_eq!(browser.get(here, "/api/me").await.json()["plan"], plan);
        let me = shop.world.call_with_token(Method::GET, "/api/me", &web).await;
        assert_eq!(me.json()["plan"], plan);
        assert_eq!(shop.plan(elsewhere).await, expected, "it has not looked yet");
        shop.world.clock.advance_seconds(60);
        assert_eq!(shop.plan(elsewhere).await, plan);
        expected = plan;
    }
}

#[tokio::test]
async fn a_read_that_began_before_a_change_does_not_outlast_it() {
    let shop = Shop::open().await;
    let app = &shop.world.app;
    for (state, plan, before) in [(Some(active()), "pro", "free"), (None, "free", "pro")] {
        shop.world.clock.advance_seconds(60);
        let read = shop.held.hold_next("ensure_account");
        let (answered, ()) = tokio::join!(shop.plan(app), read.during(shop.change(state.as_ref())));
        assert_eq!(answered, before, "it had read by then");
        assert_eq!(shop.plan(app).await, plan);
    }
}

#[tokio::test]
async fn a_change_of_one_user_leaves_the_reads_of_others_in_the_cache() {
    let shop = Shop::open().await;
    let bob = shop.world.workos.oauth_token("user_bob");
    let get_me = async || {
        let me = shop.world.call_with_token(Method::GET, "/api/me", &bob).await;
        assert_eq!(me.json()["plan"], "free");
    };
    let read = shop.held.hold_next("ensure_account");
    let state = active();
    tokio::join!(get_me(), read.during(shop.change(Some(&state))));
    let reads = shop.held.count("ensure_account");
    get_me().await;
    assert_eq!(shop.held.count("ensure_account"), reads);
}

#[tokio::test]
async fn an_upgrade_frees_a_user_above_the_rate_of_the_free_plan_at_the_next_request() {
    let shop = Shop::open().await;
    let app = &shop.world.app;
    let mut browser = shop.world.sign_in_browser("user_ann").await;
    while shop.get(app, "/api/me").await.status == 200 {}
    while browser.get(app, "/api/me").await.status == 200 {}
    shop.change(Some(&active())).await;
    for answer in [shop.get(app, "/api/me").await, browser.get(app, "/api/me").await] {
        assert_eq!(answer.status, 200);
        let headers = ["ratelimit-limit", "ratelimit-remaining"].map(|name| answer.header(name));
        assert_eq!(headers, ["600", "599"], "the buckets of pages and chats are separate");
    }
    shop.change(None).await;
    let answer = shop.get(app, "/api/me").await;
    assert_problem(&answer, 429, "rate-limited");
    assert_eq!(answer.header("ratelimit-limit"), FREE_RATE.to_string());
}

#[tokio::test]
async fn a_change_counts_at_the_next_call_over_stateless_mcp_and_over_an_open_stream() {
    let shop = Shop::open().await;
    let authorization = format!("Bearer {}", shop.token);
    let request = Request::get("/sse").header("authorization", &authorization);
    let stream = shop.world.app.open(request.body(Body::empty()).unwrap()).await;
    assert_eq!(stream.status(), 200);
    let mut events = stream.into_body();
    let mut event = async || {
        let frame = events.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned()
    };
    let path = event().await;
    let mut save_by_stream = async |name: &str| {
        let params =
            json!({ "name": "save_prompt", "arguments": { "name": name, "content": "x" } });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        assert_eq!(shop.send(Method::POST, &path, call).await.status, 202);
        let message: Value = serde_json::from_str(&event().await).unwrap();
        message["result"]["isError"].as_bool().unwrap()
    };
    let is_refused = async |name: &str| shop.save(name).await["isError"].as_bool().unwrap();

    assert!(!is_refused("one").await && !save_by_stream("two").await);
    assert!(is_refused("three").await && save_by_stream("three").await);
    shop.change(Some(&active())).await;
    assert!(!save_by_stream("three").await && !is_refused("four").await);
    shop.change(None).await;
    assert!(is_refused("five").await && save_by_stream("five").await);
}

#[tokio::test]
async fn after_a_downgrade_everything_stays_and_only_what_adds_is_refused() {
    let shop = Shop::open().await;
    shop.change(Some(&active())).await;
    for name in ["one", "two", "three", "gone"] {
        assert_eq!(shop.save(name).await["isError"], false);
    }
    let call = async |method, path: &str, body| shop.send(method, path, body).await;
    assert_eq!(call(Method::DELETE, "/api/prompts/gone", json!({})).await.status, 200);
    shop.change(None).await;

    let get = async |path: &str| shop.get(&shop.world.app, path).await;
    let me = get("/api/me").await.json();
    assert_eq!((&me["plan"], &me["use"]["prompts"]), (&"free".into(), &3.into()));
    assert_eq!(get("/api/prompts").await.json()["prompts"].as_array().unwrap().len(), 3);
    for path in ["", "/versions"] {
        assert_eq!(get(&format!("/api/prompts/one{path}")).await.status, 200);
    }
    let rendered = call(Method::POST, "/api/prompts/one/render", json!({})).await;
    assert_eq!(rendered.json()["text"], "x");
    let export = get("/api/export?format=json").await;
    assert_eq!(export.json()["prompts"].as_array().unwrap().len(), 4);

    let new = json!({ "name": "four", "content": "x" });
    let refusals = [
        call(Method::POST, "/api/prompts", new).await,
        call(Method::POST, "/api/prompts/gone/restore", json!({})).await,
    ];
    let explained = "the library is full (2 prompts, its limit); delete a prompt first; the trash is \
        at https://prompts.example/app/trash";
    for refused in refusals {
        assert_eq!(assert_problem(&refused, 403, "quota-exceeded")["detail"], explained);
    }
    assert_eq!(TestApp::mistake(&shop.save("four").await), explained);

    // What is there can change, and go.
    let change = json!({ "content": "y", "expected_version": 1 });
    assert_eq!(call(Method::PUT, "/api/prompts/one", change).await.status, 200);
    for name in ["one", "two"] {
        let path = format!("/api/prompts/{name}");
        assert_eq!(call(Method::DELETE, &path, json!({})).await.status, 200);
    }
    assert_eq!(shop.save("four").await["isError"], false);
}
