//! The tools, one file each. [`TOOLS`] is their only list.
//!
//! `tools/list`, calls, the direct way past rmcp, and the names in the log and the metrics read the
//! list; tests compare it with README's table and with the snapshot of the schemas. To add a tool,
//! implement [`Tool`](tool::Tool) in a file of its own and name it below: a file that is missing in
//! the list is an unused type, which the compiler reports.

mod candidates;
mod delete_prompt;
mod fetch;
mod get_prompt;
mod harvest_session;
mod health_check;
mod list_candidates;
mod list_prompts;
mod list_versions;
mod lookup;
mod metadata;
mod open_library;
mod reject_candidate;
mod restore_prompt;
mod save_prompt;
mod schema;
mod search;
mod shares;
mod summary;
mod tool;

use std::sync::{Arc, LazyLock};

use rmcp::model::Tool;

pub(super) use self::tool::{CallError, ToolEntry};
use super::apps;
use super::input::Shape;
use crate::telemetry::Call;

/// Every tool, in the order in which clients show them. A server has those of its [`Toolset`].
static TOOLS: LazyLock<Vec<ToolEntry>> = LazyLock::new(|| {
    vec![
        ToolEntry::new::<get_prompt::GetPrompt>(),
        ToolEntry::new::<list_prompts::ListPrompts>(),
        ToolEntry::new::<list_versions::ListVersions>(),
        ToolEntry::new::<save_prompt::SavePrompt>(),
        ToolEntry::new::<restore_prompt::RestorePrompt>(),
        ToolEntry::new::<delete_prompt::DeletePrompt>(),
        ToolEntry::new::<harvest_session::HarvestSession>(),
        ToolEntry::new::<list_candidates::ListCandidates>(),
        ToolEntry::new::<reject_candidate::RejectCandidate>(),
        ToolEntry::new::<open_library::OpenLibrary>(),
        ToolEntry::new::<health_check::HealthCheck>(),
        ToolEntry::new::<search::Search>().only_if(|tools| tools.has_openai_search),
        ToolEntry::new::<fetch::Fetch>().only_if(|tools| tools.has_openai_search),
    ]
});

/// The tools of one server and what its list states of them, by its settings. The default has the tools
/// that every server has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Toolset {
    /// Whether it has `search` and `fetch`, which OpenAI's company knowledge calls by these names. They
    /// repeat what other tools do, so every other client is better off without them.
    pub has_openai_search: bool,
    /// Whether callers sign in, which the tools state then.
    pub has_sign_in: bool,
}

impl Toolset {
    /// Returns the tools in the order of the list.
    fn iter(self) -> impl Iterator<Item = &'static ToolEntry> {
        TOOLS.iter().filter(move |tool| (tool.is_in)(self))
    }

    /// Builds the descriptions of the tools, without their `_meta`. This computes the schemas; keep the
    /// result.
    pub(super) fn describe(self) -> Arc<[Tool]> {
        self.iter().map(ToolEntry::describe).collect()
    }

    /// Adds to `described` what may change between two lists, their `_meta`.
    pub(super) fn list(self, described: &[Tool]) -> Vec<Tool> {
        let view_uri = apps::find_uri();
        let tools = self.iter().zip(described).map(|(entry, tool)| {
            let mut tool = tool.clone();
            tool.meta = entry.metadata.build(view_uri.as_deref(), self.has_sign_in);
            tool
        });
        tools.collect()
    }

    /// Returns the tool of this name.
    pub(super) fn find(self, name: &str) -> Option<&'static ToolEntry> {
        self.iter().find(|tool| tool.name == name)
    }

    /// Returns whether a call of this name may take the direct way past rmcp's transport.
    ///
    /// A [`Tool`](tool::Tool) reaches neither the client nor the headers, and the only fault of a call
    /// is an [`ApiError`](crate::error::ApiError), which becomes a result. So every tool qualifies.
    pub(super) fn is_plain(self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

/// Returns the tool of this name, of any toolset.
fn find_tool(name: &str) -> Option<&'static ToolEntry> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// Returns the shape of the arguments of the tool of this name. A call of a tool that the server does
/// not have is refused whatever its arguments are.
pub(super) fn find_input(name: &str) -> Option<&'static Shape> {
    find_tool(name).map(ToolEntry::input)
}

/// Builds what telemetry records of a `tools/call`. A name outside the list, which is a client's own
/// text, is recorded as `other`.
pub(super) fn record_call(name: &str) -> Call {
    Call::of_tool(find_tool(name).map(|tool| tool.name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_fit_the_specification() {
        let names: HashSet<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        assert_eq!(names.len(), TOOLS.len());
        for name in names {
            // MCP 2025-11-25, server/tools, "Tool Names".
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            assert!((1..=128).contains(&name.len()) && name.chars().all(is_allowed), "{name}");
        }
    }

    #[test]
    fn a_call_is_recorded_under_the_name_of_its_tool() {
        for tool in TOOLS.iter() {
            assert_eq!(record_call(tool.name).tool(), Some(tool.name));
        }
        assert_eq!(record_call("hunter2").tool(), Some("other"));
    }
}
