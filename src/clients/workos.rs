//! A client of WorkOS User Management: the endpoints in use, typed, without policy.

use reqwest::{Client, Method, Response, StatusCode};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{Call, CallError, Failure, Upstream, place_of, read_body};
use crate::config::Secret;
use crate::domain::Timestamp;

/// Maximum size of a response in bytes.
const RESPONSE_MAX_BYTES: usize = 1024 * 1024;

/// A client of one WorkOS environment.
pub struct WorkOsClient {
    upstream: Upstream,
    base_url: String,
    client_id: String,
    api_key: Secret,
}

/// The tokens of a sign-in or of its refresh.
#[derive(Deserialize)]
pub struct Tokens {
    /// A signed token that is valid for minutes.
    pub access_token: Secret,
    /// Valid for one refresh.
    pub refresh_token: Secret,
}

/// What WorkOS knows of a user, as far as this server shows it. Each text may be absent or empty.
#[derive(Deserialize)]
pub struct User {
    /// The address of the user.
    pub email: Option<String>,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
}

/// A session of a user, which may have ended.
#[derive(Deserialize)]
pub struct UserSession {
    /// The claim `sid` of its access tokens.
    pub id: String,
    /// `active`, `expired` or `revoked`; not every environment states it.
    pub status: Option<String>,
    /// The address of the browser.
    pub ip_address: Option<String>,
    /// The user agent of the browser.
    pub user_agent: Option<String>,
    /// The time of the sign-in.
    #[serde(deserialize_with = "read_time")]
    pub created_at: Timestamp,
    /// The time of the latest change.
    #[serde(default, deserialize_with = "read_optional_time")]
    pub updated_at: Option<Timestamp>,
    /// When it ends without a further refresh.
    #[serde(default, deserialize_with = "read_optional_time")]
    pub expires_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "read_optional_time")]
    pub ended_at: Option<Timestamp>,
}

/// A page of a user's sessions.
#[derive(Deserialize)]
pub struct SessionPage {
    /// The sessions, the newest first.
    pub data: Vec<UserSession>,
    list_metadata: ListMetadata,
}

impl SessionPage {
    /// The cursor of the next page; `None` on the last one.
    pub fn next_cursor(&self) -> Option<&str> {
        self.list_metadata.after.as_deref()
    }
}

#[derive(Deserialize)]
struct ListMetadata {
    after: Option<String>,
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    parse_time(&String::deserialize(deserializer)?)
}

fn read_optional_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    Option::<String>::deserialize(deserializer)?.as_deref().map(parse_time).transpose()
}

fn parse_time<E: Error>(text: &str) -> Result<Timestamp, E> {
    Timestamp::parse(text).ok_or_else(|| E::custom("a time is not in RFC 3339"))
}

/// A failed call of WorkOS.
#[derive(Debug, thiserror::Error)]
pub enum WorkOsError {
    /// The code or the refresh token is used, expired, revoked or of another client (RFC 6749,
    /// section 5.2).
    #[error("the grant is not valid")]
    InvalidGrant,
    /// WorkOS refused the request; holds the status and the error code.
    #[error("WorkOS refused the request: {0}")]
    Refused(String),
    /// The access token that WorkOS granted opens no session; holds the reason.
    #[error("WorkOS granted an access token that opens no session: {0}")]
    BadToken(&'static str),
    /// WorkOS is unavailable, or its response is unusable.
    #[error("WorkOS is unavailable: {0}")]
    Call(CallError),
}

// Not as the source: the text has it already.
impl From<CallError> for WorkOsError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<reqwest::Error> for WorkOsError {
    fn from(error: reqwest::Error) -> Self {
        Self::Call(error.into())
    }
}

impl Failure for WorkOsError {
    fn kind(&self) -> &'static str {
        match self {
            Self::InvalidGrant | Self::Refused(_) => "refused",
            Self::BadToken(_) => "garbled",
            Self::Call(error) => error.kind(),
        }
    }
}

/// The body of an error, in the format of OAuth 2.0 (`error`) or in WorkOS's own (`code`).
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: Option<String>,
    code: Option<String>,
}

impl WorkOsClient {
    /// Builds a client of the environment at `base_url`, an origin without a trailing slash.
    pub fn new(http: Client, base_url: String, client_id: String, api_key: Secret) -> Self {
        Self { upstream: Upstream::new(http, "workos"), base_url, client_id, api_key }
    }

