//! WorkOS User Management over the wire: the six endpoints that are used, typed, without policy.

use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Call, CallError, Failure, Upstream, place_of, read_body};
use crate::config::Secret;

/// Most bytes of an answer that are read.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

/// One WorkOS environment.
pub struct WorkOsClient {
    upstream: Upstream,
    base_url: String,
    client_id: String,
    api_key: Secret,
}

/// What a person's sign-in, or its refresh, gives.
#[derive(Deserialize)]
pub struct Tokens {
    /// A signed token with a life of minutes.
    pub access_token: Secret,
    /// Good for one refresh.
    pub refresh_token: Secret,
}

/// Why WorkOS did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkOsError {
    /// The code or the refresh token is used up, expired, revoked or of somebody else.
    #[error("the grant is not valid")]
    InvalidGrant,
    /// Another refusal, by its code.
    #[error("WorkOS refuses: {0}")]
    Refused(String),
    /// No usable answer.
    #[error("WorkOS: {0}")]
    Call(#[from] CallError),
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
            Self::Call(error) => error.kind(),
        }
    }
}

/// An error as WorkOS writes it: in the form of OAuth 2.0, or in its own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: Option<String>,
    code: Option<String>,
}

impl WorkOsClient {
    /// A client of the environment at `base_url`, an origin without a slash at its end.
    pub fn new(http: Client, base_url: String, client_id: String, api_key: Secret) -> Self {
        Self { upstream: Upstream::new(http, "workos"), base_url, client_id, api_key }
    }

    /// Where a browser signs in.
    pub fn authorize_url(&self, redirect_uri: &str, state: &str, code_challenge: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
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

    /// Where a browser ends its session.
    pub fn logout_url(&self, session_id: &str, return_to: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("session_id", session_id)
            .append_pair("return_to", return_to)
            .finish();
        format!("{}/user_management/sessions/logout?{query}", self.base_url)
    }

    /// The keys that sign access tokens.
    pub fn keys_url(&self) -> String {
        format!("{}/sso/jwks/{}", self.base_url, self.client_id)
    }

    /// Trades the code of a sign-in.
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

    /// Trades a refresh token, which is used up by it.
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
        let call = async |call: Call<'_>| {
            let response = call.send(Method::POST, &url, |request| request.json(&grant)).await?;
            let response = accept(response).await?;
            let body = read_body(response, ANSWER_MAX_BYTES).await?;
            // The error of serde_json tells a place, never a value of the answer.
            let garbled = |error: serde_json::Error| CallError::Garbled(place_of(&error));
            Ok(serde_json::from_slice(&body).map_err(garbled)?)
        };
        self.upstream.call(kind, call).await
    }

    /// Ends a session; one that has ended already stays so.
    pub async fn revoke_session(&self, session_id: &str) -> Result<(), WorkOsError> {
        let url = format!("{}/user_management/sessions/revoke", self.base_url);
        let session = json!({ "session_id": session_id });
        let call = async |call: Call<'_>| {
            let response = call.send(Method::POST, &url, |request| {
                request.bearer_auth(self.api_key.expose()).json(&session)
            });
            accept_ended(response.await?).await
        };
        self.upstream.call("revoke_session", call).await
    }

    /// Deletes a user; one that is gone already stays so.
    pub async fn delete_user(&self, user_id: &str) -> Result<(), WorkOsError> {
        // Ids are parts of a path here, so nothing of theirs may end the segment.
        let id: String = form_urlencoded::byte_serialize(user_id.as_bytes()).collect();
        let url = format!("{}/user_management/users/{id}", self.base_url);
        let call = async |call: Call<'_>| {
            let response = call
                .send(Method::DELETE, &url, |request| request.bearer_auth(self.api_key.expose()));
            accept_ended(response.await?).await
        };
        self.upstream.call("delete_user", call).await
    }
}

/// Passes a success on, or that what was to end is not there any more.
async fn accept_ended(response: Response) -> Result<(), WorkOsError> {
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(());
    }
    accept(response).await.map(drop)
}

/// Passes a success on, and reads why it is none.
async fn accept(response: Response) -> Result<Response, WorkOsError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if !status.is_client_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(CallError::Status(status).into());
    }
    let body = read_body(response, ANSWER_MAX_BYTES).await?;
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    Err(match refusal.error.or(refusal.code) {
        Some(code) if code == "invalid_grant" => WorkOsError::InvalidGrant,
        Some(code) => WorkOsError::Refused(format!("{status}, {code}")),
        None => WorkOsError::Refused(status.to_string()),
    })
}
