//! What `connect` and `disconnect` tell the user: commands, links, lines for a file, and what is to be
//! done next.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::entry::make_entry;
use super::program::Lifetime;
use super::transport::{Server, StdioCommand, Transport, shell_word};
use super::{ClientApp, SERVER_NAME, TOKEN_PLACEHOLDER};
use crate::cli::client_file::Entry;

/// The command that connects Claude Code to a server, for all projects of the user.
pub(in crate::cli) fn claude_code_command(url: &str) -> String {
    format!("claude mcp add --transport http --scope user {SERVER_NAME} {url}")
}

/// Describes how to connect the client by hand.
pub(super) fn describe(client: ClientApp, transport: &Transport) -> String {
    match (client, transport) {
        (ClientApp::Other, Transport::Stdio(command)) => describe_command(command),
        (ClientApp::Other, Transport::Http(server)) => {
            let mut lines = format!("  {}\n", server.url);
            if server.asks_for_token {
                let _ = writeln!(lines, "  Authorization: Bearer {TOKEN_PLACEHOLDER}");
            }
            format!(
                "Add a remote MCP server of the type Streamable HTTP{}:\n\n{lines}{}",
                token_hint(transport),
                paragraph(&requirement(client, transport))
            )
        }
        (ClientApp::ClaudeDesktop | ClientApp::ChatGpt, Transport::Http(server))
            if server.asks_for_token =>
        {
            let title = client.title();
            // ChatGPT starts no program.
            let stdio = match client {
                ClientApp::ClaudeDesktop => {
                    format!("Leave out --http, and {title} starts PromptDB itself. Or set")
                }
                _ => "Set".to_owned(),
            };
            format!(
                "{title} signs in to a server by OAuth alone, and cannot send the access token that \
                 {} asks for. {stdio} WORKOS_CLIENT_ID for a sign-in instead of ACCESS_TOKEN.\n",
                server.origin()
            )
        }
        (ClientApp::ClaudeDesktop, Transport::Http(server)) => format!(
            "In Claude: Settings, Connectors, Add custom connector.\n\n{}",
            describe_connector(client, server)
        ),
        (ClientApp::ChatGpt, Transport::Http(server)) => format!(
            "In ChatGPT: Settings, Apps & Connectors, Advanced settings: turn on Developer mode. \
             Then Settings, Apps & Connectors, Create.\n\n{}",
            describe_connector(client, server)
        ),
        (ClientApp::JetBrains, Transport::Http(server)) if server.asks_for_token => format!(
            "{title} takes no access token, which {} asks for. Leave out --http, and {title} starts \
             PromptDB itself.\n",
            server.origin(),
            title = client.title()
        ),
        (ClientApp::JetBrains, _) => {
            let entry = make_entry(client, transport).map(|entry| entry.as_json());
            let file = json!({ "mcpServers": { SERVER_NAME: entry } });
            format!(
                "In the IDE: Settings, Tools, AI Assistant, Model Context Protocol (MCP), Add. \
                 Paste this:\n\n{file:#}\n\n{}{}",
                requirement(client, transport),
                paragraph(&next_step(client, transport))
            )
        }
        _ => describe_ways(client, transport),
    }
}

/// The command and, as most clients take it, the lines of a file.
fn describe_command(command: &StdioCommand) -> String {
    let server = json!({ "command": command.binary, "args": command.arguments });
    let file = json!({ "mcpServers": { SERVER_NAME: server } });
    let client = ClientApp::Other;
    let hints = [convex_hint(client, command), upgrade_hint(client, command)].concat();
    format!(
        "Let the client start this command; no server needs to run:\n\n  {}\n\nMost clients take \
         it in a file:\n\n{file:#}\n\nOr call a running server: promptdb connect other --http\n{}",
        command.line(),
        paragraph(hints.trim_start())
    )
}

