//! From credentials to the [`Principal`]: bearer tokens, and the cookie of a web session.
//!
//! Nothing of a credential is ever logged or sent back.

pub(crate) mod access;
mod browser;
mod cookies;
mod keys;
pub(crate) mod origin;
mod sessions;
mod standing;
pub(crate) mod stream;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};

pub use self::access::Access;
pub use self::browser::Departure;
pub use self::cookies::{CookieSeal, Purpose};
use self::keys::KeySet;
use self::sessions::Refresher;
use self::standing::{Holder, Standings};
use self::tokens::{Audience, Realm, TokenFault, TokenVerifier};
use crate::clients::workos::WorkOsClient;
use crate::clients::{BuildError, http_client};
use crate::config::{Secret, SignIn};
use crate::domain::identity::{Client, LibraryId, Plan, Principal, UserId, Via};
use crate::domain::{Clock, Timestamp};
use crate::error::ApiError;
use crate::library::Library;

/// How long WorkOS may take.
const WORKOS_TIMEOUT: Duration = Duration::from_secs(5);

/// Knows who is asking, with WorkOS behind it.
pub struct Authenticator {
    workos: Arc<WorkOsClient>,
    tokens: TokenVerifier,
    standings: Standings,
    refresher: Refresher,
    seal: CookieSeal,
    clock: Arc<dyn Clock>,
    plan: Plan,
    redirect_uri: String,
    public_url: String,
    authorization_server: String,
    webhook_secret: Option<Secret>,
}

/// Who is asking, and what the response has to tell the browser.
pub struct Admission {
    /// Who.
    pub principal: Principal,
    /// The `Set-Cookie` header of a session that was refreshed.
    pub set_cookie: Option<HeaderValue>,
}

/// Why nobody is let in.
pub struct Refusal {
    /// Why.
    pub error: ApiError,
    /// The `error` of the challenge (RFC 6750, section 3.1).
    pub(crate) code: Option<&'static str>,
    /// The `Set-Cookie` header that takes away what is of no use any more.
    pub set_cookie: Option<HeaderValue>,
}

impl Refusal {
    pub(crate) fn new(error: ApiError) -> Self {
        let code = matches!(error, ApiError::Unauthorized(_)).then_some("invalid_token");
        Self { error, code, set_cookie: None }
    }

    fn malformed(detail: &str) -> Self {
        let error = ApiError::Malformed(detail.to_owned());
        Self { error, code: Some("invalid_request"), set_cookie: None }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::new(error)
    }
}

impl Authenticator {
    /// `public_url` is an origin without a slash at its end.
    pub fn new(
        settings: &SignIn,
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
        let keys = |url: String| KeySet::new(http.clone(), url, Arc::clone(&clock));
        let realms = vec![
            Realm::new(
                keys(format!("{authorization_server}/oauth2/jwks")),
                vec![authorization_server.clone()],
                Audience::OneOf(vec![
                    (format!("{public_url}/mcp"), Via::ResourceToken),
                    (format!("{public_url}/sse"), Via::StreamToken),
                ]),
            ),
            Realm::new(
                keys(workos.keys_url()),
                settings.issuers.clone(),
                Audience::Any(Via::WebToken),
            ),
        ];
        let workos = Arc::new(workos);
        Ok(Self {
            tokens: TokenVerifier::new(realms, Arc::clone(&clock)),
            standings: Standings::new(Arc::clone(library), Arc::clone(&clock)),
            refresher: Refresher::new(Arc::clone(&workos), Arc::clone(&clock)),
            seal: CookieSeal::new(&settings.cookie_secrets, public_url.starts_with("https://")),
            workos,
            clock,
            plan: Plan::free(settings.free_prompt_limit),
            redirect_uri: settings
                .redirect_uri
                .clone()
                .unwrap_or_else(|| format!("{public_url}/auth/callback")),
            public_url: public_url.to_owned(),
            authorization_server,
            webhook_secret: settings.webhook_secret.clone(),
        })
    }

    /// The origin of the authorization server that MCP clients are sent to.
    pub fn authorization_server(&self) -> &str {
        &self.authorization_server
    }

