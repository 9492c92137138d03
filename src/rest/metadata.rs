//! Metadata of the protected resources (RFC 9728). MCP clients find the authorization server in it
//! (MCP, authorization: authorization server discovery).

use axum::http::{HeaderName, Method};
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use tower_http::cors::{Any, CorsLayer};

use crate::auth::Authenticator;
use crate::http::extract::{Json, method_not_allowed};
use crate::state::AppState;

/// Each path of a document with the path of its resource. A document must name the resource from
/// which its own URL was formed (RFC 9728, section 3.3).
pub(crate) const PATHS: [(&str, &str); 4] = [
    ("/.well-known/oauth-protected-resource", "mcp"),
    ("/.well-known/oauth-protected-resource/mcp", "mcp"),
    ("/.well-known/oauth-protected-resource/mcp/", "mcp/"),
    ("/.well-known/oauth-protected-resource/sse", "sse"),
];

/// A metadata document (RFC 9728, section 2).
#[derive(Clone, Serialize)]
struct ResourceMetadata {
    resource: String,
    authorization_servers: [String; 1],
    bearer_methods_supported: [&'static str; 1],
}

/// Serves the document of a resource to every origin.
pub(crate) fn serve(authenticator: &Authenticator, resource: &str) -> MethodRouter<AppState> {
    let metadata = ResourceMetadata {
        resource: authenticator.resource(resource),
        authorization_servers: [authenticator.authorization_server().to_owned()],
        // RFC 9728, section 2: tokens in the header alone, never in the body or the query.
        bearer_methods_supported: ["header"],
    };
    // The document is public, and clients in a browser fetch it before sign-in (RFC 9728, section
    // 3.1). Their first request already carries the header of MCP's revision (2025-06-18 and later).
    let any_origin = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET])
        .allow_headers([HeaderName::from_static("mcp-protocol-version")]);
    get(move || async move { Json(metadata) })
        // The layer covers a preflight request only if the route has a fallback for its method.
        .fallback(method_not_allowed)
        .layer(any_origin)
}
