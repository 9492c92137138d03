//! Bearer tokens (RFC 6750) that are JSON Web Tokens (RFC 7519): verified by signature, issuer,
//! audience and time.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, Validation};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::keys::{IssuerKey, KeySet, KeysUnavailable};
use super::revocation::Subject;
use crate::domain::identity::{UserId, Via};
use crate::domain::{Clock, Timestamp};
use crate::telemetry::metrics::{TOKENS_KNOWN, TOKENS_UNKNOWN};

/// Maximum difference between the clocks of issuer and server.
pub(super) const LEEWAY: Duration = Duration::from_secs(30);
/// How long a valid token is cached, if it does not expire earlier.
const CACHED_FOR: Duration = Duration::from_hours(1);
/// Maximum size of a token in bytes; those of WorkOS have about a thousand.
const TOKEN_MAX_BYTES: usize = 16 * 1024;
/// Maximum number of cached tokens.
const CACHE_MAX: usize = 50_000;

/// Verifies tokens, and caches the valid ones by their hash.
pub(super) struct TokenVerifier {
    issuers: Vec<TrustedIssuer>,
    cache: Cache<[u8; 32], Arc<VerifiedToken>>,
    clock: Arc<dyn Clock>,
}

/// An issuer whose tokens are accepted.
pub(super) struct TrustedIssuer {
    keys: KeySet,
    /// The values of the claim `iss` that it uses.
    names: Vec<String>,
    audience: Audience,
    validation: Validation,
}

/// What a token must state about its purpose, and the kind of credential that it is then.
pub(super) enum Audience {
    /// The web session of this client id: a session, and no audience but the client id.
    WebSession {
        /// The client id.
        client_id: String,
    },
    /// One of these resources. If a token names several, the first in this list decides.
    OneOf(Vec<(String, Via)>),
}

/// A token that is valid until it expires, unless it or its key is revoked.
pub(super) struct VerifiedToken {
    pub(super) subject: Subject,
    pub(super) via: Via,
    /// When the user last signed in, if the issuer states it.
    pub(super) signed_in_at: Option<Timestamp>,
    expires_at: Timestamp,
    /// The key that signed it.
    key: Arc<IssuerKey>,
    verified_at: Timestamp,
}

impl VerifiedToken {
    /// Whether the token is accepted without being verified again.
    fn is_current(&self, now: Timestamp) -> bool {
        !self.key.is_withdrawn()
            // A clock that was set back makes the verification void.
            && self.verified_at <= now
            && now < self.verified_at.plus(CACHED_FOR)
            && now < self.accepted_until()
    }

    /// When the token is no longer accepted. The issuer's clock may be behind this one.
    pub(super) fn accepted_until(&self) -> Timestamp {
        self.expires_at.plus(LEEWAY)
    }
}

/// A token that is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// The token is not valid; holds the reason for the log.
    Invalid(&'static str),
    /// The issuer's keys cannot be fetched.
    KeysUnavailable,
}

/// The claims in use (RFC 7519, section 4.1). Times are numbers of seconds with or without a
/// fraction (section 2, `NumericDate`).
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) sid: Option<String>,
    pub(super) exp: f64,
    nbf: Option<f64>,
    /// When the user last authenticated actively (RFC 9470, section 5). A refresh does not change it.
    auth_time: Option<f64>,
    /// One audience or an array of them (section 4.1.3).
    #[serde(default)]
    aud: Value,
}

#[derive(Deserialize)]
struct IssuerClaim {
    iss: String,
}

impl Claims {
    /// The subject of the claims. Returns `None` if `sub` is not a valid user id.
    pub(super) fn parse_subject(&self) -> Option<Subject> {
        // A remote user named like the local user must not open the local user's library.
        let user_id = UserId::parse(&self.sub).filter(|id| *id != UserId::local())?;
        Some(Subject::new(user_id, self.sid.clone().filter(|sid| !sid.is_empty())))
    }

