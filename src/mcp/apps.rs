//! MCP Apps (2026-01-26): the widget as a resource, which hosts show beside the results of some tools.
//!
//! All of it is sent to every client, whatever the client declares: some hosts show widgets without
//! declaring the extension. `_meta.ui.domain` is never sent: hosts disagree on its format, and
//! Claude rejects any other than its own. ChatGPT reads `openai/widgetDomain` instead.

use rmcp::model::{
    CacheScope, JsonObject, MetaObject, ReadResourceResult, Resource, ResourceContents,
    ServerCapabilities,
};
use serde_json::{Value, json};

use crate::domain::to_hex;
use crate::web::widget::Widget;

/// The identifier of the extension.
const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// The media type of a widget.
const MEDIA_TYPE: &str = "text/html;profile=mcp-app";

/// What the URI of the widget has around its version.
const URI_PREFIX: &str = "ui://promptdb/";
const URI_SUFFIX: &str = "/view.html";
/// The length of the version in a URI of the widget: the first hexadecimal digits of its SHA-256. Hosts
/// keep a widget under its URI, so that another file needs another one.
const VERSION_DIGITS: usize = 12;

/// What the widget is, for people and models.
const TITLE: &str = "Prompt review and library";
const DESCRIPTION: &str = "Shows the prompts that wait for review, to save or skip, or the prompt library, to search and fill in.";

/// Maximum length of a status that ChatGPT shows of a call, in characters.
const STATUS_MAX_CHARS: usize = 64;

/// How a host shows a call of a tool whose result has the widget beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// The status while the tool runs.
    invoking: &'static str,
    /// The status from then on.
    invoked: &'static str,
}

impl View {
    /// # Panics
    /// If a status is not ASCII or longer than [`STATUS_MAX_CHARS`]; a constant does not compile then.
    pub(super) const fn new(invoking: &'static str, invoked: &'static str) -> Self {
        assert!(invoking.is_ascii() && invoking.len() <= STATUS_MAX_CHARS);
        assert!(invoked.is_ascii() && invoked.len() <= STATUS_MAX_CHARS);
        Self { invoking, invoked }
    }

    /// Adds the members of a tool's `_meta` that show the widget at `uri` beside its results.
    pub(super) fn add_to(self, meta: &mut JsonObject, uri: &str) {
        meta.insert("ui".to_owned(), json!({ "resourceUri": uri }));
        // Hosts of before 2026-01-26 read this one.
        meta.insert("ui/resourceUri".to_owned(), uri.into());
        meta.insert("openai/toolInvocation/invoking".to_owned(), self.invoking.into());
        meta.insert("openai/toolInvocation/invoked".to_owned(), self.invoked.into());
    }
}

/// Declares the extension. Hosts show no widget of a server that does not.
pub(super) fn declare(capabilities: &mut ServerCapabilities) {
    let extensions = capabilities.extensions.get_or_insert_default();
    extensions.insert(EXTENSION.to_owned(), JsonObject::new());
}

/// Returns the URI of the current widget.
pub(super) fn find_uri() -> Option<String> {
    Widget::find().map(|widget| write_uri(widget.hash()))
}

fn write_uri(hash: &[u8; 32]) -> String {
    format!("{URI_PREFIX}{}{URI_SUFFIX}", to_hex(&hash[..VERSION_DIGITS / 2]))
}

/// Whether a URI is that of the widget, in its current or any other version.
fn is_widget_uri(uri: &str) -> bool {
    let version = uri.strip_prefix(URI_PREFIX).and_then(|rest| rest.strip_suffix(URI_SUFFIX));
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    version.is_some_and(|text| text.len() == VERSION_DIGITS && text.bytes().all(is_digit))
}

/// Describes the widget in the list of resources. `public_url` is the origin of the server, if it has
/// one.
pub(super) fn describe_widget(public_url: Option<&str>) -> Option<Resource> {
    let resource = Resource::new(find_uri()?, "view")
        .with_title(TITLE)
        .with_description(DESCRIPTION)
        .with_mime_type(MEDIA_TYPE)
        .with_meta(build_meta(public_url));
    Some(resource)
}

/// Reads the widget; `None` if the URI is not one of the widget. Chats keep the URI that a tool had, so
/// every version answers the current file.
pub(super) fn read_widget(uri: &str, public_url: Option<&str>) -> Option<ReadResourceResult> {
    let widget = is_widget_uri(uri).then(Widget::find)??;
    let contents = ResourceContents::text(widget.html()?, uri)
        .with_mime_type(MEDIA_TYPE)
        .with_meta(build_meta(public_url));
    let mut result = ReadResourceResult::new(vec![contents]);
    // All users have the same widget.
    result.cache_scope = Some(CacheScope::Public);
    Some(result)
}

/// Builds the `_meta` of the widget, in the list of resources and in its contents: it loads nothing
/// from anywhere, and the host draws its border.
fn build_meta(public_url: Option<&str>) -> MetaObject {
    let mut meta = json!({
        "ui": { "csp": { "connectDomains": [], "resourceDomains": [] }, "prefersBorder": true },
        "openai/widgetCSP": { "connect_domains": [], "resource_domains": [] },
        "openai/widgetDescription": DESCRIPTION,
        "openai/widgetPrefersBorder": true,
    });
    // ChatGPT derives the origin of the widget's frame from it, and accepts https alone.
    if let Some(origin) = public_url.filter(|url| url.starts_with("https://")) {
        meta["openai/widgetDomain"] = origin.into();
    }
    let Value::Object(members) = meta else { return MetaObject::default() };
    MetaObject(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_of_the_widget_has_a_version_of_twelve_digits() {
        let mut hash = [0xab; 32];
        hash[0] = 0x01;
        let uri = write_uri(&hash);
        assert_eq!(uri, "ui://promptdb/01ababababab/view.html");
        assert!(is_widget_uri(&uri) && is_widget_uri("ui://promptdb/000000000000/view.html"));
        for other in [
            "",
            "ui://promptdb/",
            "ui://promptdb/view.html",
            "ui://promptdb//view.html",
            "ui://promptdb/01ababababa/view.html",
            "ui://promptdb/01abababababa/view.html",
            "ui://promptdb/01ABABABABAB/view.html",
            "ui://promptdb/01ababababag/view.html",
            "ui://promptdb/01ababababab/view.htm",
            "ui://promptdb/01ababababab/view.html?x",
            "ui://promptdb/01ababababab/view.html/",
            "ui://promptdb/01ababababab/../view.html",
            "ui://other/01ababababab/view.html",
            "UI://promptdb/01ababababab/view.html",
            "https://promptdb/01ababababab/view.html",
        ] {
            assert!(!is_widget_uri(other), "{other}");
        }
    }
}
