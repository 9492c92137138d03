//! The one MCP handler, whatever the transport: what the server is, and its tools.

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest,
    CustomResult, ErrorCode, ErrorData, Implementation, ListToolsResult, MetaObject,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer};
use serde_json::Value;

use super::tools;
use crate::domain::identity::{Client, Principal};
use crate::domain::library::Library;
use crate::error::ApiError;

const INSTRUCTIONS: &str = "PromptDB keeps the user's own prompts, with versions and variables, and \
    makes them available in every chat. Use get_prompt or list_prompts when the user refers to a \
    saved prompt, and save_prompt when they want to keep one.";

/// Where results carry the server's identity from revision 2026-07-28 on.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Methods that the protocol knows: rmcp reports bad parameters of these as an unknown method.
const KNOWN_METHODS: [&str; 9] = [
    "initialize",
    "ping",
    "tools/call",
    "tools/list",
    "prompts/get",
    "prompts/list",
    "resources/read",
    "resources/list",
    "completion/complete",
];

/// Serves MCP on top of the use cases. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct PromptServer {
    library: Arc<Library>,
    tools: Arc<[Tool]>,
    config: Arc<ServerConfig>,
    server_info: Value,
    request_timeout: Duration,
}

impl PromptServer {
    pub(super) fn new(library: Arc<Library>, request_timeout: Duration) -> Self {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let identity =
            Implementation::new("promptdb", env!("CARGO_PKG_VERSION")).with_title("PromptDB");
        let server_info = serde_json::to_value(&identity).unwrap_or_default();
        let config = ServerConfig::new(capabilities)
            .with_server_info(identity)
            .with_instructions(INSTRUCTIONS);
        let (tools, config) = (tools::list().into(), Arc::new(config));
        Self { library, tools, config, server_info, request_timeout }
    }

    /// Who calls: the principal that the edge made, through the client that the request names.
    fn caller(context: &RequestContext<RoleServer>) -> Result<Principal, ErrorData> {
        let principal = context
            .extensions
            .get::<Arc<Principal>>()
            .or_else(|| context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get()));
        let principal = principal
            .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))?;
        Ok(match context.meta.client_info() {
            Some(client) => principal.through(Client::named(&client.name)),
            None => Principal::clone(principal),
        })
    }
}

impl ServerHandler for PromptServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::clone(&self.config)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.and_then(|request| request.cursor).is_some() {
            return Err(ErrorData::invalid_params("the tools fit on one page", None));
        }
        let mut result = ListToolsResult::with_all_items(self.tools.to_vec());
        // Everybody sees the same tools.
        result.cache_scope = Some(CacheScope::Public);
        Ok(result)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = Self::caller(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let call = tools::call(&self.library, &caller, &request.name, arguments);
        let outcome = match tokio::time::timeout(self.request_timeout, call).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                let message = format!("Unknown tool: {}", request.name);
                return Err(ErrorData::invalid_params(message, None));
            }
            Err(_) => Err(ApiError::Timeout),
        };
        let mut result = outcome.unwrap_or_else(|error| {
            CallToolResult::error(vec![rmcp::model::ContentBlock::text(error.tool_message())])
        });
        if context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28) {
            let meta = result.meta.get_or_insert_with(MetaObject::default);
            meta.0.insert(SERVER_INFO.to_owned(), self.server_info.clone());
        }
        Ok(result.into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let CustomRequest { method, .. } = request;
        if KNOWN_METHODS.contains(&method.as_str()) {
            let message = format!("Invalid params: those of {method} have another shape");
            return Err(ErrorData::invalid_params(message, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None))
    }

    async fn on_initialized(&self, _context: NotificationContext<RoleServer>) {}
}
