//! The MCP handler of every transport: what the server declares, and the deadline, the caller and the
//! metadata of each request.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use futures_util::FutureExt;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
    CompleteResult, ContentBlock, CustomRequest, CustomResult, ErrorCode, ErrorData,
    GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams, GetSkillResult,
    Implementation, InitializeRequestParams, InitializeResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    MetaObject, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::errors::protocol_error;
use super::tools::{CallError, Toolset};
use super::{apps, completion, input, prompts, resources, skills};
use crate::domain::excerpt::Excerpt;
use crate::domain::identity::{Channel, Client, LibraryId, Principal};
use crate::error::ApiError;
use crate::library::{Library, Meter};
use crate::telemetry::Record;

/// What clients put into the model's context about the server.
const INSTRUCTIONS: &str = "PromptDB keeps the user's own prompts, with versions and variables, and \
    makes them available in every chat. Use get_prompt or list_prompts when the user refers to a \
    saved prompt, save_prompt when they want to keep one, harvest_session when they want to find \
    reusable prompts in this chat, and restore_prompt when they want to undo a deletion or a change.";

/// The key of the client's identity in a request's metadata since 2026-07-28.
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// The key of the server's identity in a result's metadata since 2026-07-28.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The methods that the server implements. rmcp reports one with parameters of a wrong type as an
/// unknown method, and passes it to `on_custom_request`.
const KNOWN_METHODS: [&str; 11] = [
    "initialize",
    "ping",
    "tools/call",
    "tools/list",
    "prompts/get",
    "prompts/list",
    "resources/read",
    "resources/list",
    "completion/complete",
    "skills/list",
    "skills/get",
];

/// Those among them that 2026-07-28 removed.
const REMOVED_METHODS: [&str; 2] = ["initialize", "ping"];

/// The handler. Cloning it is cheap.
#[derive(Clone)]
pub struct PromptServer {
    library: Arc<Library>,
    toolset: Toolset,
    /// The descriptions of the tools, whose schemas take a while to compute.
    tools: Arc<[Tool]>,
    config: Arc<ServerConfig>,
    server_info: Value,
    request_timeout: Duration,
    /// The caller of a lasting connection; `None` where each request has its own.
    bound_to: Option<Arc<Principal>>,
    /// The door of the callers.
    channel: Channel,
    /// Cancelled when subscriptions are to end: with the connection, or with the server.
    closed: CancellationToken,
    /// The latest revision that is supported.
    latest: ProtocolVersion,
    /// Whether subscribers are notified of the changes by every process.
    notifies: bool,
    /// Whether a client that initialized itself is notified of changes.
    notifies_after_handshake: bool,
}

impl PromptServer {
    /// Builds a server with the tools of a set, whose requests end within `request_timeout`.
    pub fn new(library: Arc<Library>, toolset: Toolset, request_timeout: Duration) -> Self {
        let notifies = library.can_watch_all();
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_completions()
            .enable_skills()
            .build();
        declare_changes(&mut capabilities, notifies);
        apps::declare(&mut capabilities);
        let identity =
            Implementation::new("promptdb", env!("CARGO_PKG_VERSION")).with_title("PromptDB");
        let server_info = serde_json::to_value(&identity).unwrap_or_default();
        let config = ServerConfig::new(capabilities)
            .with_server_info(identity)
            .with_instructions(INSTRUCTIONS);
        Self {
            library,
            toolset,
            tools: toolset.describe(),
            config: Arc::new(config),
            server_info,
            request_timeout,
            bound_to: None,
            channel: Channel::Mcp,
            closed: CancellationToken::new(),
            latest: ProtocolVersion::V_2026_07_28,
            notifies,
            notifies_after_handshake: false,
        }
    }

