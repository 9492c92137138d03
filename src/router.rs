//! Every URL of the server, each with its rule: who may call it, and which limit counts its requests.
//!
//! `Routes` adds no route without access and limit. A path without a route is 404 for everyone.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};
use utoipa::openapi::path::Paths;
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::auth::Access::{self, Api, Erased, Mcp, Open, Probe, Public, Signed, Sse};
use crate::auth::Gate;
use crate::http::body::{BODY_MAX_BYTES, SIGNED_BODY_MAX_BYTES};
use crate::http::extract::{method_not_allowed, no_route};
use crate::http::layers::{Edge, Guard, pass};
use crate::http::rule::LimitClass::{self, Address, Exempt, Page, Refused, SignIn, User};
use crate::http::rule::{Content, Rule};
use crate::mcp::legacy_sse::{self, Streams};
use crate::mcp::{self, Endpoint, PromptServer, Toolset};
use crate::rest::{
    account, billing, bulk, candidates, clients, health, metadata, openapi, prompts, sessions,
    tags, transfer, webhooks,
};
use crate::state::AppState;
use crate::web::{find_stylesheet, own_sign_in, pages, sign_in, site, widget};

/// Builds the router. Must be called inside a tokio runtime.
#[rustfmt::skip] // A table: one line a route.
pub fn router(state: &AppState) -> Router {
    let toolset = Toolset {
        has_openai_search: state.has_openai_search(),
        has_sign_in: state.authenticator().is_some(),
    };
    let server = PromptServer::new(Arc::clone(state.library()), toolset, state.request_timeout());
    let streams = Arc::new(Streams::new(&server, state));
    let endpoint = Arc::new(Endpoint::new(server.until(state.shutdown()), state.request_timeout()));
    let mut routes = Routes::new(state);
    let add = &mut routes;

    //        path                                  access  limit    handlers
    add.route("/health",                            Probe,  Exempt,  routes!(health::get_health));
    add.route("/health/ready",                      Probe,  Exempt,  routes!(health::get_readiness));

    add.route("/api/me",                            Api,    User,    routes!(account::get_me));
    add.route("/api/audit",                         Api,    User,    routes!(account::list_audit));
    add.route("/api/account",                       Erased, User,    routes!(account::erase_account));
    add.route("/api/prompts",                       Api,    User,    routes!(prompts::list_prompts, prompts::create_prompt));
    add.route("/api/prompts/{prompt}",              Api,    User,    routes!(prompts::get_prompt, prompts::save_prompt, prompts::delete_prompt));
    // Beside its own method, it is the prompt of this name.
    add.route("/api/prompts/bulk",                  Api,    User,    with(routes!(bulk::change_prompts), get(prompts::get_prompt).put(prompts::save_prompt).delete(prompts::delete_prompt)));
    add.route("/api/prompts/{prompt}/restore",      Api,    User,    routes!(prompts::restore_prompt));
    add.route("/api/prompts/{prompt}/versions",     Api,    User,    routes!(prompts::list_versions, prompts::prune_versions));
    add.route("/api/prompts/{prompt}/render",       Api,    User,    routes!(prompts::render_prompt));
    add.route("/api/trash",                         Api,    User,    routes!(prompts::list_trash, prompts::empty_trash));
    add.route("/api/tags",                          Api,    User,    routes!(tags::list_tags));
    add.route("/api/clients",                       Api,    User,    routes!(clients::list_clients));
    add.route("/api/candidates",                    Api,    User,    routes!(candidates::list_candidates, candidates::harvest_session));
    add.route("/api/candidates/{candidate}",        Api,    User,    routes!(candidates::get_candidate, candidates::reject_candidate));
    add.route("/api/candidates/{candidate}/accept", Api,    User,    routes!(candidates::accept_candidate));
    add.route("/api/export",                        Api,    User,    routes!(transfer::export_library));
    // It reports what it did by its deadline instead of failing.
    add.route("/api/import",                        Api,    User,    upload(routes!(transfer::import_library)));
    // Without accounts there are none: 404.
    add.route("/api/sessions",                      Api,    User,    routes!(sessions::list_sessions, sessions::end_all_sessions));
    add.route("/api/sessions/{session}",            Api,    User,    routes!(sessions::end_session));
    // Only a signed-in caller learns which paths exist.
    add.route("/api",                               Api,    User,    any(no_route));
    add.route("/api/{*path}",                       Api,    User,    any(no_route));

    // Where nothing is sold: 404.
    add.route("/api/billing",                       Api,    User,    routes!(billing::get_billing));
    add.route("/api/billing/checkout",              Api,    User,    routes!(billing::open_checkout));
    add.route("/api/billing/portal",                Api,    User,    routes!(billing::open_portal));
    add.route("/api/billing/sync",                  Api,    User,    routes!(billing::sync_billing));

    // MCP answers a late request in its own format; the streams have no deadline.
    add.route("/mcp",                               Mcp,    User,    own_deadline(any(mcp::serve).with_state(Arc::clone(&endpoint))));
    // Some clients add a slash. A redirect would lose the body.
    add.route("/mcp/",                              Mcp,    User,    own_deadline(any(mcp::serve).with_state(endpoint)));
    add.route("/sse",                               Sse,    User,    own_deadline(get(legacy_sse::open_stream).with_state(Arc::clone(&streams))));
    add.route("/messages",                          Sse,    User,    own_deadline(post(legacy_sse::post_message).with_state(streams)));

    // The shell of the application holds no data, and shows what a path names or that it names nothing.
    add.route("/",                                  Open,   Page,    page(site::serve("index.html")));
    add.route("/app",                               Open,   Page,    page(site::serve("app.html")));
    add.route("/app/",                              Open,   Page,    page(site::serve("app.html")));
    add.route("/app/{*path}",                       Open,   Page,    page(site::serve("app.html")));
    let plans = if state.billing().is_some() { "plans.html" } else { "plans-free.html" };
    add.route("/plans",                             Open,   Page,    page(site::serve(plans)));
    add.route("/widget",                            Open,   Page,    page(get(widget::get_widget)));
    add.route("/privacy",                           Open,   Page,    page(site::serve("privacy.html")));
    add.route("/terms",                             Open,   Page,    page(site::serve("terms.html")));
    add.route("/assets/{*path}",                    Public, Page,    file(get(site::get_asset)));
    add.route("/favicon.ico",                       Public, Page,    file(site::serve("favicon.ico")));
    add.route("/robots.txt",                        Public, Page,    file(site::serve("robots.txt")));
    if let Some(token) = state.openai_apps_challenge() {
        add.route("/.well-known/openai-apps-challenge", Open, Page,  site::serve_openai_challenge(token));
    }

    // Routes of the sign-in with an access token.
    if let Gate::AccessToken(gate) = state.gate() {
        add.route("/auth/login",                    Public, SignIn,  form(get(own_sign_in::show_form).post(own_sign_in::sign_in).with_state(Arc::clone(gate))));
        add.route("/auth/logout",                   Open,   Address, post(own_sign_in::sign_out).with_state(Arc::clone(gate)));
        add.route("/auth/popup",                    Open,   Page,    page(get(own_sign_in::show_popup)));
        add.route("/auth/popup.js",                 Open,   Page,    file(get(pages::popup_script)));
    }

    // Routes of the sign-in with WorkOS.
    if let Some(authenticator) = state.authenticator() {
        let authenticator = || Arc::clone(authenticator);
        add.route("/auth/login",                    Open,   Address, get(sign_in::begin_sign_in).with_state(authenticator()));
        add.route("/auth/callback",                 Open,   Address, get(sign_in::finish_sign_in).with_state(authenticator()));
        add.route("/auth/logout",                   Open,   Address, post(sign_in::sign_out).with_state(authenticator()));
        add.route("/auth/popup",                    Open,   Address, page(get(sign_in::show_popup).with_state(authenticator())));
        add.route("/auth/popup.js",                 Open,   Page,    file(get(pages::popup_script)));
        for (path, resource) in metadata::PATHS {
            add.route(path,                         Open,   Address, metadata::serve(&authenticator(), resource));
        }
        if authenticator().webhook_secret().is_some() {
            add.route("/webhooks/workos",           Signed, Refused, post(webhooks::workos::receive_event));
        }
    }

    if let Some(billing) = state.billing() {
        add.route("/webhooks/stripe",               Signed, Refused, post(webhooks::stripe::receive_event).with_state(Arc::clone(billing)));
    }

    let description = add.take_description();
    add.route("/api/openapi.json",                  Open,   Address, get(openapi::get_document).with_state(description));
    routes.finish()
}

