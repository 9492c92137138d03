//! The OpenAPI 3.1 description, generated from the handlers.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::Json;
use crate::app::AppState;
use crate::error::{Problem, ProblemField};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "PromptDB",
        description = "A person's prompts. Every failure is an application/problem+json document.",
        license(name = "MIT", identifier = "MIT"),
    ),
    components(schemas(Problem, ProblemField))
)]
struct Info;

/// The description before the handlers have added their paths.
pub fn document() -> Document {
    Info::openapi()
}

/// Serves the finished description.
pub fn router(document: Document) -> Router<AppState> {
    let document = Arc::new(document);
    Router::new().route(
        "/api/openapi.json",
        get(move || {
            let document = Arc::clone(&document);
            async move { Json(document.as_ref().clone()) }
        }),
    )
}
