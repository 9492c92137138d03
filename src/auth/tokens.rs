//! Bearer tokens: from a text to who it speaks for, by signature, issuer, audience and time.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::keys::{KeySet, KeysUnavailable};
use super::standing::Holder;
use crate::domain::identity::{UserId, Via};
use crate::domain::{Clock, Timestamp};
use crate::telemetry::metrics::{TOKENS_KNOWN, TOKENS_UNKNOWN};

/// How far the clocks of issuer and server may be apart.
const LEEWAY: Duration = Duration::from_secs(30);
/// Most bytes of a token; those of WorkOS have about a thousand.
const TOKEN_MAX_BYTES: usize = 16 * 1024;
/// How many verified tokens are remembered.
const VERIFIED_MAX: usize = 50_000;

/// Checks tokens and remembers the good ones by their hash.
pub(super) struct TokenVerifier {
    realms: Vec<Realm>,
    verified: Cache<[u8; 32], Arc<Verified>>,
    clock: Arc<dyn Clock>,
}

/// Tokens of the same issuers: who they are, with which keys, and for whom.
pub(super) struct Realm {
    keys: KeySet,
    issuers: Vec<String>,
    audience: Audience,
    validation: Validation,
}

/// For whom a token must have been made, and what it is then.
pub(super) enum Audience {
    /// Whoever it names.
    Any(Via),
    /// One of these resources; of several that it names, the first one here.
    OneOf(Vec<(String, Via)>),
}

/// What a good token says.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) holder: Holder,
    pub(super) via: Via,
    expires_at: Timestamp,
}

/// Why a token is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenFault {
    /// It is wrong, and why.
    Invalid(&'static str),
    /// Its issuer's keys cannot be fetched.
    Unavailable,
}

/// The claims that are used. Times are numbers of seconds with or without a fraction (RFC 7519,
/// section 2).
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) sid: Option<String>,
    pub(super) exp: f64,
    nbf: Option<f64>,
    /// One audience, or several (section 4.1.3).
    #[serde(default)]
    aud: Value,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

impl Claims {
    pub(super) fn holder(&self) -> Option<Holder> {
        // The local user's library must not open for whoever is called so elsewhere.
        let user_id = UserId::parse(&self.sub).filter(|id| *id != UserId::local())?;
        Some(Holder::new(user_id, self.sid.clone().filter(|sid| !sid.is_empty())))
    }
}

/// A `NumericDate`; what lies beyond all calendars is cut to their end.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as it should")]
pub(super) fn moment(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as i64)
}

impl Audience {
    /// What a token with these claims is; `None` if it was made for somebody else.
    fn via(&self, claims: &Claims) -> Option<Via> {
        match self {
            Self::Any(via) => Some(*via),
            Self::OneOf(resources) => {
                let several = claims.aud.as_array().map(Vec::as_slice).unwrap_or_default();
                let is_named =
                    |name: &String| claims.aud == *name || several.iter().any(|one| one == name);
                resources.iter().find(|(name, _)| is_named(name)).map(|(_, via)| *via)
            }
        }
    }
}

impl Realm {
    pub(super) fn new(keys: KeySet, issuers: Vec<String>, audience: Audience) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        let mut required = vec!["iss", "sub", "exp"];
        match &audience {
            Audience::OneOf(resources) => {
                required.push("aud");
                let names: Vec<&String> = resources.iter().map(|(name, _)| name).collect();
                validation.set_audience(&names);
            }
            Audience::Any(_) => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        validation.set_issuer(&issuers);
        // Times are compared with our own clock, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { keys, issuers, audience, validation }
    }

