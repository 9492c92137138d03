//! The direct way of a plain `tools/call` to the handler, past rmcp's transport.
//!
//! The transport spawns four tasks and opens three channels for each request, about half the time of
//! a call. A plain call is one for which the transport would do nothing else that a client notices;
//! a test and a fuzz target compare the responses of both ways.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, Implementation,
    InitializeRequestParams, ProtocolVersion, RequestId, RequestMetaObject, ServerJsonRpcMessage,
    ServerResult,
};
use rmcp::service::{Peer, RequestContext, RoleServer, RunningService, serve_directly};
use tokio::io::DuplexStream;

use super::envelope::Envelope;
use super::response::json_response;
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::library::Meter;
use crate::mcp::tools;
use crate::telemetry::{CallStatus, Record};

/// Executes plain calls.
pub(super) struct PlainCalls<H: ServerHandler + Clone> {
    handler: H,
    is_plain: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// One for each revision that the handler supports.
    peers: Vec<(ProtocolVersion, ParkedPeer<H>)>,
}

/// A call whose headers and body agree wherever the protocol demands it.
pub(super) struct PlainCall {
    id: RequestId,
    params: CallToolRequestParams,
    meta: RequestMetaObject,
    peer: Peer<RoleServer>,
    /// Whether its revision is older than 2026-07-28.
    is_legacy: bool,
}

/// A peer without a client. The handler reads only the revision from it, and plain tools send nothing.
struct ParkedPeer<H: ServerHandler> {
    running: RunningService<RoleServer, H>,
    /// The peer ends with its connection; holding the other end keeps it open.
    _client: DuplexStream,
}

impl<H: ServerHandler + Clone> ParkedPeer<H> {
    fn new(handler: H, version: ProtocolVersion) -> Self {
        let (client, connection) = tokio::io::duplex(64);
        let info =
            InitializeRequestParams::new(ClientCapabilities::default(), Implementation::default())
                .with_protocol_version(version);
        Self { running: serve_directly(handler, connection, Some(info)), _client: client }
    }
}

impl<H: ServerHandler + Clone> PlainCalls<H> {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(handler: H, is_plain: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let versions = handler.supported_protocol_versions();
        let peers = versions
            .iter()
            .map(|version| (version.clone(), ParkedPeer::new(handler.clone(), version.clone())))
            .collect();
        Self { handler, is_plain: Box::new(is_plain), peers }
    }

    /// Returns the call that a message makes, if it is a plain one.
    ///
    /// A call of 2026-07-28 is plain only if its headers equal the body (SEP-2243). Whatever is
    /// missing or contradictory is left for rmcp to reject.
    pub(super) fn recognize(
        &self,
        headers: &HeaderMap,
        envelope: &Envelope<'_>,
    ) -> Option<PlainCall> {
        let is_call = envelope.jsonrpc.as_deref() == Some("2.0")
            && envelope.method.as_deref() == Some("tools/call");
        if !is_call {
            return None;
        }
        let version = match headers.get("mcp-protocol-version") {
            // MCP 2025-11-25, basic/transports, "Protocol Version Header": without the header, which
            // came with 2025-06-18, the server assumes 2025-03-26.
            None => ProtocolVersion::V_2025_03_26.as_str(),
            Some(_) => single_header(headers, "mcp-protocol-version")?,
        };
        let (version, peer) = self.peers.iter().find(|(known, _)| known.as_str() == version)?;
        // Without an id the message is a notification (JSON-RPC 2.0, section 4.1).
        let id = envelope.id.clone()?;
        let mut params: CallToolRequestParams =
            serde_json::from_str(envelope.params?.get()).ok()?;
        if !(self.is_plain)(&params.name) {
            return None;
        }
        let meta = params.meta.take().unwrap_or_default();
        let is_legacy = *version < ProtocolVersion::V_2026_07_28;
        let agrees = if is_legacy {
            // Metadata of 2026-07-28 contradicts an older header.
            meta.protocol_version().is_none()
        } else {
            agrees_with_headers(&meta, version, &params.name, headers)
        };
        agrees.then(|| PlainCall { id, params, meta, peer: peer.running.peer().clone(), is_legacy })
    }

    /// Executes the call and responds as rmcp's transport would.
    pub(super) async fn execute(
        &self,
        call: PlainCall,
        caller: Option<Arc<Principal>>,
        meter: Meter,
    ) -> Result<Response, ApiError> {
        let PlainCall { id, params, meta, peer, is_legacy } = call;
        Record::note(|record| {
            record.set_call(tools::record_call(&params.name));
            record.set_parent(meta.get_traceparent(), meta.get_tracestate());
        });
        let mut context = RequestContext::new(id.clone(), peer);
        context.meta = meta;
        context
            .extensions
            .insert(caller.ok_or_else(|| ApiError::Internal("a call without a caller".into()))?);
        context.extensions.insert(meter);
        // Past rmcp's `handle_request` as well, whose future has room for every method of the
        // protocol. Its checks of a call are those of `recognize`; its conversion of results for
        // older revisions is repeated here.
        let result = match self.handler.call_tool(params, context).await {
            Ok(CallToolResponse::Complete(result)) => {
                let mut result = ServerResult::CallToolResult(result);
                if is_legacy {
                    result.strip_result_type_for_legacy_peer();
                    result.strip_non_object_output_for_legacy_peer();
                }
                Ok(result)
            }
            Ok(_) => return Err(ApiError::Internal("a plain tool asked for input".into())),
            Err(error) => Err(error),
        };
        Record::note(|record| record.set_status(CallStatus::from(&result)));
        let message = match result {
            Ok(result) => ServerJsonRpcMessage::response(result, id),
            Err(error) => ServerJsonRpcMessage::error(error, Some(id)),
        };
        Ok(json_response(StatusCode::OK, &message))
    }
}

/// Returns whether a call of 2026-07-28 has the metadata it needs, and the same in its headers
/// (SEP-2243).
fn agrees_with_headers(
    meta: &RequestMetaObject,
    version: &ProtocolVersion,
    tool: &str,
    headers: &HeaderMap,
) -> bool {
    meta.protocol_version().as_ref() == Some(version)
        && meta.missing_required_keys(version).is_empty()
        && single_header(headers, "mcp-method") == Some("tools/call")
        && single_header(headers, "mcp-name") == Some(tool)
        // The prefix of an encoded value, which rmcp decodes before it compares.
        && !tool.starts_with("=?")
}

/// Returns the value of a header that is present exactly once, in ASCII.
fn single_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
