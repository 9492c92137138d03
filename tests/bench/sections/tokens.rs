//! What it costs to know who asks: many new tokens at once, a known one, and a first sight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use promptdb::auth::{Access, Authenticator};
use promptdb::config::SignIn;
use promptdb::domain::identity::{Client, UserId};
use promptdb::domain::plan::{Plan, Plans};
use promptdb::domain::subscription::{
    CustomerId, Interval, Offer, Price, Status, Subscription, SubscriptionId,
};
use promptdb::domain::{SystemClock, Timestamp};
use promptdb::library::Library;
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::{AccountStore, SubscriptionStore};
use serde_json::json;

use super::rounds::{Kind, take_turns};
use super::{Bench, CONNECTIONS, CROWD, Measured, ROUNDS, Row, latencies, median};
use crate::client::{Amount, Case, run};
use crate::requests::Revision;
use crate::servers::Server;
use crate::servers::issuer::{CLIENT_ID, COOKIE_SECRET, Issuer, WORKOS_KEY};

const ROUND: Duration = Duration::from_millis(800);
/// Where the server in this process would be; its tokens must say so.
const PUBLIC_URL: &str = "http://localhost:3000";
/// Tokens of the loops in this process.
const TOKENS: u16 = 500;
/// How often the loop goes over the known ones; short turns, so that most are not interrupted.
const TURNS: usize = 101;

pub(super) fn measure(bench: &Bench) -> Measured {
    let issuer = Issuer::start()?;
    // Out of the way: each of the users asks more than 120 times.
    let rate = ("RATE_LIMIT_PER_MINUTE", "1000000");
    let settings = [&issuer.settings()[..], &[rate]].concat();
    let server = bench.server_with(&settings)?;
    let public_url = format!("http://localhost:{}", server.address.port());
    let cases = health_checks((0..CROWD).map(|number| {
        let user = format!("user_01KBENCH{number:018}");
        issuer.token(&public_url, &user, number)
    }));
    let mut rows = vec![measure_new_at_once(&issuer, &server, &cases)?];
    rows.extend(measure_known(bench, &server, &cases)?);
    rows.extend(crate::block_on(measure_checks(bench, &issuer))?);
    Ok(rows)
}

fn health_checks(tokens: impl Iterator<Item = String>) -> Arc<[Case]> {
    let case = |(id, token): (usize, String)| {
        let call = Revision::V2025.tool(id, "health_check", &json!({}), vec!["ok".to_owned()]);
        call.with_header("Authorization", &format!("Bearer {token}"))
    };
    tokens.enumerate().map(case).collect()
}

/// As many users as tokens, so that each makes an account, too.
fn measure_new_at_once(
    issuer: &Issuer,
    server: &Server,
    cases: &Arc<[Case]>,
) -> Result<Row, String> {
    let outcome = run(server.address, CROWD, cases, Amount::EachOnce).without_failure()?;
    let fetches = issuer.fetches();
    let result = format!(
        "{:.2} s; {}; {fetches} fetch of keys; no failure",
        outcome.elapsed.as_secs_f64(),
        latencies(&outcome)
    );
    let row = Row::new(format!("{CROWD} new tokens of new users at once"), result);
    Ok(row.aim("1 fetch, no failure", fetches == 1))
}

/// The same requests, tokens and all, to a server that does not look at them.
fn measure_known(bench: &Bench, server: &Server, cases: &Arc<[Case]>) -> Measured {
    let local = bench.server()?;
    let mut kinds = [Kind::new(&local, Arc::clone(cases)), Kind::new(server, Arc::clone(cases))];
    take_turns(&mut kinds, ROUNDS, |server, cases| {
        let outcome = run(server.address, CONNECTIONS, cases, Amount::For(ROUND));
        Ok(outcome.without_failure()?.into())
    })?;
    let [open, known] = &kinds;
    let what = |who: &str| format!("`health_check`, {who}, {CONNECTIONS} connections");
    let more = known.cost().zip(open.cost()).map(|(known, open)| known - open);
    let more = more.map(|more| format!("; {more:+.1} µs beside the local user"));
    let result = format!("{}{}", known.result(), more.unwrap_or_default());
    Ok(vec![
        Row::new(what("the local user"), open.result()),
        Row::new(what("known tokens"), result),
    ])
}

