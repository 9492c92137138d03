//! The OpenAPI 3.1 description, generated from the handlers.

use std::sync::Arc;

use axum::extract::State;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem, Paths};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, AuthorizationCode, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes,
    SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, Required, Response, Schema};

use crate::auth::{Access, Gate};
use crate::error::{ErasedPlace, PROBLEM_JSON, Problem, ProblemField};
use crate::http::extract::Json;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "PromptDB",
        description = "A person's prompts. Every failure is an application/problem+json document, or a \
            page for a client that prefers text/html. Larger answers are compressed on request.",
        license(name = "MIT", identifier = "MIT"),
    ),
    components(schemas(Problem, ProblemField, ErasedPlace))
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
    (
        "412",
        "PreconditionFailed",
        "If-Match or If-None-Match does not hold for the current version",
    ),
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
        // The path, or the selection of an export, names items.
        "404" => {
            has_parameter(operation, |name, place| *place == ParameterIn::Path || name == "prompt")
        }
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
        for operation in operations_of(item) {
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

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().flatten()
}

/// Describes the methods that a path has of a path with a variable, because it is one of its values.
/// They keep what `add_problem_responses` found for them.
pub(crate) fn describe_value(document: &mut Document, template: &str, path: &str) {
    let Some(mut general) = document.paths.paths.get(template).cloned() else { return };
    for operation in operations_of(&mut general) {
        let others = operation.parameters.take().into_iter().flatten();
        let is_other = |parameter: &RefOr<Parameter>| !matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path);
        operation.parameters = Some(others.filter(is_other).collect());
        let name = path.rsplit('/').next().unwrap_or_default();
        operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_{name}"));
    }
    let own = document.paths.paths.entry(path.to_owned()).or_default();
    own.get = own.get.take().or(general.get);
    own.put = own.put.take().or(general.put);
    own.post = own.post.take().or(general.post);
    own.delete = own.delete.take().or(general.delete);
}

/// The operations that only the owner in person may call.
const IN_PERSON: [&str; 6] = [
    "erase_account",
    "empty_trash",
    "prune_versions",
    "list_sessions",
    "end_session",
    "end_all_sessions",
];

/// The names of the security schemes.
const ACCESS_TOKEN: &str = "accessToken";
const OAUTH: &str = "oauth";
const WEB_TOKEN: &str = "webToken";
const SESSION: &str = "session";

/// Describes how callers prove who they are. Where they need not, there are no schemes.
pub(crate) fn add_security_schemes(document: &mut Document, gate: &Gate) {
    let schemes = &mut document.components.get_or_insert_default().security_schemes;
    for (name, scheme) in describe_schemes(gate) {
        schemes.insert(name.to_owned(), RefOr::T(scheme));
    }
}

fn describe_schemes(gate: &Gate) -> Vec<(&'static str, SecurityScheme)> {
    match gate {
        Gate::Loopback => vec![],
        Gate::AccessToken(gate) => {
            let token = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("The access token of the server (ACCESS_TOKEN)."));
            let session = describe_session(gate.session_cookie_name());
            vec![(ACCESS_TOKEN, SecurityScheme::Http(token.build())), (SESSION, session)]
        }
        Gate::WorkOs(authenticator) => {
            let server = authenticator.authorization_server();
            let (authorization, token) =
                (format!("{server}/oauth2/authorize"), format!("{server}/oauth2/token"));
            let flow = AuthorizationCode::new(authorization, token, Scopes::new());
            let audience = authenticator.resource("mcp");
            let oauth = OAuth2::with_description(
                [Flow::AuthorizationCode(flow)],
                format!(
                    "An access token of an MCP client, for the resource {audience} (RFC 8707)."
                ),
            );
            let web_token = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some("The access token of a web session."));
            vec![
                (OAUTH, SecurityScheme::OAuth2(oauth)),
                (WEB_TOKEN, SecurityScheme::Http(web_token.build())),
                (SESSION, describe_session(authenticator.session_cookie_name())),
            ]
        }
    }
}

fn describe_session(cookie: &str) -> SecurityScheme {
    let mut session = ApiKeyValue::new(cookie);
    session.description = Some(
        "The cookie of a web session, from /auth/login. A write also needs the Origin of this server."
            .to_owned(),
    );
    SecurityScheme::ApiKey(ApiKey::Cookie(session))
}

/// States at each operation of a path which credentials it takes.
pub(crate) fn add_security(operations: &mut Paths, gate: &Gate, access: Access) {
    // The accepted schemes of a program, and those of the owner in person.
    let (of_programs, in_person): (&[&str], &[&str]) = match gate {
        Gate::Loopback => return,
        Gate::AccessToken(_) => (&[ACCESS_TOKEN], &[SESSION]),
        Gate::WorkOs(_) => (&[OAUTH], &[WEB_TOKEN, SESSION]),
    };
    for item in operations.paths.values_mut() {
        for operation in operations_of(item) {
            let id = operation.operation_id.as_deref().unwrap_or_default();
            let accepted = match access {
                Access::Api | Access::Erased if IN_PERSON.contains(&id) => in_person.to_vec(),
                Access::Api | Access::Erased => [of_programs, in_person].concat(),
                // An empty list: no credential (OpenAPI 3.1, section 4.8.10).
                _ => vec![],
            };
            let scopes: [&str; 0] = [];
            let requirement = |name| SecurityRequirement::new(name, scopes);
            operation.security = Some(accepted.into_iter().map(requirement).collect());
        }
    }
}

/// Makes a body optional that may be absent but never null, as utoipa describes an `Option`.
fn forbid_null_bodies(paths: &mut Paths) {
    for operation in paths.paths.values_mut().flat_map(operations_of) {
        let Some(RefOr::T(body)) = &mut operation.request_body else { continue };
        for content in body.content.values_mut() {
            let RefOr::T(content) = content else { continue };
            let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema else { continue };
            let mut named = choice.items.iter().filter(|item| matches!(item, RefOr::Ref(_)));
            if let (Some(schema), None) = (named.next().cloned(), named.next()) {
                content.schema = Some(schema);
                body.required = Some(Required::False);
            }
        }
    }
}

/// Adds the operations of one path and their schemas.
pub(crate) fn add_paths(
    document: &mut Document,
    schemas: Vec<(String, RefOr<Schema>)>,
    mut paths: Paths,
) {
    forbid_null_bodies(&mut paths);
    document.paths.paths.extend(paths.paths);
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schemas);
}

/// Serves the description.
pub(crate) async fn get_document(State(document): State<Arc<Document>>) -> Json<Arc<Document>> {
    Json(document)
}