    /// Builds the URL of the sign-in page: an authorization request (RFC 6749, section 4.1.1) with a
    /// PKCE challenge (RFC 7636, section 4.3).
    ///
    /// `is_reauthentication` makes the user sign in actively, even with a session at WorkOS.
    pub fn authorize_url(
        &self,
        redirect_uri: &str,
        state: &str,
        code_challenge: &str,
        is_reauthentication: bool,
    ) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if is_reauthentication {
            // RFC 9470, section 4: the maximum age of the authentication in seconds.
            query.append_pair("max_age", "0");
        }
        let query = query
            .append_pair("provider", "authkit")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("state", state)
            .append_pair("code_challenge", code_challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}/user_management/authorize?{query}", self.base_url)
    }

    /// Builds the URL at which a browser ends its session and then returns to `return_to`.
    pub fn logout_url(&self, session_id: &str, return_to: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("session_id", session_id)
            .append_pair("return_to", return_to)
            .finish();
        format!("{}/user_management/sessions/logout?{query}", self.base_url)
    }

    /// The URL of the key set of access tokens (RFC 7517).
    pub fn keys_url(&self) -> String {
        format!("{}/sso/jwks/{}", self.base_url, self.client_id)
    }

    /// Exchanges the code of a sign-in for tokens (RFC 6749, section 4.1.3).
    pub async fn authenticate(
        &self,
        code: &str,
        code_verifier: &str,
    ) -> Result<Tokens, WorkOsError> {
        let grant = json!({
            "client_id": self.client_id,
            "client_secret": self.api_key.expose(),
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": code_verifier,
        });
        self.request_tokens("authenticate", grant).await
    }

    /// Exchanges a refresh token for new tokens (RFC 6749, section 6). The old one is invalid then.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, WorkOsError> {
        let grant = json!({
            "client_id": self.client_id,
            "client_secret": self.api_key.expose(),
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.expose(),
        });
        self.request_tokens("refresh", grant).await
    }

    async fn request_tokens(
        &self,
        kind: &'static str,
        grant: serde_json::Value,
    ) -> Result<Tokens, WorkOsError> {
        let url = format!("{}/user_management/authenticate", self.base_url);
        self.upstream
            .call(kind, async |call: Call<'_>| {
                let response =
                    call.send(Method::POST, &url, |request| request.json(&grant)).await?;
                let response = check_status(response).await?;
                let body = read_body(response, RESPONSE_MAX_BYTES).await?;
                // Only the place of the error: its text could quote a token.
                let tokens = serde_json::from_slice(&body)
                    .map_err(|error| CallError::Garbled(place_of(&error)))?;
                Ok(tokens)
            })
            .await
    }

    /// Ends a session. Idempotent.
    pub async fn revoke_session(&self, session_id: &str) -> Result<(), WorkOsError> {
        let url = format!("{}/user_management/sessions/revoke", self.base_url);
        let session = json!({ "session_id": session_id });
        self.upstream
            .call("revoke_session", async |call: Call<'_>| {
                let response = call.send(Method::POST, &url, |request| {
                    request.bearer_auth(self.api_key.expose()).json(&session)
                });
                check_status_or_not_found(response.await?).await
            })
            .await
    }

    /// Reads a user; `None` if WorkOS has none with this id, as after a deletion.
    pub async fn get_user(&self, user_id: &str) -> Result<Option<User>, WorkOsError> {
        self.read_object("get_user", &self.user_url(user_id)).await
    }

    /// Reads a page of a user's sessions, those that have ended included; `None` if WorkOS has no user
    /// with this id. `cursor` is that of the previous page.
    pub async fn list_sessions(
        &self,
        user_id: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Option<SessionPage>, WorkOsError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("limit", &limit.to_string())
            .append_pair("order", "desc")
            .extend_pairs(cursor.map(|cursor| ("after", cursor)))
            .finish();
        let url = format!("{}/sessions?{query}", self.user_url(user_id));
        self.read_object("list_sessions", &url).await
    }

    /// Reads what belongs to a user; `None` if there is no such user.
    async fn read_object<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        url: &str,
    ) -> Result<Option<T>, WorkOsError> {
        self.upstream
            .call(kind, async |call: Call<'_>| {
                let response = call
                    .send(Method::GET, url, |request| request.bearer_auth(self.api_key.expose()));
                let response = response.await?;
                if response.status() == StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                let response = check_status(response).await?;
                let body = read_body(response, RESPONSE_MAX_BYTES).await?;
                // Only the place of the error: its text could quote the user.
                let object = serde_json::from_slice(&body)
                    .map_err(|error| CallError::Garbled(place_of(&error)))?;
                Ok(Some(object))
            })
            .await
    }

    fn user_url(&self, user_id: &str) -> String {
        // Encoded, so that no character of an id can end its path segment.
        let id: String = form_urlencoded::byte_serialize(user_id.as_bytes()).collect();
        format!("{}/user_management/users/{id}", self.base_url)
    }

    /// Deletes a user. Idempotent.
    pub async fn delete_user(&self, user_id: &str) -> Result<(), WorkOsError> {
        let url = self.user_url(user_id);
        self.upstream
            .call("delete_user", async |call: Call<'_>| {
                let response = call.send(Method::DELETE, &url, |request| {
                    request.bearer_auth(self.api_key.expose())
                });
                check_status_or_not_found(response.await?).await
            })
            .await
    }
}

/// Checks the status of a deletion: a target that does not exist counts as deleted.
async fn check_status_or_not_found(response: Response) -> Result<(), WorkOsError> {
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(());
    }
    check_status(response).await.map(drop)
}

/// Returns a successful response, and reads the error of any other.
async fn check_status(response: Response) -> Result<Response, WorkOsError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    // WorkOS itself is in trouble, or wants fewer requests: the request is not at fault.
    if !status.is_client_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(CallError::Status(status).into());
    }
    let body = read_body(response, RESPONSE_MAX_BYTES).await?;
    let body: ErrorBody = serde_json::from_slice(&body).unwrap_or_default();
    Err(match body.error.or(body.code) {
        Some(code) if code == "invalid_grant" => WorkOsError::InvalidGrant,
        Some(code) => WorkOsError::Refused(format!("{status}, {code}")),
        None => WorkOsError::Refused(status.to_string()),
    })
}