    async fn verify(
        &self,
        token: &str,
        key_id: &str,
        now: Timestamp,
    ) -> Result<Verified, TokenFault> {
        let key =
            self.keys.find(key_id).await.map_err(|KeysUnavailable| TokenFault::Unavailable)?;
        let key = key.ok_or(TokenFault::Invalid("its key is not the issuer's"))?;
        let claims = self.decode(token, &key)?;
        let expires_at = moment(claims.exp);
        if expires_at.plus(LEEWAY) <= now {
            return Err(TokenFault::Invalid("it has expired"));
        }
        if claims.nbf.is_some_and(|nbf| now.plus(LEEWAY) < moment(nbf)) {
            return Err(TokenFault::Invalid("it is not valid yet"));
        }
        let holder = claims.holder().ok_or(TokenFault::Invalid("its subject is no user"))?;
        let via = self.audience.via(&claims);
        let via = via.ok_or(TokenFault::Invalid("it was made for another server"))?;
        Ok(Verified { holder, via, expires_at })
    }

    fn decode(&self, token: &str, key: &DecodingKey) -> Result<Claims, TokenFault> {
        use jsonwebtoken::errors::ErrorKind;
        let decoded = jsonwebtoken::decode::<Claims>(token, key, &self.validation);
        decoded.map(|token| token.claims).map_err(|error| {
            TokenFault::Invalid(match error.kind() {
                ErrorKind::InvalidSignature => "its signature is wrong",
                ErrorKind::InvalidAudience => "it was made for another server",
                ErrorKind::InvalidIssuer => "its issuer is unknown",
                ErrorKind::MissingRequiredClaim(_) => "a claim is missing",
                _ => "it cannot be read",
            })
        })
    }
}

impl TokenVerifier {
    pub(super) fn new(realms: Vec<Realm>, clock: Arc<dyn Clock>) -> Self {
        Self { realms, verified: Cache::new(VERIFIED_MAX), clock }
    }

    /// Whom a token speaks for. A token that was good before costs its hash.
    pub(super) async fn verify(&self, token: &str) -> Result<Arc<Verified>, TokenFault> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenFault::Invalid("it is too long"));
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let now = self.clock.now();
        if let Some(known) = self.verified.get(&hash) {
            if now < known.expires_at.plus(LEEWAY) {
                TOKENS_KNOWN.count();
                return Ok(known);
            }
            self.verified.remove(&hash);
            return Err(TokenFault::Invalid("it has expired"));
        }
        TOKENS_UNKNOWN.count();
        let verified = Arc::new(self.verify_new(token, now).await?);
        self.verified.insert(hash, Arc::clone(&verified));
        Ok(verified)
    }

    async fn verify_new(&self, token: &str, now: Timestamp) -> Result<Verified, TokenFault> {
        let unreadable = |_| TokenFault::Invalid("it cannot be read");
        let header = jsonwebtoken::decode_header(token).map_err(unreadable)?;
        // Nothing is done for a token that could not be good, least of all a fetch of keys.
        if header.alg != Algorithm::RS256 {
            return Err(TokenFault::Invalid("it is not signed with RS256"));
        }
        if header.crit.is_some() {
            return Err(TokenFault::Invalid("it demands an unknown extension"));
        }
        let key_id = header.kid.ok_or(TokenFault::Invalid("it names no key"))?;
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Issuer>(token);
        let issuer = claims.map_err(unreadable)?.iss;
        let mut fault = TokenFault::Invalid("its issuer is unknown");
        // One issuer may sign both kinds of token.
        for realm in self.realms.iter().filter(|realm| realm.issuers.contains(&issuer)) {
            match realm.verify(token, &key_id, now).await {
                Ok(verified) => return Ok(verified),
                Err(refused) => fault = refused,
            }
        }
        Err(fault)
    }

    /// Fetches the keys of each issuer again where they are stale.
    pub(super) async fn refresh_keys(&self) {
        for realm in &self.realms {
            realm.keys.refresh_if_stale().await;
        }
    }

    /// Whether the keys of every issuer are known.
    pub(super) async fn is_ready(&self) -> bool {
        for realm in &self.realms {
            if !realm.keys.is_ready().await {
                return false;
            }
        }
        true
    }
}
