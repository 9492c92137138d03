//! The tools, one file each. [`TOOLS`] is their only list.
//!
//! `tools/list`, calls, the direct way past rmcp, and the names in the log and the metrics read the
//! list; tests compare it with README's table and with the snapshot of the schemas. To add a tool,
//! implement [`Tool`](tool::Tool) in a file of its own and name it below: a file that is missing in
//! the list is an unused type, which the compiler reports.

mod candidates;
mod delete_prompt;
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
mod shares;
mod summary;
mod tool;

use std::sync::{Arc, LazyLock};

use rmcp::model::Tool;

pub(super) use self::tool::{CallError, ToolEntry};
use super::apps;
use super::input::Shape;
use crate::telemetry::Call;

/// Every tool, in the order in which clients show them.
pub(super) static TOOLS: LazyLock<Vec<ToolEntry>> = LazyLock::new(|| {
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
    ]
});

/// Builds the descriptions of all tools, in the order of [`TOOLS`], without their `_meta`. This
/// computes the schemas; keep the result.
pub(super) fn describe_tools() -> Arc<[Tool]> {
    TOOLS.iter().map(ToolEntry::describe).collect()
}

/// Adds to `described` what may change between two lists, their `_meta`.
pub(super) fn list_tools(described: &[Tool], has_sign_in: bool) -> Vec<Tool> {
    let view_uri = apps::find_uri();
    let entries = TOOLS.iter().zip(described);
    entries
        .map(|(entry, tool)| {
            let mut tool = tool.clone();
            tool.meta = entry.metadata.build(view_uri.as_deref(), has_sign_in);
            tool
        })
        .collect()
}

/// Returns the tool of this name.
pub(super) fn find_tool(name: &str) -> Option<&'static ToolEntry> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// Returns the shape of the arguments of the tool of this name.
pub(super) fn find_input(name: &str) -> Option<&'static Shape> {
    find_tool(name).map(ToolEntry::input)
}

/// Returns whether a call of this name may take the direct way past rmcp's transport.
///
/// A [`Tool`](tool::Tool) reaches neither the client nor the headers, and the only fault of a call
/// is an [`ApiError`](crate::error::ApiError), which becomes a result. So every tool qualifies.
pub(super) fn is_plain(name: &str) -> bool {
    find_tool(name).is_some()
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
