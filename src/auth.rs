//! Authentication: from the credentials of a request to its [`Principal`].
//!
//! A credential is a bearer token or the cookie of a web session. No part of a credential is ever
//! logged or returned in a response.

pub(crate) mod access;
mod access_token;
mod browser;
mod cookies;
mod gate;
mod keys;
pub(crate) mod origin;
mod profiles;
mod revocation;
mod session_list;
mod sessions;
pub(crate) mod stream;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};

pub use self::access::Access;
pub use self::access_token::TokenGate;
pub use self::browser::{Reauthentication, Redirect};
pub use self::cookies::{CookieSeal, Purpose};
pub use self::gate::Gate;
use self::keys::KeySet;
pub use self::profiles::Profile;
use self::profiles::Profiles;
use self::revocation::{Revocations, Subject};
pub use self::session_list::WebSession;
use self::sessions::Refresher;
use self::tokens::{Audience, LEEWAY, TokenError, TokenVerifier, TrustedIssuer};
use crate::clients::workos::WorkOsClient;
use crate::clients::{BuildError, http_client};
use crate::config::{Secret, SignIn};
use crate::domain::identity::{Client, LibraryId, Principal, UserId, Via};
use crate::domain::plan::{Plan, Plans};
use crate::domain::subscription::Offer;
use crate::domain::{Clock, Timestamp};
use crate::error::ApiError;
use crate::library::Library;

/// Timeout of one call of WorkOS.
const WORKOS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a sign-in counts as recent.
const RECENT_SIGN_IN: Duration = Duration::from_mins(10);

/// Verifies credentials that WorkOS issued, and ends sessions.
pub struct Authenticator {
    workos: Arc<WorkOsClient>,
    tokens: TokenVerifier,
    /// The keys of web sessions.
    web_keys: KeySet,
    revocations: Revocations,
    refresher: Refresher,
    profiles: Profiles,
    seal: CookieSeal,
    clock: Arc<dyn Clock>,
    plans: Plans,
    offer: Option<Offer>,
    redirect_uri: String,
    public_url: String,
    allowed_origins: Vec<String>,
    authorization_server: String,
    webhook_secret: Option<Secret>,
}

/// The caller of a request whose credential is valid.
pub struct AuthenticatedCaller {
    /// Identity and plan of the caller.
    pub principal: Principal,
    /// The `Set-Cookie` header of a session that was refreshed.
    pub set_cookie: Option<HeaderValue>,
}

/// A request whose credential is missing, malformed, not valid or not sufficient.
pub struct AccessError {
    /// The error of the response.
    pub error: ApiError,
    /// The error code of the challenge (RFC 6750, section 3.1).
    pub(crate) code: Option<&'static str>,
    /// The `Set-Cookie` header that removes the cookie of a session that has ended.
    pub set_cookie: Option<HeaderValue>,
}

impl AccessError {
    pub(crate) fn new(error: ApiError) -> Self {
        let is_unauthorized = matches!(error, ApiError::Unauthorized(_) | ApiError::AccountErased);
        let code = is_unauthorized.then_some("invalid_token");
        Self { error, code, set_cookie: None }
    }

    /// No credential. RFC 6750, section 3.1: the challenge then has no error code.
    fn missing_credential() -> Self {
        let detail = "sign in first: this needs an access token in the Authorization header";
        Self { code: None, ..Self::new(ApiError::Unauthorized(detail)) }
    }

    /// A write with a cookie that no page of this server sent.
    fn foreign_write() -> Self {
        let detail = "a write with a cookie must come from a page of this server";
        Self::new(ApiError::Forbidden(detail))
    }

    fn malformed(detail: &str) -> Self {
        let error = ApiError::Malformed(detail.to_owned());
        Self { error, code: Some("invalid_request"), set_cookie: None }
    }
}

impl From<ApiError> for AccessError {
    fn from(error: ApiError) -> Self {
        Self::new(error)
    }
}