    /// Returns the server for a connection that belongs to one caller. Its subscriptions end when
    /// `closed` is cancelled.
    pub(super) fn bind_to_caller(self, caller: Arc<Principal>, closed: CancellationToken) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        declare_changes(&mut config.capabilities, true);
        Self {
            config: Arc::new(config),
            bound_to: Some(caller),
            channel: Channel::Stdio,
            closed,
            notifies: true,
            notifies_after_handshake: true,
            ..self
        }
    }

    /// Returns the server with subscriptions that end when `shutdown` is cancelled.
    pub(crate) fn until(self, shutdown: &CancellationToken) -> Self {
        Self { closed: shutdown.clone(), ..self }
    }

    /// Returns the server for streams that begin with a handshake, so without 2026-07-28.
    pub(super) fn for_streams(&self) -> Self {
        Self {
            latest: ProtocolVersion::V_2025_11_25,
            channel: Channel::Sse,
            notifies_after_handshake: self.notifies,
            ..self.clone()
        }
    }

    pub(super) fn toolset(&self) -> Toolset {
        self.toolset
    }

    pub(super) fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Returns the principal of the request, with the client that the request or the handshake
    /// names.
    fn find_caller(&self, context: &RequestContext<RoleServer>) -> Result<Principal, ErrorData> {
        let (principal, client) = if let Some(principal) = &self.bound_to {
            // A lasting connection: the client gave its name in the handshake.
            (Some(principal), context.client_info().map(|client| Client::named(&client.name)))
        } else {
            // The direct way puts the principal into the extensions. rmcp's transport puts the head
            // of the HTTP request there, whose own extensions have it.
            let direct = context.extensions.get::<Arc<Principal>>();
            let over_http = || context.extensions.get::<Parts>()?.extensions.get();
            // `context.client_info()` is of no use here: the peer of a stateless request has no
            // handshake. The name is read in place, without the rest of the client's identity.
            let name =
                context.meta.get(CLIENT_INFO).and_then(|client| client.get("name")?.as_str());
            (direct.or_else(over_http), name.map(Client::named))
        };
        let principal = principal
            .ok_or_else(|| ErrorData::internal_error("the request has no caller", None))?;
        let caller = match client {
            Some(client) => principal.through(client),
            None => Principal::clone(principal),
        };
        self.library.record_client_call(&caller, self.channel);
        Ok(caller)
    }

    /// Runs the work of one request within the deadline. A panic fails that request alone, whatever
    /// task it runs in.
    ///
    /// The work is boxed, for each of the futures around it would hold its bytes once more, and
    /// thousands of calls may be in flight.
    fn run_guarded<T, W>(
        &self,
        context: &RequestContext<RoleServer>,
        work: Pin<Box<W>>,
    ) -> impl Future<Output = Result<T, ApiError>> + Send
    where
        W: Future<Output = T> + Send + ?Sized,
    {
        let work = Record::resume(find_record(context), AssertUnwindSafe(work).catch_unwind());
        let work = tokio::time::timeout(self.request_timeout, work);
        async {
            match work.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(_)) => Err(ApiError::Internal("a handler panicked".into())),
                Err(_) => Err(ApiError::Timeout),
            }
        }
    }

    /// Runs work that fails with an error of the protocol.
    ///
    /// It is not an `async fn`, whose future would hold the work itself until the first poll.
    fn run<T>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl Future<Output = Result<T, ErrorData>> + Send,
    ) -> impl Future<Output = Result<T, ErrorData>> + Send {
        let (record, work) = (find_record(context), self.run_guarded(context, Box::pin(work)));
        async {
            work.await
                .unwrap_or_else(|error| Err(Record::during_sync(record, || protocol_error(error))))
        }
    }

    /// Notifies a subscriber of every change of a library, until the subscription or the
    /// server ends.
    async fn report_changes(&self, library: LibraryId, subscription: SubscriptionContext) {
        let mut changes = if self.notifies {
            Changes::subscribe(&self.library, library)
        } else {
            Changes::none()
        };
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return,
                () = self.closed.cancelled() => return,
                change = changes.next() => change,
            };
            if change.is_none() {
                return;
            }
            // The sink refuses a notification that the subscription's filter excludes; both fail
            // only when the client is gone.
            let sink = subscription.sink();
            let prompts = sink.notify_prompt_list_changed().await;
            let resources = sink.notify_resource_list_changed().await;
            if prompts.is_err() && resources.is_err() {
                return;
            }
        }
    }

    /// Builds the metadata of a result: since 2026-07-28, the server's identity.
    fn build_meta(&self, context: &RequestContext<RoleServer>) -> Option<MetaObject> {
        let is_stateless = context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28);
        is_stateless.then(|| {
            let mut meta = MetaObject::default();
            meta.0.insert(SERVER_INFO.to_owned(), self.server_info.clone());
            meta
        })
    }
}

/// Declares whether clients are notified of changed lists.
fn declare_changes(capabilities: &mut ServerCapabilities, are_reported: bool) {
    let declared = are_reported.then_some(true);
    capabilities.prompts.iter_mut().for_each(|prompts| prompts.list_changed = declared);
    capabilities.resources.iter_mut().for_each(|resources| resources.list_changed = declared);
}

/// Returns the record of a request that rmcp handles in a task of its own. On the direct way there is
/// none to restore: the task is the request's.
fn find_record(context: &RequestContext<RoleServer>) -> Option<Arc<Record>> {
    let over_http = || context.extensions.get::<Parts>()?.extensions.get();
    context.extensions.get().or_else(over_http).cloned()
}

/// Returns the meter of a request. A lasting connection has none: its client runs on this machine.
fn find_meter(context: &RequestContext<RoleServer>) -> Meter {
    let over_http = || context.extensions.get::<Parts>()?.extensions.get();
    context.extensions.get().or_else(over_http).cloned().unwrap_or_default()
}