fn describe_ways(client: ClientApp, transport: &Transport) -> String {
    let mut text = format!("{} Run:\n\n", requirement(client, transport));
    let write = format!("promptdb connect {}{} --write", client.argument(), transport.flags());
    let _ = writeln!(text, "  {write}");
    let token_hint = token_hint(transport);
    // Other users can see the arguments of a program, and a link stays in a history.
    let is_open = token_hint.is_empty();
    if let Some(command) = client_command(client, transport).filter(|_| is_open) {
        let _ = writeln!(text, "\nor run:\n\n  {command}");
    }
    if let Some(entry) = make_entry(client, transport) {
        if let Some(link) = link(client, &entry).filter(|_| is_open) {
            let _ = writeln!(text, "\nor open this link:\n\n  {link}");
        }
        if let (Some(place), Some(file)) = (client.place(), client.usual_file()) {
            let (file, content) = (file.display(), place.file_with(&entry));
            let content = content.trim_end();
            let _ = writeln!(text, "\nor put this into {file}{token_hint}:\n\n{content}");
        }
    }
    text.push_str(&paragraph(&next_step(client, transport)));
    text
}

/// What the user does to lines with a placeholder of the access token.
fn token_hint(transport: &Transport) -> String {
    match transport {
        Transport::Http(server) if server.asks_for_token => {
            format!(", with the access token in the place of {TOKEN_PLACEHOLDER}")
        }
        Transport::Http(_) | Transport::Stdio(_) => String::new(),
    }
}

fn paragraph(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n{text}\n") }
}

/// The command of the client itself that adds the server.
fn client_command(client: ClientApp, transport: &Transport) -> Option<String> {
    Some(match (client, transport) {
        (ClientApp::ClaudeCode, Transport::Stdio(command)) => {
            format!("claude mcp add --scope user {SERVER_NAME} -- {}", command.line())
        }
        (ClientApp::ClaudeCode, Transport::Http(server)) => claude_code_command(&server.url),
        (ClientApp::Codex, Transport::Stdio(command)) => {
            format!("codex mcp add {SERVER_NAME} -- {}", command.line())
        }
        (ClientApp::Codex, Transport::Http(server)) => {
            format!("codex mcp add {SERVER_NAME} --url {}", server.url)
        }
        (ClientApp::VsCode, _) => {
            let json = vscode_json(&make_entry(client, transport)?);
            format!("code --add-mcp {}", shell_word(&json))
        }
        _ => return None,
    })
}

/// The link that opens the client and adds the server to it.
fn link(client: ClientApp, entry: &Entry) -> Option<String> {
    match client {
        ClientApp::Cursor => {
            let json = STANDARD.encode(entry.as_json().to_string());
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("name", SERVER_NAME)
                .append_pair("config", &json)
                .finish();
            Some(format!("cursor://anysphere.cursor-deeplink/mcp/install?{query}"))
        }
        ClientApp::VsCode => {
            let json = vscode_json(entry);
            let encoded: String = form_urlencoded::byte_serialize(json.as_bytes()).collect();
            Some(format!("vscode:mcp/install?{encoded}"))
        }
        _ => None,
    }
}

fn vscode_json(entry: &Entry) -> String {
    let mut json = entry.as_json();
    json["name"] = SERVER_NAME.into();
    json.to_string()
}

/// Describes the fields of a form for connectors, in a client that connects from the internet.
fn describe_connector(client: ClientApp, server: &Server) -> String {
    let authentication = if server.has_sign_in { "OAuth" } else { "none" };
    let mut text = format!(
        "  Name            PromptDB\n  URL             {}\n  Authentication  {authentication}\n",
        server.url
    );
    if server.is_local {
        let _ = write!(
            text,
            "\n{} connects from the internet and cannot reach {}. Serve PromptDB under a public \
             https URL first: set PUBLIC_URL, and WORKOS_CLIENT_ID for the sign-in.\n",
            client.title(),
            server.url
        );
    }
    text
}

