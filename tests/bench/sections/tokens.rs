//! What it costs to know who asks: many new tokens at once, a known one, and a first sight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use promptdb::auth::{Access, Authenticator};
use promptdb::config::SignIn;
use promptdb::domain::SystemClock;
use promptdb::domain::identity::Client;
use promptdb::domain::plan::Plans;
use promptdb::library::Library;
use promptdb::store::sqlite::SqliteStore;
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

/// The check alone, in this process.
async fn measure_checks(bench: &Bench, issuer: &Issuer) -> Measured {
    let authenticator = authenticator(bench, issuer)?;
    let client = Client::named("bench");
    let user = format!("user_01KBENCH{:018}", 0);
    let check = async |token: &str| {
        let admitted = authenticator.authenticate_bearer(token, client.clone(), Access::Mcp).await;
        let principal = admitted.map_err(|error| error.to_string())?;
        if principal.user_id.as_str() == user {
            Ok(())
        } else {
            Err(format!("a token of {user} admitted {}", principal.user_id))
        }
    };
    // The first of all has the keys fetched, and the account made.
    check(&issuer.token(PUBLIC_URL, &user, TOKENS.into())).await?;
    let tokens: Vec<String> =
        (0..TOKENS).map(|number| issuer.token(PUBLIC_URL, &user, number.into())).collect();
    let (mut first, mut signature, mut known) = (vec![], vec![], vec![]);
    for token in &tokens {
        let started = Instant::now();
        issuer.check_signature(token)?;
        signature.push(microseconds(started));
        let started = Instant::now();
        check(token).await?;
        first.push(microseconds(started));
    }
    for _ in 0..TURNS {
        let started = Instant::now();
        for token in &tokens {
            check(token).await?;
        }
        known.push(microseconds(started) / f64::from(TOKENS));
    }
    let [known, first, signature] = [&mut known, &mut first, &mut signature].map(|v| median(v));
    let bytes = tokens[0].len();
    let known_row =
        Row::new(format!("check of a known token of {bytes} bytes"), format!("{known:.2} µs"));
    let first_row = Row::new(
        "check of a new token, its issuer known",
        format!("{first:.1} µs; its signature alone {signature:.1} µs"),
    );
    Ok(vec![
        known_row.aim("< 2 µs", known < 2.0),
        first_row.aim("one signature check", first < 2.0 * signature),
    ])
}

fn microseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}

/// As the server makes one, with a library of its own.
fn authenticator(bench: &Bench, issuer: &Issuer) -> Result<Authenticator, String> {
    let file = bench.folder.path().join("tokens.db");
    let clock = Arc::new(SystemClock);
    let store = SqliteStore::open(&file, Duration::from_mins(1), clock.clone());
    let store = store.map_err(|error| error.to_string())?;
    let library = Arc::new(Library::new(Arc::new(store), clock.clone()));
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
    Authenticator::new(&settings, plans, None, PUBLIC_URL, &library, clock)
        .map_err(|error| error.to_string())
}