/// Returns the cursor of a listing. Some clients send `""` for the first page.
fn find_cursor(request: Option<PaginatedRequestParams>) -> Option<String> {
    request?.cursor.filter(|cursor| !cursor.is_empty())
}

impl ServerHandler for PromptServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::clone(&self.config)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let mut result = self.negotiate_initialize(&request)?;
        // The version that was asked for may be unknown. The form of later results follows from the
        // one that was agreed on.
        let protocol_version = result.protocol_version.clone();
        context.peer.set_peer_info(request.with_protocol_version(protocol_version));
        if !self.notifies_after_handshake {
            // Without a stream there is no way to a client of Streamable HTTP. Since 2026-07-28 it
            // subscribes instead, after `server/discover`.
            declare_changes(&mut result.capabilities, false);
        }
        Ok(result)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if find_cursor(request).is_some() {
            let message = "tools/list returns one page and takes no cursor";
            return Err(ErrorData::invalid_params(message, None));
        }
        let mut result = ListToolsResult::with_all_items(self.toolset.list(&self.tools));
        // All users have the same tools.
        result.cache_scope = Some(CacheScope::Public);
        result.meta = self.build_meta(&context);
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
        let caller = self.find_caller(&context)?;
        let Some(tool) = self.toolset.find(&request.name) else {
            // MCP 2025-11-25, server/tools, "Error Handling": an unknown tool is a protocol error.
            let name = Excerpt::new(&request.name);
            return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None));
        };
        let meter = find_meter(&context);
        let call = tool.call(&self.library, &caller, meter, request.arguments.unwrap_or_default());
        let result = self.run_guarded(&context, call).await;
        let result = result.map_err(CallError::from).and_then(|result| result);
        // Every other failure is a result, so that the model reads it and can correct itself.
        let mut result = result.unwrap_or_else(|error| {
            // It may log the error, which must carry the id of the request.
            let message = Record::during_sync(find_record(&context), || error.tool_message());
            CallToolResult::error(vec![ContentBlock::text(message)])
        });
        result.meta = self.build_meta(&context);
        Ok(result.into())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let cursor = find_cursor(request);
        let caller = self.find_caller(&context)?;
        let work = prompts::list_prompts(&self.library, &caller, cursor);
        let mut result = self.run(&context, work).await?;
        result.meta = self.build_meta(&context);
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = self.find_caller(&context)?;
        let GetPromptRequestParams { name, arguments, .. } = request;
        let work = prompts::get_prompt(&self.library, &caller, &name, arguments);
        let mut result = self.run(&context, work).await?;
        result.meta = self.build_meta(&context);
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = find_cursor(request);
        let caller = self.find_caller(&context)?;
        let work = resources::list_resources(&self.library, &caller, cursor);
        let mut result = self.run(&context, work).await?;
        result.meta = self.build_meta(&context);
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut result = resources::list_resource_templates();
        result.meta = self.build_meta(&context);
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = self.find_caller(&context)?;
        let work = resources::read_resource(&self.library, &caller, &request.uri);
        let mut result = self.run(&context, work).await?;
        result.meta = self.build_meta(&context);
        Ok(result.into())
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        let cursor = find_cursor(request);
        let caller = self.find_caller(&context)?;
        let work = skills::list_skills(&self.library, &caller, cursor);
        let mut result = self.run(&context, work).await?;
        result.meta = self.build_meta(&context);
        Ok(result)
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        let caller = self.find_caller(&context)?;
        let work = skills::get_skill(&self.library, &caller, &request.uri);
        let mut result = self.run(&context, work).await?;
        result.meta = self.build_meta(&context);
        Ok(result)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = self.find_caller(&context)?;
        let CompleteRequestParams { r#ref, argument, .. } = request;
        let work = completion::complete(&self.library, &caller, &r#ref, &argument);
        let mut result = CompleteResult::new(self.run(&context, work).await?);
        result.meta = self.build_meta(&context);
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
        let library = self.find_caller(subscription.request_context())?.library_id;
        // Boxed, for rmcp's future of every request has room for this one.
        Box::pin(self.report_changes(library, subscription)).await;
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
        let CustomRequest { method, params, .. } = request;
        let is_removed = context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28)
            && REMOVED_METHODS.contains(&method.as_str());
        if KNOWN_METHODS.contains(&method.as_str()) && !is_removed {
            let message = match input::explain_invalid_params(&method, params) {
                Some(invalid) => format!("Invalid params: {invalid}"),
                None => format!("Invalid params: {method} takes parameters of other types"),
            };
            return Err(ErrorData::invalid_params(message, None));
        }
        let method = Excerpt::from(method).into_string();
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None))
    }

    /// Does nothing; rmcp's default logs a line.
    async fn on_initialized(&self, _context: NotificationContext<RoleServer>) {}
}