/// What has to be there while the client uses PromptDB.
pub(super) fn requirement(client: ClientApp, transport: &Transport) -> String {
    let title = client.title();
    match transport {
        Transport::Stdio(_) => format!("{title} starts PromptDB itself; no server needs to run."),
        Transport::Http(server) if server.is_local => format!(
            "{title} calls {}, where PromptDB must run: start it with promptdb, and leave it running.",
            server.origin()
        ),
        Transport::Http(server) => format!("{title} calls {}.", server.origin()),
    }
}

/// What the user does after the client was connected.
pub(super) fn next_step(client: ClientApp, transport: &Transport) -> String {
    let mut text = restart(client).to_owned();
    match transport {
        Transport::Stdio(command) => {
            text.push_str(&convex_hint(client, command));
            text.push_str(&upgrade_hint(client, command));
        }
        Transport::Http(server) if server.has_sign_in && server.token.is_none() => {
            let _ = write!(text, "\n{}", sign_in(client));
        }
        Transport::Http(_) => {}
    }
    text
}

/// When the client reads its file again.
pub(super) fn restart(client: ClientApp) -> &'static str {
    match client {
        ClientApp::ClaudeCode => "Start a new session of Claude Code to use it.",
        ClientApp::ClaudeDesktop => "Quit Claude Desktop and start it again to use it.",
        ClientApp::Cursor => "Restart Cursor to use it.",
        ClientApp::VsCode => {
            "VS Code asks whether you trust it when a chat in agent mode first starts it."
        }
        ClientApp::Codex => "Start a new session of Codex to use it.",
        ClientApp::Windsurf => "Restart Windsurf to use it.",
        ClientApp::Zed => "Restart Zed to use it in the agent panel.",
        ClientApp::Gemini => "Start a new session of Gemini CLI to use it.",
        ClientApp::Antigravity => "Restart Antigravity to use it.",
        ClientApp::OpenCode => "Start opencode again to use it.",
        ClientApp::Cline => "Restart Cline, or the editor that it runs in, to use it.",
        ClientApp::Goose => "Start a new session of goose to use it.",
        ClientApp::Continue => "Restart the editor to use it in Continue's agent mode.",
        ClientApp::CopilotCli => "Start a new session of Copilot CLI to use it.",
        ClientApp::JetBrains => "Choose the level Global, and Apply.",
        ClientApp::LmStudio => {
            "Restart LM Studio, and turn promptdb on among a chat's integrations."
        }
        ClientApp::ChatGpt | ClientApp::Other => "",
    }
}

fn sign_in(client: ClientApp) -> &'static str {
    match client {
        ClientApp::ClaudeCode => "Then type /mcp in Claude Code and sign in.",
        ClientApp::Codex => "Then sign in: codex mcp login promptdb",
        ClientApp::Gemini => "Then type /mcp auth promptdb in Gemini CLI and sign in.",
        _ => "It asks you to sign in when it first connects.",
    }
}

/// The key of Convex is a secret, so `connect` leaves it to the user.
fn convex_hint(client: ClientApp, command: &StdioCommand) -> String {
    if !command.needs_convex {
        return String::new();
    }
    let field = match client {
        ClientApp::OpenCode => "environment",
        ClientApp::Goose => "envs",
        _ => "env",
    };
    format!(
        "\nPut CONVEX_URL and CONVEX_API_KEY into an \"{field}\" object of the entry: {} does not \
         have the environment of this shell.",
        client.title()
    )
}

/// What the user does once the path of the program leads nowhere.
fn upgrade_hint(client: ClientApp, command: &StdioCommand) -> String {
    let argument = client.argument();
    match command.lifetime() {
        Lifetime::Lasting => String::new(),
        Lifetime::Version => format!(
            "\nThe path of this program names its version: after an upgrade, run promptdb connect \
             {argument} again."
        ),
        Lifetime::Cache => format!(
            "\nThis program is in a cache that does not last: install it first, then run promptdb \
             connect {argument} again."
        ),
    }
}
