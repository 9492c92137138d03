//! Metadata of the protected resources (RFC 9728), by which MCP clients find the authorization
//! server.

use axum::http::{HeaderName, Method};
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use tower_http::cors::{Any, CorsLayer};

use crate::auth::Authenticator;
use crate::http::extract::{Json, method_not_allowed};
use crate::state::AppState;

/// Each path with the path of its resource. A document must name the resource that its own URL is
/// made from (RFC 9728, section 3.3).
pub(crate) const PATHS: [(&str, &str); 3] = [
    ("/.well-known/oauth-protected-resource", "mcp"),
    ("/.well-known/oauth-protected-resource/mcp", "mcp"),
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
        bearer_methods_supported: ["header"],
    };
    // The document is public, and clients in a browser fetch it before sign-in (RFC 9728, section
    // 3.1). They send the header with their first request already (MCP, 2025-06-18 and later).
    let any_origin = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET])
        .allow_headers([HeaderName::from_static("mcp-protocol-version")]);
    get(move || async move { Json(metadata) })
        // Without a fallback of its own the layer would not see a preflight request.
        .fallback(method_not_allowed)
        .layer(any_origin)
}