    /// The resource at a path, `mcp` or `sse`, that tokens for it name as their audience (RFC 8707).
    pub fn resource(&self, path: &str) -> String {
        format!("{}/{path}", self.public_url)
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The secret of the webhooks of WorkOS, where they are taken.
    pub fn webhook_secret(&self) -> Option<&Secret> {
        self.webhook_secret.as_ref()
    }

    /// Fetches the keys of each issuer again where they are stale.
    pub async fn refresh_keys(&self) {
        self.tokens.refresh_keys().await;
    }

    /// Whether the keys of every issuer are known.
    pub async fn is_ready(&self) -> bool {
        self.tokens.is_ready().await
    }

    /// Whom a bearer token speaks for. A token that was seen before costs its hash and a
    /// few look-ups in memory.
    pub async fn authenticate_bearer(
        &self,
        token: &str,
        client: Client,
    ) -> Result<Principal, ApiError> {
        let verified = self.tokens.verify(token).await.map_err(|fault| match fault {
            TokenFault::Unavailable => ApiError::SignInUnavailable,
            TokenFault::Invalid(why) => {
                tracing::debug!(why, "a bearer token was refused");
                ApiError::Unauthorized("the access token is not valid here; sign in again")
            }
        })?;
        self.standings.check(&verified.holder).await?;
        Ok(self.principal(&verified.holder, client, verified.via))
    }

    fn principal(&self, holder: &Holder, client: Client, via: Via) -> Principal {
        Principal {
            user_id: holder.user_id.clone(),
            library_id: LibraryId::of_user(&holder.user_id),
            session_id: holder.session_id.clone(),
            client,
            plan: self.plan,
            via,
        }
    }

    /// Admits a request, or refuses it. Never asked for a route that needs no caller.
    pub(crate) async fn admit(
        &self,
        access: Access,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        client: Client,
    ) -> Result<Admission, Refusal> {
        // MCP, authorization: access tokens must not stand in the query string, where logs and
        // histories keep them.
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        if query.into_iter().any(|(name, _)| name.eq_ignore_ascii_case("access_token")) {
            return Err(Refusal::malformed(
                "an access token belongs into the Authorization header, never into the URL",
            ));
        }
        if let Some(token) = bearer(headers)? {
            let principal = self.authenticate_bearer(token, client).await?;
            if !access.accepts(principal.via) {
                let detail = "the access token was not made for this MCP server";
                return Err(Refusal::new(ApiError::Unauthorized(detail)));
            }
            return Ok(Admission { principal, set_cookie: None });
        }
        if access == Access::Api
            && let Some(admission) = self.admit_browser(headers, client).await?
        {
            if !method.is_safe() && !self.is_own_page(headers) {
                let detail = "a write with a cookie must come from a page of this server";
                let set_cookie = admission.set_cookie;
                return Err(Refusal { set_cookie, ..Refusal::new(ApiError::Forbidden(detail)) });
            }
            return Ok(admission);
        }
        let detail = "sign in first: this needs an access token in the Authorization header";
        Err(Refusal { code: None, ..Refusal::new(ApiError::Unauthorized(detail)) })
    }

    /// The challenge of a refusal, as MCP clients look for it (RFC 9728, section 5.1).
    pub(crate) fn challenge(&self, access: Access, code: Option<&str>) -> Option<HeaderValue> {
        let error = code.map(|code| format!("error=\"{code}\", ")).unwrap_or_default();
        let path = if access == Access::Sse { "sse" } else { "mcp" };
        let metadata = format!("{}/.well-known/oauth-protected-resource/{path}", self.public_url);
        format!("Bearer {error}resource_metadata=\"{metadata}\"").try_into().ok()
    }

    /// Refuses a session from now on, as WorkOS wants it.
    pub async fn end_session(&self, user_id: UserId, session_id: String) -> Result<(), ApiError> {
        self.standings.end(&Holder::new(user_id, Some(session_id))).await
    }

    /// Erases a user here, as WorkOS wants it.
    pub async fn erase(&self, user_id: &UserId) -> Result<(), ApiError> {
        self.standings.erase(user_id).await
    }

    /// Erases a user here and at WorkOS. What was not done may be tried again: the credential is
    /// good until everything is gone.
    pub async fn erase_everywhere(&self, user_id: &UserId) -> Result<(), ApiError> {
        self.workos.delete_user(user_id.as_str()).await.map_err(|error| {
            tracing::error!(%error, "a user was not deleted at WorkOS");
            ApiError::SignInUnavailable
        })?;
        self.standings.erase(user_id).await
    }
}

/// The bearer token of a request, if it has one; two are as malformed as none behind the word
/// (RFC 6750, section 3.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::malformed("there must be one Authorization header"));
    }
    let malformed = || Refusal::malformed("the Authorization header must be: Bearer, and a token");
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        // An unsupported scheme is like none: the challenge says which one is asked for.
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains([' ', ',', '\t']) {
        return Err(malformed());
    }
    Ok(Some(token))
}
