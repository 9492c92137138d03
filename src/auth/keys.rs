//! The public keys of one issuer, fetched when they are needed.
//!
//! A token with an unknown key has them fetched again, once for everybody who waits and not more
//! often than every few seconds; while that fails the known keys serve on.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::clients::{Call, CallError, Upstream, read_body};
use crate::domain::{Clock, Timestamp};
use crate::telemetry::Record;

/// How long after a fetch, good or bad, the next one may begin.
const FETCH_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// After how long known keys are fetched anew, so that a key that was withdrawn is forgotten.
const FRESH_FOR: Duration = Duration::from_mins(15);
/// Most bytes of a key set.
const KEY_SET_MAX_BYTES: usize = 1024 * 1024;
/// Fewest bytes of an RSA modulus (RFC 7518, section 3.3).
const MODULUS_MIN_BYTES: usize = 256;

/// The keys of one issuer. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct KeySet(Arc<Inner>);

struct Inner {
    upstream: Upstream,
    url: String,
    clock: Arc<dyn Clock>,
    known: RwLock<Known>,
    last_fetch: Arc<Mutex<Option<Fetch>>>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, Arc<DecodingKey>>,
    fetched_at: Option<Timestamp>,
}

struct Fetch {
    ended_at: Timestamp,
    succeeded: bool,
}

/// The issuer cannot be asked for its keys.
#[derive(Debug)]
pub(super) struct KeysUnavailable;

impl KeySet {
    pub(super) fn new(http: Client, url: String, clock: Arc<dyn Clock>) -> Self {
        let (known, last_fetch) = (RwLock::default(), Arc::default());
        let upstream = Upstream::new(http, "jwks");
        Self(Arc::new(Inner { upstream, url, clock, known, last_fetch }))
    }

    /// The key with an id; `None` where the issuer has none.
    pub(super) async fn find(
        &self,
        key_id: &str,
    ) -> Result<Option<Arc<DecodingKey>>, KeysUnavailable> {
        if let Some(key) = self.0.lookup(key_id) {
            return Ok(Some(key));
        }
        let (inner, wanted) = (Arc::clone(&self.0), key_id.to_owned());
        // A task of its own, so that a caller who goes away does not break the fetch off for all.
        let fetching = tokio::spawn(Record::carry(async move {
            let last = Arc::clone(&inner.last_fetch).lock_owned().await;
            inner.lookup(&wanted).is_some() || inner.fetch_unless_recent(last).await
        }));
        let is_current = fetching.await.unwrap_or(false);
        match self.0.lookup(key_id) {
            None if !is_current => Err(KeysUnavailable),
            found => Ok(found),
        }
    }

    /// Whether any key is known, after an attempt to get them.
    pub(super) async fn is_ready(&self) -> bool {
        if self.0.read_known(|known| known.keys.is_empty()) {
            let last = Arc::clone(&self.0.last_fetch).lock_owned().await;
            self.0.fetch_unless_recent(last).await;
        }
        !self.0.read_known(|known| known.keys.is_empty())
    }

    /// Fetches known keys again once they are 15 minutes old, so that a withdrawn key is forgotten.
    /// Requests do not wait for it.
    pub(super) async fn refresh_if_stale(&self) {
        let Some(fetched_at) = self.0.read_known(|known| known.fetched_at) else { return };
        if self.0.clock.now() < fetched_at.plus(FRESH_FOR) {
            return;
        }
        let last = Arc::clone(&self.0.last_fetch).lock_owned().await;
        self.0.fetch_unless_recent(last).await;
    }
}

impl Inner {
    fn read_known<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn lookup(&self, key_id: &str) -> Option<Arc<DecodingKey>> {
        self.read_known(|known| known.keys.get(key_id).cloned())
    }

    fn is_recent(&self, last: Option<&Fetch>) -> bool {
        let now = self.clock.now();
        // A clock that was set back must not stop fetching until it has caught up.
        last.is_some_and(|last| {
            last.ended_at <= now && now < last.ended_at.plus(FETCH_AT_MOST_EVERY)
        })
    }

    /// Fetches, unless somebody just did; says whether what is known is what the issuer has.
    async fn fetch_unless_recent(&self, mut last: OwnedMutexGuard<Option<Fetch>>) -> bool {
        if self.is_recent(last.as_ref()) {
            return last.as_ref().is_some_and(|last| last.succeeded);
        }
        let fetched = self.fetch().await;
        let ended_at = self.clock.now();
        let succeeded = fetched.is_ok();
        match fetched {
            Ok(keys) => {
                let known = Known { keys, fetched_at: Some(ended_at) };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
            }
            Err(error) => {
                tracing::warn!(url = self.url, %error, "the keys of an issuer were not fetched");
            }
        }
        *last = Some(Fetch { ended_at, succeeded });
        succeeded
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<DecodingKey>>, CallError> {
        #[derive(Deserialize)]
        struct Body {
            keys: Vec<Value>,
        }
        let call = async |call: Call<'_>| {
            let response = call.send(Method::GET, &self.url, |request| request).await?;
            if !response.status().is_success() {
                return Err(CallError::Status(response.status()));
            }
            let body = read_body(response, KEY_SET_MAX_BYTES).await?;
            let garbled = |error: serde_json::Error| CallError::Garbled(error.to_string());
            let body: Body = serde_json::from_slice(&body).map_err(garbled)?;
            let keys: HashMap<_, _> = body.keys.into_iter().filter_map(usable_key).collect();
            if keys.is_empty() {
                return Err(CallError::Garbled("it holds no RSA key for signatures".to_owned()));
            }
            Ok(keys)
        };
        self.upstream.call("fetch_keys", call).await
    }
}

/// A key that can check RS256 signatures, by its id; others may stand in the set, and are skipped
/// (RFC 7517, section 5).
fn usable_key(key: Value) -> Option<(String, Arc<DecodingKey>)> {
    #[derive(Deserialize)]
    struct Key {
        kty: String,
        kid: String,
        r#use: Option<String>,
        alg: Option<String>,
        n: String,
        e: String,
    }
    let key: Key = serde_json::from_value(key).ok()?;
    let modulus = URL_SAFE_NO_PAD.decode(&key.n).ok()?;
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    let usable = key.kty == "RSA"
        && key.r#use.is_none_or(|purpose| purpose == "sig")
        && key.alg.is_none_or(|algorithm| algorithm == "RS256")
        && significant >= MODULUS_MIN_BYTES;
    let decoding = DecodingKey::from_rsa_components(&key.n, &key.e).ok().filter(|_| usable)?;
    Some((key.kid, Arc::new(decoding)))
}