    /// When the user last signed in, if the issuer states it.
    pub(super) fn signed_in_at(&self) -> Option<Timestamp> {
        self.auth_time.map(parse_numeric_date)
    }

    /// Whether the claim `aud` is absent, or names `name` and nothing else.
    fn has_no_audience_but(&self, name: &str) -> bool {
        match &self.aud {
            Value::Null => true,
            Value::Array(names) => !names.is_empty() && names.iter().all(|found| found == name),
            found => found == name,
        }
    }

    /// Whether the claim `aud` is or contains `name`.
    fn has_audience(&self, name: &str) -> bool {
        match &self.aud {
            Value::Array(names) => names.iter().any(|found| found == name),
            found => found == name,
        }
    }
}

/// Converts a `NumericDate` (RFC 7519, section 2). Values out of range saturate.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as it should")]
pub(super) fn parse_numeric_date(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as i64)
}

impl Audience {
    /// The kind of credential that these claims are. Fails for a token that was issued for another
    /// purpose.
    fn classify(&self, claims: &Claims, subject: &Subject) -> Result<Via, TokenError> {
        match self {
            Self::WebSession { client_id } => {
                if !claims.has_no_audience_but(client_id) {
                    return Err(TokenError::Invalid("wrong audience"));
                }
                // Without a session there is nothing that a logout could end.
                if subject.session_id.is_none() {
                    return Err(TokenError::Invalid("missing session"));
                }
                Ok(Via::WebToken)
            }
            Self::OneOf(resources) => {
                let found = resources.iter().find(|(name, _)| claims.has_audience(name));
                found.map(|(_, via)| *via).ok_or(TokenError::Invalid("wrong audience"))
            }
        }
    }
}

