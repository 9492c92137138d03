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

/// Starts a description without paths.
pub(crate) fn new_document() -> Document {
    Info::openapi()
}

/// The problem responses that follow from the parameters of an operation: status, name of the
/// component, description. A conflict follows from the meaning of an operation instead, and is
/// described at its handler.
const PROBLEMS: [(&str, &str, &str); 14] = [
    ("400", "Malformed", "The request cannot be parsed"),
    ("401", "Unauthorized", "The credential is missing or not valid"),
    ("403", "Forbidden", "The origin or the plan does not allow the request"),
    ("404", "NotFound", "The caller's library has no such item"),
    ("412", "PreconditionFailed", "If-Match does not match the current version"),
    ("408", "BodyTimeout", "The body did not arrive in time"),
    ("413", "TooLarge", "The body is longer than the limit"),
    ("415", "UnsupportedMediaType", "The path does not support the media type of the body"),
    ("422", "Invalid", "One or more fields are invalid"),
    ("429", "RateLimited", "Too many requests; try again after Retry-After"),
    ("500", "Internal", "A defect of the server"),
    (
        "503",
        "Unavailable",
        "The server or one of its upstreams is overloaded or unavailable; try again",
    ),
    ("504", "Timeout", "The request took too long and was cancelled"),
    ("default", "Refused", "Any other problem"),
];

/// Whether an operation can fail with a status.
fn can_fail_with(operation: &Operation, path: &str, status: &str) -> bool {
    let has_body = operation.request_body.is_some();
    match status {
        "404" => has_parameter(operation, |_, place| *place == ParameterIn::Path),
        "412" => has_parameter(operation, |name, _| name == "if-match"),
        "408" | "413" | "415" => has_body,
        "422" => has_body || has_parameter(operation, |_, place| *place != ParameterIn::Path),
        // Health probes need no caller and have neither limit nor deadline.
        "401" | "429" | "503" | "504" => path.starts_with("/api"),
        _ => true,
    }
}

fn has_parameter(operation: &Operation, matches: impl Fn(&str, &ParameterIn) -> bool) -> bool {
    operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => matches(&parameter.name, &parameter.parameter_in),
        RefOr::Ref(_) => false,
    })
}

/// Adds the problem responses to every operation.
pub(crate) fn add_problem_responses(mut document: Document) -> Document {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let components = document.components.get_or_insert_default();
    for (_, name, description) in PROBLEMS {
        let mut response = Response::new(description);
        response.content.insert(PROBLEM_JSON.to_owned(), RefOr::T(problem.clone()));
        components.responses.insert(name.to_owned(), RefOr::T(response));
    }
    for (path, item) in &mut document.paths.paths {
        let PathItem { get, put, post, delete, .. } = item;
        for operation in [get, put, post, delete].into_iter().flatten() {
            for (status, name, _) in PROBLEMS {
                if can_fail_with(operation, path, status) {
                    let problem = RefOr::Ref(Ref::from_response_name(name));
                    // A response that the handler describes stays.
                    operation.responses.responses.entry(status.to_owned()).or_insert(problem);
                }
            }
        }
    }
    document
}

/// Adds the operations of one path and their schemas.
pub(crate) fn add_paths(
    document: &mut Document,
    schemas: Vec<(String, RefOr<Schema>)>,
    paths: Paths,
) {
    document.paths.paths.extend(paths.paths);
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schemas);
}

/// Serves the description.
pub(crate) async fn get_document(State(document): State<Arc<Document>>) -> Json<Arc<Document>> {
    Json(document)
}
