//! The one MCP handler, whatever the transport: what the server is, and its tools.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use futures_util::FutureExt;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
    CompleteResult, ContentBlock, CustomRequest, CustomResult, ErrorCode, ErrorData,
    GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject,
    PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::plain_call::PlainHandler;
use super::{catalog, tools};
use crate::domain::identity::{Client, Principal, UserId};
use crate::domain::{FIELD_MAX_CHARS, shortened};
use crate::error::ApiError;
use crate::library::Library;
use crate::telemetry::Record;

const INSTRUCTIONS: &str = "PromptDB keeps the user's own prompts, with versions and variables, and \
    makes them available in every chat. Use get_prompt or list_prompts when the user refers to a \
    saved prompt, and save_prompt when they want to keep one.";

/// Where requests carry the client's identity from revision 2026-07-28 on.
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// Where results carry the server's.
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

/// Those of them that revision 2026-07-28 no longer has.
const REMOVED_METHODS: [&str; 2] = ["initialize", "ping"];

/// Serves MCP on top of the use cases. Cloning it is cheap.
#[derive(Clone)]
pub struct PromptServer {
    library: Arc<Library>,
    tools: Arc<[Tool]>,
    config: Arc<ServerConfig>,
    server_info: Value,
    request_timeout: Duration,
    /// The one caller of a lasting connection; absent where each request brings its own.
    bound_to: Option<Arc<Principal>>,
    /// Cancelled when what lasts is to end: with that connection, or with the server.
    closed: CancellationToken,
    /// The latest revision that is spoken.
    latest: ProtocolVersion,
}

impl PromptServer {
    pub fn new(library: Arc<Library>, request_timeout: Duration) -> Self {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_completions()
            .build();
        let identity =
            Implementation::new("promptdb", env!("CARGO_PKG_VERSION")).with_title("PromptDB");
        let server_info = serde_json::to_value(&identity).unwrap_or_default();
        let config = ServerConfig::new(capabilities)
            .with_server_info(identity)
            .with_instructions(INSTRUCTIONS);
        let (tools, config) = (tools::list().into(), Arc::new(config));
        Self {
            library,
            tools,
            config,
            server_info,
            request_timeout,
            bound_to: None,
            closed: CancellationToken::new(),
            latest: ProtocolVersion::V_2026_07_28,
        }
    }

    /// The same for a connection that belongs to one caller, until it is `closed`.
    pub(super) fn for_caller(self, caller: Arc<Principal>, closed: CancellationToken) -> Self {
        Self { bound_to: Some(caller), closed, ..self }
    }

    /// The same, whose subscriptions end when the server is to.
    pub(crate) fn until(self, shutdown: &CancellationToken) -> Self {
        Self { closed: shutdown.clone(), ..self }
    }

    /// The same without 2026-07-28, whose requests open no connection.
    pub(super) fn without_inline_lifecycle(&self) -> Self {
        Self { latest: ProtocolVersion::V_2025_11_25, ..self.clone() }
    }

    pub(super) fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Who calls: the principal that the edge made, through the client that says its name.
    fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Principal, ErrorData> {
        // On a lasting connection the client said its name once; elsewhere only the request's own
        // metadata is the client's word.
        let (principal, client) = if let Some(principal) = &self.bound_to {
            (Some(principal), context.client_info().map(|client| Client::named(&client.name)))
        } else {
            let direct = context.extensions.get::<Arc<Principal>>();
            let parts = || context.extensions.get::<Parts>()?.extensions.get();
            // Read where it stands: what else is said of the client is not asked for.
            let name =
                context.meta.get(CLIENT_INFO).and_then(|client| client.get("name")?.as_str());
            (direct.or_else(parts), name.map(Client::named))
        };
        let principal = principal
            .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))?;
        Ok(match client {
            Some(client) => principal.through(client),
            None => Principal::clone(principal),
        })
    }

    /// Does the work of one request within the deadline. A panic is a fault of that request alone,
    /// whatever task it runs on.
    ///
    /// The work is in a box, for each future around it would hold its bytes again, and thousands of
    /// calls may be in flight.
    fn guard<T>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, ApiError>> + Send {
        let work = AssertUnwindSafe(work).catch_unwind();
        let work = Box::pin(Record::resume(record_of(context), work));
        let work = tokio::time::timeout(self.request_timeout, work);
        async {
            match work.await {
                Ok(Ok(done)) => Ok(done),
                Ok(Err(_)) => Err(ApiError::Internal("a handler panicked".into())),
                Err(_) => Err(ApiError::Timeout),
            }
        }
    }

    /// The same for work that fails in the protocol's own way.
    fn answer<T>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl Future<Output = Result<T, ErrorData>> + Send,
    ) -> impl Future<Output = Result<T, ErrorData>> + Send {
        let (record, work) = (record_of(context), self.guard(context, work));
        async {
            work.await.unwrap_or_else(|error| {
                Err(Record::during_sync(record, || catalog::protocol_error(error)))
            })
        }
    }

    /// Tells a subscriber when the owner's library changes, for as long as both are there.
    async fn tell_changes(&self, owner: UserId, subscription: SubscriptionContext) {
        let mut changes = self.library.changes();
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return,
                () = self.closed.cancelled() => return,
                change = changes.recv() => change,
            };
            match change {
                Ok(whose) if whose != owner => {}
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    let sink = subscription.sink();
                    let prompts = sink.notify_prompt_list_changed().await;
                    let resources = sink.notify_resource_list_changed().await;
                    if prompts.is_err() && resources.is_err() {
                        return;
                    }
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// The server's identity, which results carry from revision 2026-07-28 on.
    fn meta(&self, context: &RequestContext<RoleServer>) -> Option<MetaObject> {
        let is_stateless = context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28);
        is_stateless.then(|| {
            let mut meta = MetaObject::default();
            meta.0.insert(SERVER_INFO.to_owned(), self.server_info.clone());
            meta
        })
    }
}

