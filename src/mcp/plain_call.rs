//! The direct way of a plain `tools/call` to the handler, past rmcp's transport.

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

use super::{Envelope, json_response};
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::telemetry::{Call, CallStatus, Record};

/// A handler that can be called past rmcp's transport.
pub trait PlainHandler: ServerHandler + Clone {
    /// Whether a tool answers with nothing but its result: it sends the client no message while it
    /// works and asks it for nothing, takes no parameter from a header, and fails with no code that
    /// has a status or a meaning of its own.
    fn is_plain(&self, tool: &str) -> bool;
}

/// Answers plain calls. Must be made inside a tokio runtime.
pub(super) struct PlainCalls<H: PlainHandler> {
    handler: H,
    peers: Vec<(ProtocolVersion, ParkedPeer<H>)>,
}

/// A call whose headers and body agree in every point that the protocol demands.
pub(super) struct PlainCall {
    id: RequestId,
    params: CallToolRequestParams,
    meta: RequestMetaObject,
    peer: Peer<RoleServer>,
    /// Its revision is older than 2026-07-28.
    is_legacy: bool,
}

/// A peer that is never spoken to. The handler asks it for the protocol version alone; plain tools
/// send nothing to the client.
struct ParkedPeer<H: PlainHandler> {
    running: RunningService<RoleServer, H>,
    /// Keeps the connection open, and so the peer.
    _client: DuplexStream,
}

impl<H: PlainHandler> PlainCalls<H> {
    pub(super) fn new(handler: H) -> Self {
        let peer = |version: &ProtocolVersion| {
            let (client, connection) = tokio::io::duplex(64);
            let info = InitializeRequestParams::new(
                ClientCapabilities::default(),
                Implementation::default(),
            )
            .with_protocol_version(version.clone());
            let running = serve_directly(handler.clone(), connection, Some(info));
            (version.clone(), ParkedPeer { running, _client: client })
        };
        let peers = handler.supported_protocol_versions().iter().map(peer).collect();
        Self { handler, peers }
    }

    /// The call that a message makes, if it is a plain one: of a known revision, and from
    /// 2026-07-28 on with the headers of SEP-2243 spelling what the body says. Whatever is missing
    /// or contradicts itself is left to rmcp to refuse.
    pub(super) fn recognise(
        &self,
        headers: &HeaderMap,
        envelope: &Envelope<'_>,
    ) -> Option<PlainCall> {
        let is_call = envelope.jsonrpc.as_deref() == Some("2.0")
            && envelope.method.as_deref() == Some("tools/call");
        if !is_call {
            return None;
        }
        let header = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let value = values.next()?.to_str().ok();
            value.filter(|_| values.next().is_none())
        };
        let version = match headers.get("mcp-protocol-version") {
            // Before 2025-06-18 there was no such header.
            None => ProtocolVersion::V_2025_03_26.as_str(),
            Some(_) => header("mcp-protocol-version")?,
        };
        let (version, peer) = self.peers.iter().find(|(known, _)| known.as_str() == version)?;
        let id = envelope.id.clone()?;
        let mut params: CallToolRequestParams =
            serde_json::from_str(envelope.params?.get()).ok()?;
        if !self.handler.is_plain(&params.name) {
            return None;
        }
        let meta = params.meta.take().unwrap_or_default();
        let stated = meta.protocol_version();
        let is_legacy = *version < ProtocolVersion::V_2026_07_28;
        if is_legacy {
            if stated.is_some() {
                return None;
            }
        } else {
            let agrees = stated.as_ref() == Some(version)
                && meta.missing_required_keys(version).is_empty()
                && header("mcp-method") == Some("tools/call")
                && header("mcp-name") == Some(&*params.name)
                && !params.name.starts_with("=?");
            if !agrees {
                return None;
            }
        }
        Some(PlainCall { id, params, meta, peer: peer.running.peer().clone(), is_legacy })
    }

    pub(super) async fn answer(
        &self,
        call: PlainCall,
        caller: Option<Arc<Principal>>,
    ) -> Result<Response, ApiError> {
        let PlainCall { id, params, meta, peer, is_legacy } = call;
        Record::note(|record| {
            record.set_call(Call::of_tool(&params.name));
            record.set_parent(meta.get_traceparent(), meta.get_tracestate());
        });
        let mut context = RequestContext::new(id.clone(), peer);
        context.meta = meta;
        context
            .extensions
            .insert(caller.ok_or_else(|| ApiError::Internal("a call without a caller".into()))?);
        // Past rmcp's `handle_request`, whose future has room for every method of the protocol. What
        // it checks of a call was checked above, and what it does for old revisions is done here.
        let answer = match self.handler.call_tool(params, context).await {
            Ok(CallToolResponse::Complete(result)) => {
                let mut result = ServerResult::CallToolResult(result);
                if is_legacy {
                    result.strip_result_type_for_legacy_peer();
                    result.strip_non_object_output_for_legacy_peer();
                }
                Ok(result)
            }
            Ok(_) => return Err(ApiError::Internal("a plain tool did not end".into())),
            Err(error) => Err(error),
        };
        Record::note(|record| record.set_status(CallStatus::from(&answer)));
        let message = match answer {
            Ok(result) => ServerJsonRpcMessage::response(result, id),
            Err(error) => ServerJsonRpcMessage::error(error, Some(id)),
        };
        Ok(json_response(StatusCode::OK, &message))
    }
}
