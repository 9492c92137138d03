//! Requests of the API as they arrive, and refusals as Stripe words them.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use promptdb::clients::stripe::API_VERSION;
use serde_json::{Value, json};

use super::params::Params;
use super::{SECRET_KEY, is_read};

/// A request that arrived.
pub(super) struct Received {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) params: Params,
    pub(super) idempotency_key: Option<String>,
    pub(super) version: Option<String>,
    authorization: Option<String>,
    content_type: Option<String>,
    has_query: bool,
    has_body: bool,
}

/// The answer to a request with an idempotency key.
pub(super) struct Reply {
    pub(super) path: String,
    pub(super) params: Params,
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

/// A refusal.
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        let message = message.to_owned();
        Self { status, kind: "invalid_request_error", code: None, param: None, message }
    }

    pub(super) fn bad(code: &'static str, param: &str, message: &str) -> Self {
        let (code, param) = (Some(code), Some(param.to_owned()));
        Self { code, param, ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// An object that a path or a parameter names does not exist.
    pub(super) fn missing(kind: &str, param: &str, id: &str) -> Self {
        let message = format!("No such {kind}: '{id}'");
        let refusal = Self::bad("resource_missing", param, &message);
        if param == "id" { Self { status: StatusCode::NOT_FOUND, ..refusal } } else { refusal }
    }

    pub(super) fn reused_key() -> Self {
        let message = "Keys for idempotent requests can only be used with the same parameters they \
            were first used with.";
        Self { kind: "idempotency_error", ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// Another request with the same key runs.
    pub(super) fn key_in_use() -> Self {
        let message = "There is currently another in-progress request using this Idempotency Key.";
        Self {
            kind: "idempotency_error",
            code: Some("idempotency_key_in_use"),
            ..Self::new(StatusCode::CONFLICT, message)
        }
    }

    pub(super) fn answer(self) -> (StatusCode, Value) {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = json!(code);
        }
        if let Some(param) = self.param {
            error["param"] = json!(param);
        }
        (self.status, json!({ "error": error }))
    }
}

impl Received {
    pub(super) fn new(parts: &Parts, body: &str) -> Self {
        let value = |name| read_header(&parts.headers, name);
        let query = parts.uri.query().unwrap_or_default();
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            params: Params::parse(if is_read(&parts.method) { query } else { body }),
            idempotency_key: value("idempotency-key"),
            version: value("stripe-version"),
            authorization: value(header::AUTHORIZATION.as_str()),
            content_type: value(header::CONTENT_TYPE.as_str()),
            has_query: !query.is_empty(),
            has_body: !body.is_empty(),
        }
    }

    /// The key under which the request is carried out once.
    pub(super) fn key(&self) -> Option<String> {
        self.idempotency_key.clone().filter(|_| self.method == Method::POST)
    }

    pub(super) fn params_text(&self) -> Value {
        self.params.to_json()
    }

    /// Checks what is the same for every endpoint.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let bad = |message| Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        if self.authorization.as_deref() != Some(&format!("Bearer {SECRET_KEY}")) {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Invalid API Key provided."));
        }
        if self.version.as_deref() != Some(API_VERSION) {
            return bad("Stripe-Version must name the version that the client is written for.");
        }
        if is_read(&self.method) && (self.has_body || self.idempotency_key.is_some()) {
            return bad("A GET has neither a body nor an Idempotency-Key.");
        }
        if !is_read(&self.method) && self.has_query {
            return bad("The parameters belong into the body.");
        }
        let form = "application/x-www-form-urlencoded";
        if self.has_body && self.content_type.as_deref() != Some(form) {
            return bad("The body must be a form.");
        }
        if self.method == Method::POST && self.idempotency_key.as_deref().is_none_or(str::is_empty)
        {
            return bad("A POST must have an Idempotency-Key.");
        }
        Ok(())
    }
}

/// A header that was sent once.
fn read_header(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.to_owned();
    values.next().is_none().then_some(value)
}