/// The record of a request that another task brought here; the direct way has it in its own.
fn record_of(context: &RequestContext<RoleServer>) -> Option<Arc<Record>> {
    let over_http = || context.extensions.get::<Parts>()?.extensions.get();
    context.extensions.get().or_else(over_http).cloned()
}

impl PlainHandler for PromptServer {
    fn is_plain(&self, _tool: &str) -> bool {
        true
    }
}

impl ServerHandler for PromptServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::clone(&self.config)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.and_then(|request| request.cursor).is_some() {
            return Err(ErrorData::invalid_params("the tools fit on one page", None));
        }
        let mut result = ListToolsResult::with_all_items(self.tools.to_vec());
        // Everybody sees the same tools.
        result.cache_scope = Some(CacheScope::Public);
        result.meta = self.meta(&context);
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
        let caller = self.caller(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let call = tools::call(&self.library, &caller, &request.name, arguments);
        let outcome = match self.guard(&context, call).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                let name = shortened(request.name.into_owned(), FIELD_MAX_CHARS);
                let message = format!("Unknown tool: {name}");
                return Err(ErrorData::invalid_params(message, None));
            }
            Err(error) => Err(error),
        };
        let mut result = outcome.unwrap_or_else(|error| {
            // It may log the error, which must carry the id of the request.
            let message = Record::during_sync(record_of(&context), || error.tool_message());
            CallToolResult::error(vec![ContentBlock::text(message)])
        });
        result.meta = self.meta(&context);
        Ok(result.into())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let caller = self.caller(&context)?;
        let mut result =
            self.answer(&context, catalog::list_prompts(&self.library, &caller, cursor)).await?;
        result.meta = self.meta(&context);
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let GetPromptRequestParams { name, arguments, .. } = request;
        let work = catalog::get_prompt(&self.library, &caller, &name, arguments);
        let mut result = self.answer(&context, work).await?;
        result.meta = self.meta(&context);
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let caller = self.caller(&context)?;
        let mut result =
            self.answer(&context, catalog::list_resources(&self.library, &caller, cursor)).await?;
        result.meta = self.meta(&context);
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut result = catalog::list_resource_templates();
        result.meta = self.meta(&context);
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let work = catalog::read_resource(&self.library, &caller, &request.uri);
        let mut result = self.answer(&context, work).await?;
        result.meta = self.meta(&context);
        Ok(result.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = self.caller(&context)?;
        let CompleteRequestParams { r#ref, argument, .. } = request;
        let work = catalog::complete(&self.library, &caller, &r#ref, &argument);
        let mut result = CompleteResult::new(self.answer(&context, work).await?);
        result.meta = self.meta(&context);
        Ok(result)
    }

    fn accepted_subscription_filter(
        &self,
        _requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let filter = SubscriptionFilter::builder().prompts_list_changed().resources_list_changed();
        Some(filter.build())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let owner = self.caller(subscription.request_context())?.user_id;
        // Without the box, every other request would take its room, too.
        Box::pin(self.tell_changes(owner, subscription)).await;
        Ok(())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::known_up_to(&self.latest))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let CustomRequest { method, .. } = request;
        let is_removed = context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28)
            && REMOVED_METHODS.contains(&method.as_str());
        if KNOWN_METHODS.contains(&method.as_str()) && !is_removed {
            let message = format!("Invalid params: those of {method} have another shape");
            return Err(ErrorData::invalid_params(message, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None))
    }

    async fn on_initialized(&self, _context: NotificationContext<RoleServer>) {}
}
