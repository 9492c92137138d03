//! The OpenAPI 3.1 description, generated from the handlers.

use std::sync::Arc;

use axum::extract::State;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem, Paths};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, Response, Schema};

use crate::error::{PROBLEM_JSON, Problem, ProblemField};
use crate::http::extract::Json;

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
pub(crate) fn document() -> Document {
    Info::openapi()
}

/// Every way to refuse that follows from what an operation takes, under the name of its component.
/// A conflict, which follows from what an operation means, stands at the operation.
const REFUSALS: [(&str, &str, &str); 13] = [
    ("400", "Malformed", "The request cannot be read"),
    ("401", "Unauthorized", "Nobody is signed in, or not with this credential"),
    ("403", "Forbidden", "Not from here, or not in this plan"),
    ("404", "NotFound", "No such thing in the caller's library"),
    ("412", "PreconditionFailed", "If-Match does not hold"),
    ("413", "TooLarge", "The body is longer than the server reads"),
    ("415", "UnsupportedMediaType", "The body is of a form that the path does not take"),
    ("422", "Invalid", "Fields break rules"),
    ("429", "RateLimited", "Too many requests; Retry-After says when to come back"),
    ("500", "Internal", "A fault of the server"),
    ("503", "Unavailable", "The server or what it needs has too much to do; try again"),
    ("504", "Timeout", "It took too long and was given up"),
    ("default", "Refused", "Why not"),
];

/// Whether an operation may refuse with a status.
fn may_refuse(operation: &Operation, path: &str, status: &str) -> bool {
    let takes = |is_it: &dyn Fn(&str, &ParameterIn) -> bool| {
        operation.parameters.iter().flatten().any(|parameter| match parameter {
            RefOr::T(parameter) => is_it(&parameter.name, &parameter.parameter_in),
            RefOr::Ref(_) => false,
        })
    };
    let has_body = operation.request_body.is_some();
    match status {
        "404" => takes(&|_, place| *place == ParameterIn::Path),
        "412" => takes(&|name, _| name == "if-match"),
        "413" | "415" => has_body,
        "422" => has_body || takes(&|_, place| *place != ParameterIn::Path),
        // Questions about health need no caller, are never refused, and know no deadline.
        "401" | "429" | "503" | "504" => path.starts_with("/api"),
        _ => true,
    }
}

/// Adds the refusals to every operation that the handlers have described.
pub(crate) fn add_refusals(mut document: Document) -> Document {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let components = document.components.get_or_insert_default();
    for (_, name, description) in REFUSALS {
        let mut response = Response::new(description);
        response.content.insert(PROBLEM_JSON.to_owned(), RefOr::T(problem.clone()));
        components.responses.insert(name.to_owned(), RefOr::T(response));
    }
    for (path, item) in &mut document.paths.paths {
        let PathItem { get, put, post, delete, .. } = item;
        for operation in [get, put, post, delete].into_iter().flatten() {
            for (status, name, _) in REFUSALS {
                if may_refuse(operation, path, status) {
                    let refusal = RefOr::Ref(Ref::from_response_name(name));
                    operation.responses.responses.entry(status.to_owned()).or_insert(refusal);
                }
            }
        }
    }
    document
}

/// Adds the operations of one path and their schemas.
pub(crate) fn add(document: &mut Document, schemas: Vec<(String, RefOr<Schema>)>, paths: Paths) {
    document.paths.paths.extend(paths.paths);
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schemas);
}

/// Serves the finished description.
pub(crate) async fn serve(State(document): State<Arc<Document>>) -> Json<Arc<Document>> {
    Json(document)
}
