//! The entry of PromptDB in the form of each client.

use serde_json::{Value, json};

use super::transport::{Server, StdioCommand, Transport};
use super::{ClientApp, SERVER_NAME};
use crate::cli::client_file::{Entry, Field};

/// Seconds that goose waits for a call: its own default.
const GOOSE_TIMEOUT_SECONDS: u32 = 300;
/// What goose shows beside the name.
const DESCRIPTION: &str = "Your prompts, in every chat";

/// The server's entry; `None` for a client that does not take it in a file.
pub(super) fn make_entry(client: ClientApp, transport: &Transport) -> Option<Entry> {
    let fields = match transport {
        Transport::Stdio(command) => stdio_fields(client, command)?,
        Transport::Http(server) => {
            let mut fields = http_fields(client, &server.url)?;
            fields.extend(token_field(client, server));
            fields
        }
    };
    Some(Entry { fields, unfit: unfit_fields(client, transport) })
}

/// Fields of the other transport with which a client refuses the entry or the whole file. The clients that
/// are missing here ignore such fields, or take them with either transport, as goose its `envs`.
fn unfit_fields(client: ClientApp, transport: &Transport) -> &'static [&'static str] {
    let (with_command, with_url): (&[&str], &[&str]) = match client {
        // It loads no file in which an entry has a field of the other transport.
        ClientApp::Codex => (
            &[
                "auth",
                "bearer_token",
                "bearer_token_env_var",
                "env_http_headers",
                "http_headers",
                "http_headers_helper",
                "oauth",
                "oauth_resource",
            ],
            &["env", "env_vars", "cwd", "bearer_token"],
        ),
        // Their schemas allow no other field than those of the transport.
        ClientApp::VsCode => (&["headers", "oauth"], &["env", "envFile", "cwd"]),
        ClientApp::OpenCode => (&["headers", "oauth"], &["environment", "cwd"]),
        _ => (&[], &[]),
    };
    match transport {
        Transport::Stdio(_) => with_command,
        Transport::Http(_) => with_url,
    }
}

fn stdio_fields(client: ClientApp, command: &StdioCommand) -> Option<Vec<Field>> {
    let (binary, arguments) = (&command.binary, &command.arguments);
    let program = |name: &'static str| {
        [Field::new(name, binary.as_str()), Field::new("args", arguments.clone())]
    };
    Some(match client {
        ClientApp::ChatGpt => return None,
        ClientApp::ClaudeCode | ClientApp::VsCode => {
            with(Field::new("type", "stdio"), program("command"))
        }
        ClientApp::CopilotCli => {
            let mut fields = with(Field::new("type", "local"), program("command"));
            fields.push(all_tools());
            fields
        }
        ClientApp::OpenCode => {
            let command = [std::slice::from_ref(binary), arguments].concat();
            vec![Field::new("type", "local"), Field::new("command", command)]
        }
        ClientApp::Continue => with(Field::new("name", SERVER_NAME), program("command")),
        ClientApp::Goose => goose(with(Field::new("type", "stdio"), program("cmd"))),
        ClientApp::ClaudeDesktop
        | ClientApp::Cursor
        | ClientApp::Codex
        | ClientApp::Windsurf
        | ClientApp::Zed
        | ClientApp::Gemini
        | ClientApp::Antigravity
        | ClientApp::Cline
        | ClientApp::JetBrains
        | ClientApp::LmStudio
        | ClientApp::Other => program("command").to_vec(),
    })
}

fn http_fields(client: ClientApp, url: &str) -> Option<Vec<Field>> {
    let typed = |kind: &str| vec![Field::new("type", kind), Field::new("url", url)];
    Some(match client {
        ClientApp::ClaudeDesktop | ClientApp::ChatGpt => return None,
        ClientApp::ClaudeCode | ClientApp::VsCode => typed("http"),
        ClientApp::CopilotCli => {
            let mut fields = typed("http");
            fields.push(all_tools());
            fields
        }
        ClientApp::Windsurf | ClientApp::Antigravity => vec![Field::new("serverUrl", url)],
        // Its `url` is for the transport of 2024.
        ClientApp::Gemini => vec![Field::new("httpUrl", url)],
        ClientApp::OpenCode => typed("remote"),
        ClientApp::Cline => typed("streamableHttp"),
        ClientApp::Continue => with(Field::new("name", SERVER_NAME), typed("streamable-http")),
        ClientApp::Goose => {
            goose(vec![Field::new("type", "streamable_http"), Field::new("uri", url)])
        }
        ClientApp::Cursor
        | ClientApp::Codex
        | ClientApp::Zed
        | ClientApp::JetBrains
        | ClientApp::LmStudio
        | ClientApp::Other => vec![Field::new("url", url)],
    })
}

/// Whether a client's entry takes a token. The forms of the others have no field for one.
pub(super) fn takes_token(client: ClientApp) -> bool {
    client.place().is_some() && client != ClientApp::ClaudeDesktop
}

fn token_field(client: ClientApp, server: &Server) -> Option<Field> {
    let token = server.token.as_ref()?;
    let headers = json!({ "Authorization": format!("Bearer {}", token.expose()) });
    Some(match client {
        ClientApp::Codex => Field::new("http_headers", headers),
        ClientApp::Continue => Field::new("requestOptions", json!({ "headers": headers })),
        _ => Field::new("headers", headers),
    })
}

fn with(first: Field, others: impl IntoIterator<Item = Field>) -> Vec<Field> {
    std::iter::once(first).chain(others).collect()
}

/// Copilot offers the tools that are listed.
fn all_tools() -> Field {
    Field::default("tools", json!(["*"]))
}

fn goose(transport: Vec<Field>) -> Vec<Field> {
    let mut fields = with(Field::default("name", SERVER_NAME), transport);
    fields.extend([
        Field::new("enabled", Value::Bool(true)),
        Field::default("description", DESCRIPTION),
        Field::default("timeout", GOOSE_TIMEOUT_SECONDS),
    ]);
    fields
}