/// Builds a router that serves another handler at `/mcp`, behind the same edge. The conformance suite
/// runs against such a one.
pub fn mcp_router(state: &AppState, handlers: MethodRouter<AppState>) -> Router {
    let mut routes = Routes::new(state);
    routes.route("/mcp", Mcp, User, own_deadline(handlers));
    routes.finish()
}

/// The handlers of one path.
struct Handlers {
    methods: MethodRouter<AppState>,
    /// Their part of the OpenAPI description: the schemas by name, and the operations. Both are
    /// empty for handlers that it does not describe.
    schemas: Vec<(String, RefOr<Schema>)>,
    operations: Paths,
    body_max_bytes: usize,
    has_own_deadline: bool,
    content: Content,
}

impl From<MethodRouter<AppState>> for Handlers {
    fn from(methods: MethodRouter<AppState>) -> Self {
        Self {
            methods,
            schemas: Vec::new(),
            operations: Paths::new(),
            body_max_bytes: BODY_MAX_BYTES,
            has_own_deadline: false,
            content: Content::Data,
        }
    }
}

impl From<UtoipaMethodRouter<AppState>> for Handlers {
    fn from((schemas, operations, methods): UtoipaMethodRouter<AppState>) -> Self {
        Self { schemas, operations, ..methods.into() }
    }
}

