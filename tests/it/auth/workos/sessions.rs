//! The sessions of the fake: their list in pages, and their revocation.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use promptdb::domain::Timestamp;
use serde_json::{Value, json};

use super::{Directory, Inner, fail, is_authorized, json_answer};

/// The longest page of the real list.
const PAGE_MAX: usize = 100;

impl Directory {
    /// Adds a session as WorkOS shows it; the fields of `changes` replace its own.
    pub(crate) fn add_session(&mut self, user: &str, id: &str, at: Timestamp, changes: &Value) {
        let mut session = json!({
            "object": "session", "id": id, "user_id": user, "status": "active",
            "auth_method": "password", "ip_address": "192.0.2.7", "user_agent": "Firefox",
            "created_at": at.to_string(), "updated_at": at.to_string(),
            "expires_at": at.plus_days(30).to_string(), "ended_at": null, "organization_id": null,
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            session[name] = value.clone();
        }
        self.sessions.push(session);
    }

    /// The id of the session that began last.
    pub(crate) fn latest_session(&self) -> String {
        self.sessions.last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The sessions of a user, the newest first.
    fn sessions_of(&self, user: &str) -> Vec<Value> {
        let of_user = self.sessions.iter().rev().filter(|session| session["user_id"] == user);
        let shown = of_user.cloned().map(|mut session| {
            if self.revoked.contains(session["id"].as_str().unwrap()) {
                session["status"] = json!("revoked");
            }
            session
        });
        shown.collect()
    }
}

#[expect(clippy::disallowed_types, reason = "the fake is no part of the server")]
pub(super) async fn list(
    State(inner): State<Arc<Inner>>,
    Path(user): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    assert!(is_authorized(&headers));
    assert_eq!(query["order"], "desc");
    let mut directory = inner.state.lock().unwrap();
    directory.session_pages += 1;
    if let Some(failure) = directory.api_failure {
        return fail(failure);
    }
    if directory.deleted.contains(&user) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let sessions = directory.sessions_of(&user);
    let start = query.get("after").map_or(0, |after| {
        1 + sessions.iter().position(|session| session["id"] == after.as_str()).unwrap()
    });
    let limit = query["limit"].parse::<usize>().unwrap().min(PAGE_MAX);
    let page: Vec<&Value> = sessions.iter().skip(start).take(limit).collect();
    let has_more = start + page.len() < sessions.len();
    let after = page.last().filter(|_| has_more).map(|session| session["id"].clone());
    let answer = json!({ "object": "list", "data": page,
        "list_metadata": { "before": null, "after": after } });
    json_answer(StatusCode::OK, &answer)
}

pub(super) async fn revoke(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert!(is_authorized(&headers));
    let request: Value = serde_json::from_slice(&body).unwrap();
    let id = request["session_id"].as_str().unwrap().to_owned();
    let mut directory = inner.state.lock().unwrap();
    if let Some(failure) = directory.api_failure {
        return fail(failure);
    }
    if directory.lasting.contains(&id) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    // A second revocation is 404.
    if !directory.revoked.insert(id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    json_answer(StatusCode::OK, &json!({ "object": "session" }))
}
