//! The public keys of one issuer (a JSON Web Key Set, RFC 7517), fetched on demand and cached.
//!
//! A token with an unknown key id causes a fetch: one for all waiting requests, and at most one in
//! a few seconds. While fetches fail, the cached keys stay in use. A key that a fetched set no longer
//! has is marked as withdrawn, so that whatever it verified before can be refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Minimum time between two fetches, whether they succeed or not.
const FETCH_INTERVAL_MIN: Duration = Duration::from_secs(5);
/// The age at which cached keys are stale. A key that the issuer withdrew is accepted for no longer.
const STALE_AFTER: Duration = Duration::from_mins(15);
/// Maximum size of a key set in bytes.
const KEY_SET_MAX_BYTES: usize = 1024 * 1024;
/// Minimum size of an RSA modulus in bytes: 2048 bits (RFC 7518, section 3.3).
const MODULUS_MIN_BYTES: usize = 256;

/// The key set of one issuer. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct KeySet(Arc<Inner>);

struct Inner {
    upstream: Upstream,
    url: String,
    clock: Arc<dyn Clock>,
    cached: RwLock<CachedKeys>,
    /// Held during a fetch, so that there is one at a time.
    last_fetch: Arc<Mutex<Option<Fetch>>>,
}

/// A public key of the issuer.
pub(super) struct IssuerKey {
    decoding: DecodingKey,
    /// Modulus and exponent, as the set has them: two keys may share an id.
    material: (String, String),
    /// When this key took the id of another one; `None` if it did not.
    replaced_at: Option<Timestamp>,
    is_withdrawn: AtomicBool,
}

impl IssuerKey {
    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// A key that verifies nothing.
    #[cfg(test)]
    pub(super) fn unusable() -> Self {
        Self {
            decoding: DecodingKey::from_secret(&[]),
            material: (String::new(), String::new()),
            replaced_at: None,
            is_withdrawn: AtomicBool::new(false),
        }
    }

    /// Whether the issuer's key set no longer has this key.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.is_withdrawn.load(Ordering::Acquire)
    }
}

#[derive(Default)]
struct CachedKeys {
    by_id: HashMap<String, Arc<IssuerKey>>,
    fetched_at: Option<Timestamp>,
}

impl CachedKeys {
    /// Replaces the keys by those of a set that was fetched at `now`. A key that is in both stays the
    /// same object, and every other key of before is withdrawn.
    fn replace(&mut self, fetched: HashMap<String, IssuerKey>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.by_id);
        for (id, mut key) in fetched {
            let key = match before.remove(&id) {
                Some(same) if same.material == key.material => same,
                other => {
                    key.replaced_at = other.as_ref().map(|_| now);
                    before.extend(other.map(|other| (id.clone(), other)));
                    Arc::new(key)
                }
            };
            self.by_id.insert(id, key);
        }
        for key in before.values() {
            key.is_withdrawn.store(true, Ordering::Release);
        }
        self.fetched_at = Some(now);
    }
}

struct Fetch {
    ended_at: Timestamp,
    succeeded: bool,
}

/// The key is not cached, and the issuer's key set cannot be fetched.
#[derive(Debug)]
pub(super) struct KeysUnavailable;

impl KeySet {
    pub(super) fn new(http: Client, url: String, clock: Arc<dyn Clock>) -> Self {
        let (cached, last_fetch) = (RwLock::default(), Arc::default());
        let upstream = Upstream::new(http, "jwks");
        Self(Arc::new(Inner { upstream, url, clock, cached, last_fetch }))
    }

    /// Finds a key by its id (`kid`), and fetches the key set if it is not cached. Returns `None`
    /// if the issuer has no such key.
    pub(super) async fn find(
        &self,
        key_id: &str,
    ) -> Result<Option<Arc<IssuerKey>>, KeysUnavailable> {
        if let Some(key) = self.0.find_cached(key_id) {
            return Ok(Some(key));
        }
        let (inner, wanted) = (Arc::clone(&self.0), key_id.to_owned());
        // A task of its own: a caller that disconnects must not cancel the fetch for the others.
        let fetching = tokio::spawn(Record::carry(async move {
            let last = Arc::clone(&inner.last_fetch).lock_owned().await;
            // Another request may have fetched the key while this one waited for the lock.
            inner.find_cached(&wanted).is_some() || inner.fetch_unless_recent(last).await
        }));
        let is_current = fetching.await.unwrap_or(false);
        match self.0.find_cached(key_id) {
            None if !is_current => Err(KeysUnavailable),
            found => Ok(found),
        }
    }