/// Adds methods that another path describes.
fn with(handlers: impl Into<Handlers>, others: MethodRouter<AppState>) -> Handlers {
    let handlers = handlers.into();
    Handlers { methods: handlers.methods.merge(others), ..handlers }
}

/// Exempts handlers from the request deadline. They keep one themselves and answer a late request
/// in their own format.
fn own_deadline(handlers: impl Into<Handlers>) -> Handlers {
    Handlers { has_own_deadline: true, ..handlers.into() }
}

/// Lets handlers keep their deadline themselves, and gives their bodies the limit of imports.
fn upload(handlers: impl Into<Handlers>) -> Handlers {
    Handlers { body_max_bytes: transfer::IMPORT_MAX_BYTES, ..own_deadline(handlers) }
}

/// Gives the responses of handlers the content security policy of pages.
fn page(handlers: impl Into<Handlers>) -> Handlers {
    Handlers { content: Content::Page, ..handlers.into() }
}

/// Gives handlers the policy of pages, and their bodies the limit of a small form.
fn form(handlers: impl Into<Handlers>) -> Handlers {
    Handlers { body_max_bytes: own_sign_in::FORM_MAX_BYTES, ..page(handlers) }
}

/// Gives the responses of handlers the content security policy of files, and keeps them out of the log.
fn file(handlers: impl Into<Handlers>) -> Handlers {
    Handlers { content: Content::File, ..handlers.into() }
}

/// The routes so far, each behind the edge, and the OpenAPI description of those that have one.
struct Routes {
    edge: Arc<Edge>,
    router: Router<AppState>,
    description: OpenApi,
}

impl Routes {
    fn new(state: &AppState) -> Self {
        let edge = Edge::new(state.clone(), find_stylesheet);
        Self { edge, router: Router::new(), description: openapi::new_document() }
    }

    fn guard(&self, rule: Rule) -> Guard {
        Guard { edge: Arc::clone(&self.edge), rule }
    }

    /// Adds a route.
    ///
    /// # Panics
    /// If the handlers are described under another path.
    fn route(
        &mut self,
        path: &str,
        access: Access,
        limit: LimitClass,
        handlers: impl Into<Handlers>,
    ) {
        let Handlers {
            methods,
            schemas,
            mut operations,
            body_max_bytes,
            has_own_deadline,
            content,
        } = handlers.into();
        let mut described = operations.paths.keys();
        assert!(described.all(|other| other == path), "{path} is described as another path");
        openapi::add_security(&mut operations, self.edge.state().gate(), access);
        openapi::add_paths(&mut self.description, schemas, operations);
        let body_max_bytes = match access {
            Signed => SIGNED_BODY_MAX_BYTES,
            _ => body_max_bytes,
        };
        let rule = Rule { access, limit, content, body_max_bytes, has_own_deadline };
        let guard = self.guard(rule);
        // In this order, so that the layer covers the fallback for other methods, too.
        let route = Router::new()
            .route(path, methods)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn_with_state(guard, pass));
        self.router = std::mem::take(&mut self.router).merge(route);
    }

    fn take_description(&mut self) -> Arc<OpenApi> {
        let mut description = openapi::add_problem_responses(std::mem::take(&mut self.description));
        openapi::describe_value(&mut description, "/api/prompts/{prompt}", "/api/prompts/bulk");
        openapi::add_security_schemes(&mut description, self.edge.state().gate());
        Arc::new(description)
    }

    fn finish(self) -> Router {
        let guard = self.guard(Rule {
            access: Open,
            limit: Address,
            content: Content::Data,
            body_max_bytes: BODY_MAX_BYTES,
            has_own_deadline: false,
        });
        let state = self.edge.state().clone();
        self.router.fallback(no_route.layer(from_fn_with_state(guard, pass))).with_state(state)
    }
}