impl Authenticator {
    /// Builds an authenticator. It fetches no keys until the first token or readiness check.
    ///
    /// Each request has the plan among `plans` that the user's subscription to the `offer` gives them at
    /// that moment; without an offer, all have the free plan. `public_url` is an origin without a
    /// trailing slash.
    pub fn new(
        settings: &SignIn,
        plans: Plans,
        offer: Option<Offer>,
        public_url: &str,
        library: &Arc<Library>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let http = http_client(WORKOS_TIMEOUT)?;
        let workos = WorkOsClient::new(
            http.clone(),
            settings.api_url.clone(),
            settings.client_id.clone(),
            settings.api_key.clone(),
        );
        let authorization_server = settings.authkit_domain.clone();
        let keys_url = format!("{authorization_server}/oauth2/jwks");
        let web_keys = KeySet::new(http.clone(), workos.keys_url(), Arc::clone(&clock));
        let issuers = vec![
            // OAuth tokens of MCP clients. Their audience must name a resource of this server
            // (RFC 8707; MCP, authorization: token audience binding).
            TrustedIssuer::new(
                KeySet::new(http, keys_url, Arc::clone(&clock)),
                vec![authorization_server.clone()],
                Audience::OneOf(vec![
                    (format!("{public_url}/mcp"), Via::ResourceToken),
                    // The resource of a client that adds a slash to the URL.
                    (format!("{public_url}/mcp/"), Via::ResourceToken),
                    (format!("{public_url}/sse"), Via::StreamToken),
                ]),
            ),
            // Access tokens of web sessions. The key set is that of this client id.
            TrustedIssuer::new(
                web_keys.clone(),
                settings.issuers.clone(),
                Audience::WebSession { client_id: settings.client_id.clone() },
            ),
        ];
        let workos = Arc::new(workos);
        Ok(Self {
            tokens: TokenVerifier::new(issuers, Arc::clone(&clock)),
            web_keys,
            revocations: Revocations::new(Arc::clone(library), Arc::clone(&clock)),
            refresher: Refresher::new(Arc::clone(&workos), Arc::clone(&clock)),
            profiles: Profiles::new(Arc::clone(&workos), Arc::clone(&clock)),
            seal: CookieSeal::new(&settings.cookie_secrets, public_url.starts_with("https://")),
            workos,
            clock,
            plans,
            offer,
            redirect_uri: settings
                .redirect_uri
                .clone()
                .unwrap_or_else(|| format!("{public_url}/auth/callback")),
            public_url: public_url.to_owned(),
            allowed_origins: settings.allowed_origins.clone(),
            authorization_server,
            webhook_secret: settings.webhook_secret.clone(),
        })
    }

    /// The plans of users.
    pub fn plans(&self) -> Plans {
        self.plans
    }

    /// What is sold; `None` where nothing is.
    pub fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// The origin of the authorization server for MCP clients.
    pub fn authorization_server(&self) -> &str {
        &self.authorization_server
    }

    /// The identifier of the resource at a path, such as `mcp`: the audience of its tokens
    /// (RFC 8707).
    pub fn resource(&self, path: &str) -> String {
        format!("{}/{path}", self.public_url)
    }

