//! From credentials to the [`Principal`]: bearer tokens, and the cookie of a web session.
//!
//! Nothing of a credential is ever logged or sent back.

mod browser;
mod cookies;
mod keys;
mod sessions;
mod standing;
pub(super) mod stream;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;

pub use self::browser::Departure;
pub use self::cookies::{CookieSeal, Purpose};
use self::keys::KeySet;
use self::sessions::Refresher;
use self::standing::{Holder, Standings};
use self::tokens::{Audience, Realm, TokenFault, TokenVerifier};
use crate::app::AppState;
use crate::clients::workos::WorkOsClient;
use crate::clients::{BuildError, http_client};
use crate::config::{Secret, SignIn};
use crate::domain::identity::{Client, Plan, Principal, UserId, Via};
use crate::domain::library::Library;
use crate::domain::{Clock, Timestamp};
use crate::error::ApiError;
use crate::telemetry::Record;

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

/// What a path takes as proof of who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Tokens that were made for this server.
    Mcp,
    /// The same, or tokens that were made for the legacy transport alone.
    Stream,
    /// Any token, or the cookie.
    Api,
    /// Nothing; the handler looks for itself, if it has to.
    Open,
}

impl Door {
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/mcp" => Self::Mcp,
            "/sse" | "/messages" => Self::Stream,
            "/api/openapi.json" => Self::Open,
            _ if path.starts_with("/api/") || path == "/api" => Self::Api,
            _ => Self::Open,
        }
    }

    /// Whether it is one of MCP.
    pub(super) fn is_mcp(self) -> bool {
        matches!(self, Self::Mcp | Self::Stream)
    }

    /// Whether a token of this kind opens it.
    fn takes(self, via: Via) -> bool {
        match self {
            Self::Mcp => via == Via::ResourceToken,
            Self::Stream => matches!(via, Via::ResourceToken | Via::StreamToken),
            Self::Api => via != Via::StreamToken,
            Self::Open => true,
        }
    }
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
    code: Option<&'static str>,
    /// The `Set-Cookie` header that takes away what is of no use any more.
    pub set_cookie: Option<HeaderValue>,
}

impl Refusal {
    fn new(error: ApiError) -> Self {
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
            session_id: holder.session_id.clone(),
            client,
            plan: self.plan,
            via,
        }
    }

    /// Lets a request through a door, or says why not. Never asked for [`Door::Open`].
    pub(super) async fn admit(
        &self,
        door: Door,
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
            if !door.takes(principal.via) {
                let detail = "the access token was not made for this MCP server";
                return Err(Refusal::new(ApiError::Unauthorized(detail)));
            }
            return Ok(Admission { principal, set_cookie: None });
        }
        if door == Door::Api
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
    fn challenge(&self, door: Door, code: Option<&str>) -> Option<HeaderValue> {
        let error = code.map(|code| format!("error=\"{code}\", ")).unwrap_or_default();
        let path = if door == Door::Stream { "sse" } else { "mcp" };
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

/// How a caller was received, which the response may have to tell.
pub(super) struct Reception {
    door: Door,
    /// Who was let in.
    caller: Option<Arc<Principal>>,
    /// The `error` of a challenge.
    code: Option<&'static str>,
    set_cookie: Option<HeaderValue>,
}

/// Puts the [`Principal`] into the request's extensions, or says why nobody is let in.
pub(super) async fn identify_caller(
    state: &AppState,
    request: &mut Request,
) -> (Reception, Result<(), ApiError>) {
    let client = client_of(request.headers());
    let door = Door::of(request.uri().path());
    let mut reception = Reception { door, caller: None, code: None, set_cookie: None };
    let Some(authenticator) = state.authenticator() else {
        reception.let_in(Principal::local(client), request);
        return (reception, Ok(()));
    };
    if door == Door::Open {
        return (reception, Ok(()));
    }
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    // In a box, so that those who are let in at once do not hold the room for those who wait.
    let admit = Box::pin(authenticator.admit(door, method, uri, headers, client));
    let admitted = tokio::time::timeout(state.request_timeout(), admit).await;
    match admitted.unwrap_or_else(|_| Err(Refusal::new(ApiError::Timeout))) {
        Ok(Admission { principal, set_cookie }) => {
            reception.let_in(principal, request);
            let code = Some("invalid_token");
            (Reception { code, set_cookie, ..reception }, Ok(()))
        }
        Err(Refusal { error, code, set_cookie }) => {
            (Reception { code, set_cookie, ..reception }, Err(error))
        }
    }
}

impl Reception {
    fn let_in(&mut self, caller: Principal, request: &mut Request) {
        let caller = Arc::new(caller);
        if self.door != Door::Open {
            Record::note(|record| record.set_caller(&caller));
        }
        request.extensions_mut().insert(Arc::clone(&caller));
        self.caller = Some(caller);
    }

    /// Adds to the response what the caller has to know, and ends what lasts with the caller's
    /// session.
    pub(super) fn end(self, state: &AppState, mut response: Response) -> Response {
        let Some(authenticator) = state.authenticator() else { return response };
        if let Some(caller) = &self.caller {
            response = stream::end_with_session(response, authenticator, caller);
        }
        let is_challenged = response.status() == StatusCode::UNAUTHORIZED
            || response.status() == StatusCode::BAD_REQUEST && self.code == Some("invalid_request");
        if self.door != Door::Open
            && is_challenged
            && let Some(challenge) = authenticator.challenge(self.door, self.code)
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(set_cookie) = self.set_cookie {
            // What a handler says of the session, that it is over, comes before its refresh.
            response.headers_mut().entry(header::SET_COOKIE).or_insert(set_cookie);
        }
        response
    }
}

/// The program that asks: the first product token of RFC 9110, section 10.1.5, without its version.
fn client_of(headers: &HeaderMap) -> Client {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Client::named(agent.unwrap_or_default().split([' ', '/']).next().unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_door() {
        for (path, door) in [
            ("/mcp", Door::Mcp),
            ("/sse", Door::Stream),
            ("/messages", Door::Stream),
            ("/api/prompts", Door::Api),
            ("/api/openapi.json", Door::Open),
            ("/api/openapi.json/", Door::Api),
            ("/api", Door::Api),
            ("/apis", Door::Open),
            ("/health", Door::Open),
        ] {
            assert_eq!(Door::of(path), door, "{path}");
        }
    }
}