impl TrustedIssuer {
    pub(super) fn new(keys: KeySet, names: Vec<String>, audience: Audience) -> Self {
        // RFC 8725, section 3.1: the algorithm is fixed here and never taken from the token, which
        // could name `none` or use the public key as the secret of an HMAC.
        let mut validation = Validation::new(Algorithm::RS256);
        let mut required = vec!["iss", "sub", "exp"];
        match &audience {
            Audience::OneOf(resources) => {
                required.push("aud");
                let names: Vec<&String> = resources.iter().map(|(name, _)| name).collect();
                validation.set_audience(&names);
            }
            // `classify` compares it, as it may be absent.
            Audience::WebSession { .. } => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        validation.set_issuer(&names);
        // The library would use the system's clock; `verify` compares with the injected one.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { keys, names, audience, validation }
    }

    async fn verify(
        &self,
        token: &str,
        key_id: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError> {
        let key =
            self.keys.find(key_id).await.map_err(|KeysUnavailable| TokenError::KeysUnavailable)?;
        let key = key.ok_or(TokenError::Invalid("unknown key id"))?;
        let claims = self.decode(token, &key)?;
        let signed_in_at = claims.signed_in_at();
        // RFC 7519, section 4.1.4: not accepted on or after `exp`.
        let expires_at = parse_numeric_date(claims.exp);
        if expires_at.plus(LEEWAY) <= now {
            return Err(TokenError::Invalid("expired"));
        }
        // RFC 7519, section 4.1.5: not accepted before `nbf`.
        if claims.nbf.is_some_and(|nbf| now.plus(LEEWAY) < parse_numeric_date(nbf)) {
            return Err(TokenError::Invalid("not valid yet"));
        }
        let subject = claims.parse_subject().ok_or(TokenError::Invalid("invalid subject"))?;
        let via = self.audience.classify(&claims, &subject)?;
        Ok(VerifiedToken { subject, via, signed_in_at, expires_at, key, verified_at: now })
    }

    /// Checks the signature, issuer and audience, and reads the claims.
    fn decode(&self, token: &str, key: &IssuerKey) -> Result<Claims, TokenError> {
        use jsonwebtoken::errors::ErrorKind;
        let decoded = jsonwebtoken::decode::<Claims>(token, key.decoding(), &self.validation);
        decoded.map(|token| token.claims).map_err(|error| {
            TokenError::Invalid(match error.kind() {
                ErrorKind::InvalidSignature => "invalid signature",
                ErrorKind::InvalidAudience => "wrong audience",
                ErrorKind::InvalidIssuer => "unknown issuer",
                ErrorKind::MissingRequiredClaim(_) => "missing claim",
                _ => "malformed",
            })
        })
    }
}

impl TokenVerifier {
    pub(super) fn new(issuers: Vec<TrustedIssuer>, clock: Arc<dyn Clock>) -> Self {
        Self { issuers, cache: Cache::new(CACHE_MAX), clock }
    }

    /// Verifies a token. A cached token costs one hash: it is verified again after an hour, and when
    /// its key is withdrawn.
    pub(super) async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Invalid("too long"));
        }
        // The hash and not the token is the key of the cache: no credential stays in memory.
        let hash: [u8; 32] = Sha256::digest(token).into();
        let now = self.clock.now();
        if let Some(cached) = self.cache.get(&hash) {
            if cached.is_current(now) {
                TOKENS_KNOWN.count();
                return Ok(cached);
            }
            self.cache.remove(&hash);
        }
        TOKENS_UNKNOWN.count();
        let verified = Arc::new(self.verify_uncached(token, now).await?);
        self.cache.insert(hash, Arc::clone(&verified));
        Ok(verified)
    }

    async fn verify_uncached(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError> {
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid("malformed"))?;
        // The cheap checks come first, so that a token that cannot be valid causes no fetch of keys.
        if header.alg != Algorithm::RS256 {
            return Err(TokenError::Invalid("not signed with RS256"));
        }
        // RFC 7515, section 4.1.11: an extension that is not understood makes the token invalid.
        if header.crit.is_some() {
            return Err(TokenError::Invalid("unknown critical extension"));
        }
        let key_id = header.kid.ok_or(TokenError::Invalid("missing key id"))?;
        // Read before the signature is checked, only to select the issuer whose keys check it.
        let issuer = jsonwebtoken::dangerous::insecure_decode_claims::<IssuerClaim>(token)
            .map_err(|_| TokenError::Invalid("malformed"))?
            .iss;
        // An issuer signs one kind of token: the settings refuse a name in both lists.
        let trusted = self.issuers.iter().find(|trusted| trusted.names.contains(&issuer));
        let trusted = trusted.ok_or(TokenError::Invalid("unknown issuer"))?;
        trusted.verify(token, &key_id, now).await
    }

    /// Fetches the keys of each issuer whose keys are stale.
    pub(super) async fn refresh_keys(&self) {
        for issuer in &self.issuers {
            issuer.keys.refresh_if_stale().await;
        }
    }

    /// Whether the keys of every issuer are cached. Fetches those that are not.
    pub(super) async fn is_ready(&self) -> bool {
        for issuer in &self.issuers {
            if !issuer.keys.is_ready().await {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_cached_for_an_hour_or_until_it_expires() {
        const HOUR: i64 = 3600;
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        for (lifetime, seconds, is_current) in [
            (24 * HOUR, 0, true),
            (24 * HOUR, HOUR - 1, true),
            (24 * HOUR, HOUR, false),
            (60, 60 + 29, true),
            (60, 60 + 30, false),
            // A clock that was set back.
            (24 * HOUR, -1, false),
        ] {
            let token = VerifiedToken {
                subject: Subject::new(UserId::parse("ann").unwrap(), None),
                via: Via::ResourceToken,
                signed_in_at: None,
                expires_at: at(lifetime),
                key: Arc::new(IssuerKey::unusable()),
                verified_at: at(0),
            };
            assert_eq!(token.is_current(at(seconds)), is_current, "{lifetime} {seconds}");
        }
    }
}