/// The check alone, in this process: where nothing is sold, and of a user with a subscription.
async fn measure_checks(bench: &Bench, issuer: &Issuer) -> Measured {
    let user = format!("user_01KBENCH{:018}", 0);
    let (free, paid) =
        (Checker::free(bench, issuer, &user)?, Checker::paid(bench, issuer, &user).await?);
    // The first of all has the keys fetched, and the account made.
    for checker in [&free, &paid] {
        checker.check(&issuer.token(PUBLIC_URL, &user, TOKENS.into())).await?;
    }
    let tokens: Vec<String> =
        (0..TOKENS).map(|number| issuer.token(PUBLIC_URL, &user, number.into())).collect();
    let (mut first, mut signature) = (vec![], vec![]);
    for token in &tokens {
        let started = Instant::now();
        issuer.check_signature(token)?;
        signature.push(microseconds(started));
        let started = Instant::now();
        free.check(token).await?;
        first.push(microseconds(started));
        paid.check(token).await?;
    }
    let (mut known, mut planned) = (vec![], vec![]);
    for _ in 0..TURNS {
        for (checker, times) in [(&free, &mut known), (&paid, &mut planned)] {
            let started = Instant::now();
            for token in &tokens {
                checker.check(token).await?;
            }
            times.push(microseconds(started) / f64::from(TOKENS));
        }
    }
    let [known, planned, first, signature] =
        [&mut known, &mut planned, &mut first, &mut signature].map(|v| median(v));
    let bytes = tokens[0].len();
    let known_row =
        Row::new(format!("check of a known token of {bytes} bytes"), format!("{known:.2} µs"));
    let ratio = planned / known;
    let planned_row = Row::new(
        "check of a known token of a subscriber",
        format!("{planned:.2} µs; {ratio:.2} of one where nothing is sold"),
    );
    let first_row = Row::new(
        "check of a new token, its issuer known",
        format!("{first:.1} µs; its signature alone {signature:.1} µs"),
    );
    Ok(vec![
        known_row.aim("< 2 µs", known < 2.0),
        planned_row.aim("< 1.25, and < 2 µs", ratio < 1.25 && planned < 2.0),
        first_row.aim("one signature check", first < 2.0 * signature),
    ])
}

/// Checks tokens of one user, who must have one plan.
struct Checker {
    authenticator: Authenticator,
    client: Client,
    user: String,
    plan: &'static str,
}

impl Checker {
    /// Where nothing is sold.
    fn free(bench: &Bench, issuer: &Issuer, user: &str) -> Result<Self, String> {
        let store = open_store(bench, "free.db")?;
        Self::new(issuer, &Arc::new(store), None, user, Plans::default().free)
    }

    /// Of a user who pays.
    async fn paid(bench: &Bench, issuer: &Issuer, user: &str) -> Result<Self, String> {
        let store = open_store(bench, "paid.db")?;
        let price = Price {
            id: "price_1".to_owned(),
            amount: 500,
            currency: "usd".to_owned(),
            interval: Interval::Month,
        };
        let offer = Offer { prices: vec![price.id.clone()], is_live: false };
        subscribe(&store, user, price).await?;
        Self::new(issuer, &Arc::new(store), Some(offer), user, Plans::default().pro)
    }

    /// As the server makes one, with a library of its own.
    fn new(
        issuer: &Issuer,
        store: &Arc<SqliteStore>,
        offer: Option<Offer>,
        user: &str,
        plan: Plan,
    ) -> Result<Self, String> {
        let clock = Arc::new(SystemClock);
        let library = Arc::new(Library::new(store.clone(), clock.clone()));
        let settings = SignIn {
            client_id: CLIENT_ID.to_owned(),
            api_key: WORKOS_KEY.to_owned().into(),
            redirect_uri: None,
            api_url: issuer.api_url.clone(),
            issuers: vec![],
            webhook_secret: None,
            authkit_domain: issuer.url.clone(),
            cookie_secrets: vec![COOKIE_SECRET.to_owned().into()],
            allowed_origins: vec![],
            free_prompt_limit: 25,
        };
        let plans = Plans::default();
        let authenticator =
            Authenticator::new(&settings, plans, offer, PUBLIC_URL, &library, clock);
        Ok(Self {
            authenticator: authenticator.map_err(|error| error.to_string())?,
            client: Client::named("bench"),
            user: user.to_owned(),
            plan: plan.name,
        })
    }

    async fn check(&self, token: &str) -> Result<(), String> {
        let admitted =
            self.authenticator.authenticate_bearer(token, self.client.clone(), Access::Mcp).await;
        let principal = admitted.map_err(|error| error.to_string())?;
        let (user, plan) = (principal.user_id.as_str(), principal.plan.name);
        if (user, plan) == (&*self.user, self.plan) {
            Ok(())
        } else {
            let (wanted, expected) = (&self.user, self.plan);
            Err(format!("a token of {wanted}, {expected}, admitted {user}, {plan}"))
        }
    }
}

fn open_store(bench: &Bench, file: &str) -> Result<SqliteStore, String> {
    let file = bench.folder.path().join(file);
    SqliteStore::open(&file, Duration::from_mins(1), Arc::new(SystemClock))
        .map_err(|error| error.to_string())
}

/// Gives a user an active subscription.
async fn subscribe(store: &SqliteStore, user: &str, price: Price) -> Result<(), String> {
    let user = UserId::parse(user).ok_or("the user has no well-formed id")?;
    let customer = CustomerId::parse("cus_1").ok_or("the customer has no well-formed id")?;
    let id = SubscriptionId::parse("sub_1").ok_or("the subscription has no well-formed id")?;
    let subscription = Subscription {
        id,
        status: Status::Active,
        price: Some(price),
        is_live: false,
        created_at: Timestamp::from_millis(0),
        period_end: Timestamp::from_millis(0),
        ends_at: None,
        past_due_since: None,
    };
    let kept = async {
        store.ensure_account(&user).await?;
        store.bind_customer(&user, &customer).await?;
        let sequence = store.begin_sync(&customer).await?.unwrap_or_default();
        store.finish_sync(&customer, sequence, Some(&subscription), None).await
    };
    kept.await.map(drop).map_err(|error| error.to_string())
}

fn microseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}
