//! The `_meta` of a tool in `tools/list`: what only some hosts read.

use rmcp::model::{JsonObject, MetaObject};
use serde_json::json;

use super::tool::Tool;
use crate::mcp::apps::View;

/// The key by which Claude Code shows a longer result instead of moving it to a file.
const RESULT_MAX_CHARS_KEY: &str = "anthropic/maxResultSizeChars";

/// Maximum length of a result that Claude Code is to show, in characters: the largest value that it
/// accepts.
const RESULT_MAX_CHARS: u32 = 500_000;

/// The key by which ChatGPT reads how a call is authorized. OpenAI documents it as a member of a tool,
/// which MCP does not have, and as this copy in `_meta`.
const SECURITY_SCHEMES_KEY: &str = "securitySchemes";

/// The parts of a tool's `_meta`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metadata {
    may_be_long: bool,
    view: Option<View>,
}

impl Metadata {
    pub(super) fn of<T: Tool>() -> Self {
        Self { may_be_long: T::MAY_BE_LONG, view: T::VIEW }
    }

    /// Builds the `_meta`; `None` if it would be empty. `view_uri` is that of the widget, if there is
    /// one.
    pub(super) fn build(self, view_uri: Option<&str>, has_sign_in: bool) -> Option<MetaObject> {
        let mut meta = JsonObject::new();
        if self.may_be_long {
            meta.insert(RESULT_MAX_CHARS_KEY.to_owned(), RESULT_MAX_CHARS.into());
        }
        if let (Some(view), Some(uri)) = (self.view, view_uri) {
            view.add_to(&mut meta, uri);
        }
        if has_sign_in {
            // The server has no scopes: a token is for all tools.
            meta.insert(SECURITY_SCHEMES_KEY.to_owned(), json!([{ "type": "oauth2" }]));
        }
        (!meta.is_empty()).then_some(MetaObject(meta))
    }
}