    /// Whether the key that signed a token at `signed_at` is withdrawn since. A set that was fetched
    /// earlier may lack a new key, so it withdraws none.
    pub(super) fn is_withdrawn(&self, key_id: &str, signed_at: Timestamp) -> bool {
        self.0.read_cached(|cached| match cached.by_id.get(key_id) {
            Some(key) => key.replaced_at.is_some_and(|at| signed_at < at),
            None => cached.fetched_at.is_some_and(|at| signed_at < at),
        })
    }

    /// Whether any key is cached. Fetches the key set if none is.
    pub(super) async fn is_ready(&self) -> bool {
        if self.0.is_empty() {
            let last = Arc::clone(&self.0.last_fetch).lock_owned().await;
            self.0.fetch_unless_recent(last).await;
        }
        !self.0.is_empty()
    }

    /// Fetches the key set again if the cached keys are older than 15 minutes. A background job
    /// calls this; requests do not wait for it.
    pub(super) async fn refresh_if_stale(&self) {
        let Some(fetched_at) = self.0.read_cached(|cached| cached.fetched_at) else { return };
        let now = self.0.clock.now();
        // A clock that was set back must not keep the keys until it has caught up.
        if fetched_at <= now && now < fetched_at.plus(STALE_AFTER) {
            return;
        }
        let last = Arc::clone(&self.0.last_fetch).lock_owned().await;
        self.0.fetch_unless_recent(last).await;
    }
}

impl Inner {
    fn read_cached<T>(&self, read: impl FnOnce(&CachedKeys) -> T) -> T {
        read(&self.cached.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn find_cached(&self, key_id: &str) -> Option<Arc<IssuerKey>> {
        self.read_cached(|cached| cached.by_id.get(key_id).cloned())
    }

    fn is_empty(&self) -> bool {
        self.read_cached(|cached| cached.by_id.is_empty())
    }

    fn is_recent(&self, last: Option<&Fetch>) -> bool {
        let now = self.clock.now();
        // A clock that was set back must not stop fetching until it has caught up.
        last.is_some_and(|last| {
            last.ended_at <= now && now < last.ended_at.plus(FETCH_INTERVAL_MIN)
        })
    }

    /// Fetches the key set unless the last fetch is recent; returns whether the cached keys are
    /// current.
    async fn fetch_unless_recent(&self, mut last: OwnedMutexGuard<Option<Fetch>>) -> bool {
        if self.is_recent(last.as_ref()) {
            return last.as_ref().is_some_and(|last| last.succeeded);
        }
        let fetched = self.fetch().await;
        let ended_at = self.clock.now();
        let succeeded = match fetched {
            Ok(keys) => {
                // A set without a usable key withdraws all of before, but verifies no token: a new
                // key may follow, so tokens are not refused for good.
                let is_usable = !keys.is_empty();
                if !is_usable {
                    tracing::warn!(url = self.url, "an issuer has no RSA key for signatures");
                }
                let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
                cached.replace(keys, ended_at);
                is_usable
            }
            Err(error) => {
                tracing::warn!(url = self.url, %error, "cannot fetch the keys of an issuer");
                false
            }
        };
        *last = Some(Fetch { ended_at, succeeded });
        succeeded
    }

    async fn fetch(&self) -> Result<HashMap<String, IssuerKey>, CallError> {
        self.upstream.call("fetch_keys", async |call| self.request_keys(call).await).await
    }

    async fn request_keys(&self, call: Call<'_>) -> Result<HashMap<String, IssuerKey>, CallError> {
        #[derive(Deserialize)]
        struct Body {
            keys: Vec<Value>,
        }
        let response = call.send(Method::GET, &self.url, |request| request).await?;
        if !response.status().is_success() {
            return Err(CallError::Status(response.status()));
        }
        let body = read_body(response, KEY_SET_MAX_BYTES).await?;
        let body: Body =
            serde_json::from_slice(&body).map_err(|error| CallError::Garbled(error.to_string()))?;
        Ok(body.keys.into_iter().filter_map(parse_key).collect())
    }
}

/// Parses a key for RS256 signatures, with its id. Returns `None` for any other key, which RFC 7517,
/// section 5 says to ignore.
fn parse_key(key: Value) -> Option<(String, IssuerKey)> {
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
    // Leading zeros do not make a modulus longer.
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    // `use` and `alg` are optional (RFC 7517, sections 4.2 and 4.4).
    let is_usable = key.kty == "RSA"
        && key.r#use.is_none_or(|purpose| purpose == "sig")
        && key.alg.is_none_or(|algorithm| algorithm == "RS256")
        && significant >= MODULUS_MIN_BYTES;
    let decoding = DecodingKey::from_rsa_components(&key.n, &key.e).ok().filter(|_| is_usable)?;
    let key_of_issuer = IssuerKey {
        decoding,
        material: (key.n, key.e),
        replaced_at: None,
        is_withdrawn: AtomicBool::new(false),
    };
    Some((key.kid, key_of_issuer))
}
