//! The routes of the pages and files in `public/`, and the proof of the server's domain.

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::assets;
use crate::error::ApiError;
use crate::state::AppState;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Builds the handler that serves one file of `public/`, whatever the rest of the path is.
pub(crate) fn serve(name: &'static str) -> MethodRouter<AppState> {
    get(async move |headers: HeaderMap| respond(name, &headers))
}

/// Serves a file of `public/assets/`. Its name has no character that a URL would encode, so an encoded
/// path names none.
pub(crate) async fn get_asset(uri: Uri, headers: HeaderMap) -> Response {
    respond(uri.path().strip_prefix('/').unwrap_or_default(), &headers)
}

fn respond(name: &str, headers: &HeaderMap) -> Response {
    match assets::find(name) {
        Some(asset) => asset.respond(headers),
        None => ApiError::NoRoute.into_response(),
    }
}

/// Builds the handler that serves the token by which OpenAI verifies that the publisher of an app has
/// this domain.
pub(crate) fn serve_openai_challenge(token: &str) -> MethodRouter<AppState> {
    let token = token.to_owned();
    get(async move || ([(header::CONTENT_TYPE, PLAIN_TEXT)], token))
}