    /// The name of the cookie of a web session.
    pub fn session_cookie_name(&self) -> &'static str {
        self.seal.name(Purpose::Session)
    }

    /// Whether pages of another origin may call `/mcp`: the exact text of an `Origin` header.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The secret that signs the webhooks of WorkOS; `None` where webhooks are off.
    pub fn webhook_secret(&self) -> Option<&Secret> {
        self.webhook_secret.as_ref()
    }

    /// Fetches the keys of each issuer whose keys are stale.
    pub async fn refresh_keys(&self) {
        self.tokens.refresh_keys().await;
    }

    /// Whether the keys of every issuer are cached. Fetches those that are not.
    pub async fn is_ready(&self) -> bool {
        self.tokens.is_ready().await
    }

    /// Verifies a bearer token, and that its user and session are not revoked.
    ///
    /// A cached token costs one hash and a few lookups in memory.
    pub async fn authenticate_bearer(
        &self,
        token: &str,
        client: Client,
        access: Access,
    ) -> Result<Principal, ApiError> {
        let verified = self.tokens.verify(token).await.map_err(|error| match error {
            TokenError::KeysUnavailable => ApiError::SignInUnavailable,
            TokenError::Invalid(reason) => {
                tracing::debug!(reason, "a bearer token is not valid");
                ApiError::Unauthorized(
                    "the access token is not valid for this server; sign in again",
                )
            }
        })?;
        let plan = self.check_revocation(&verified.subject, access).await?;
        Ok(Principal {
            signed_in_at: verified.signed_in_at,
            expires_at: Some(verified.accepted_until()),
            ..build_principal(&verified.subject, plan, client, verified.via)
        })
    }

    /// Checks that the subject of a credential is not revoked for a route, and returns the user's plan
    /// at this moment.
    async fn check_revocation(&self, subject: &Subject, access: Access) -> Result<Plan, ApiError> {
        let subscription = match self.revocations.check(subject).await {
            Err(ApiError::AccountErased) if access == Access::Erased => {
                self.revocations.check_session(subject).await?;
                None
            }
            checked => checked?,
        };
        Ok(self.plans.select(subscription.as_deref(), self.offer.as_ref(), self.clock.now()))
    }

    /// Makes a change of a user's subscription count from the next request on. Other machines learn of
    /// it within a minute.
    pub fn note_subscription_change(&self, user_id: &UserId) {
        self.revocations.note_change(user_id);
    }

    /// Authenticates a request to a route that needs a caller.
    pub(crate) async fn authenticate(
        &self,
        access: Access,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        client: Client,
    ) -> Result<AuthenticatedCaller, AccessError> {
        refuse_token_in_url(uri)?;
        if let Some(token) = parse_bearer_token(headers)? {
            let principal = self.authenticate_bearer(token, client, access).await?;
            // MCP, authorization: a server accepts only tokens that were issued for itself.
            if !access.accepts(principal.via) {
                let detail = "the access token was not issued for this MCP server";
                return Err(AccessError::new(ApiError::Unauthorized(detail)));
            }
            return Ok(AuthenticatedCaller { principal, set_cookie: None });
        }
        if access.accepts_cookie()
            && let Some(authentication) = self.authenticate_browser(headers, client, access).await?
        {
            // Browsers attach cookies to requests from foreign pages, too: a write needs proof of
            // its origin. `GET` and the other safe methods of RFC 9110, section 9.2.1 do not.
            if !method.is_safe() && !self.is_same_origin_request(headers) {
                let set_cookie = authentication.set_cookie;
                return Err(AccessError { set_cookie, ..AccessError::foreign_write() });
            }
            return Ok(authentication);
        }
        Err(AccessError::missing_credential())
    }

    /// Builds the `WWW-Authenticate` header of the resource at a path, with the URL of the metadata by
    /// which MCP clients find the authorization server (RFC 9728, section 5.1).
    pub(crate) fn build_challenge(&self, path: &str, code: Option<&str>) -> Option<HeaderValue> {
        let error = code.map(|code| format!("error=\"{code}\", ")).unwrap_or_default();
        let metadata = format!("{}/.well-known/oauth-protected-resource/{path}", self.public_url);
        format!("Bearer {error}resource_metadata=\"{metadata}\"").try_into().ok()
    }

    /// Revokes a session that has ended at WorkOS. Idempotent.
    pub async fn end_session(&self, user_id: &UserId, session_id: &str) -> Result<(), ApiError> {
        self.revocations.end_session(user_id, session_id).await
    }

    /// Returns who a caller in person is, as far as WorkOS knows. It is empty for a program.
    pub async fn find_profile(&self, caller: &Principal) -> Profile {
        self.profiles.find(caller).await
    }

    /// Erases the data of a user here, and revokes their credentials. Idempotent.
    pub async fn erase(&self, user_id: &UserId) -> Result<(), ApiError> {
        self.profiles.forget(user_id);
        self.revocations.erase_user(user_id).await
    }

    /// Deletes a user at WorkOS, and returns whether they are gone there. Idempotent.
    pub(crate) async fn delete_at_workos(&self, user_id: &UserId) -> bool {
        let deleted = self.workos.delete_user(user_id.as_str()).await;
        if let Err(error) = &deleted {
            tracing::error!(%error, "cannot delete a user at WorkOS");
        }
        deleted.is_ok()
    }
}

fn build_principal(subject: &Subject, plan: Plan, client: Client, via: Via) -> Principal {
    Principal {
        user_id: subject.user_id.clone(),
        library_id: LibraryId::of_user(&subject.user_id),
        session_id: subject.session_id.clone(),
        client,
        plan,
        via,
        signed_in_at: None,
        expires_at: None,
    }
}

/// Whether a caller signed in within the last 10 minutes, as far as that is known.
fn has_signed_in_recently(caller: &Principal, now: Timestamp) -> bool {
    caller.signed_in_at.is_some_and(|at| {
        // The issuer's clock may be ahead of this one, but not by more than for other claims.
        at <= now.plus(LEEWAY) && now < at.plus(RECENT_SIGN_IN)
    })
}

/// Refuses a token in the query string, which logs and histories keep (MCP, authorization; RFC 6750,
/// section 5.3).
fn refuse_token_in_url(uri: &Uri) -> Result<(), AccessError> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    if query.into_iter().any(|(name, _)| name.eq_ignore_ascii_case("access_token")) {
        let detail = "send the access token in the Authorization header, never in the URL";
        return Err(AccessError::malformed(detail));
    }
    Ok(())
}

/// Parses the bearer token of a request (RFC 6750, section 2.1). Returns `None` without an
/// `Authorization` header, or with one of another scheme.
fn parse_bearer_token(headers: &HeaderMap) -> Result<Option<&str>, AccessError> {
    const MALFORMED: &str = "the Authorization header must be \"Bearer\" and one token";
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // RFC 6750, section 3.1: a request that repeats a credential is malformed.
    if values.next().is_some() {
        return Err(AccessError::malformed("send the Authorization header only once"));
    }
    let text = value.to_str().map_err(|_| AccessError::malformed(MALFORMED))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    // RFC 9110, section 11.1: the scheme is case-insensitive.
    if !scheme.eq_ignore_ascii_case("bearer") {
        // Treated as no credential: the challenge names the supported scheme.
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains([' ', ',', '\t']) {
        return Err(AccessError::malformed(MALFORMED));
    }
    Ok(Some(token))
}
