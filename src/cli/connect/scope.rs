//! Parts of a client's file, beside the entry, that decide whether the entry counts.

use serde_json::Value;

use super::{ClientApp, SERVER_NAME};
use crate::cli::client_file::Place;

/// What removes an entry of Claude Code's local scope.
pub(in crate::cli) const REMOVE_LOCAL: &str =
    "To remove it, run there: claude mcp remove promptdb --scope local";

/// Describes the entries of the local scope in Claude Code's file with this text, which win over the
/// one of all projects (<https://code.claude.com/docs/en/mcp>); `None` if there are none.
pub(in crate::cli) fn describe_local_entries(client: ClientApp, text: &str) -> Option<String> {
    if client != ClientApp::ClaudeCode {
        return None;
    }
    let projects = read(client, &[&[]], "projects", text)?;
    let has_entry = |project: &Value| project["mcpServers"][SERVER_NAME].is_object();
    let projects = projects.as_object()?.iter().filter(|(_, project)| has_entry(project));
    let paths: Vec<_> = projects.map(|(path, _)| path.as_str()).collect();
    let paths = paths.join(", ");
    let entry = format!("in {paths}, an entry of this name in the local scope wins");
    (!paths.is_empty()).then_some(entry)
}

/// Whether Gemini CLI's file with this text excludes the server
/// (<https://geminicli.com/docs/reference/configuration>).
pub(in crate::cli) fn is_excluded(client: ClientApp, text: &str) -> bool {
    let excluded = match client {
        ClientApp::Gemini => read(client, &[&["mcp"]], "excluded", text),
        _ => None,
    };
    let names = excluded.as_ref().and_then(Value::as_array);
    names.is_some_and(|names| names.iter().any(|name| name == SERVER_NAME))
}

/// Reads another part of the client's file than its servers.
fn read(
    client: ClientApp,
    sections: &'static [&'static [&'static str]],
    name: &'static str,
    text: &str,
) -> Option<Value> {
    let place = Place { sections, name, is_list: false, ..client.place()? };
    place.read(text).ok().flatten()
}
