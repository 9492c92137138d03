//! The check of each client's file: whether it names PromptDB, and whether what it names works.

mod program;
mod server;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use clap::ValueEnum;
use serde_json::Value;

use self::program::check_program;
use self::server::check_url;
use super::report::Check;
use crate::cli::client_file::{EditError, Place, has_headers, is_disabled, read_file};
use crate::cli::connect::{
    ClientApp, REMOVE_LOCAL, describe_local_entries, is_excluded, shell_word,
};
use crate::cli::secret_settings;
use crate::config::DoctorSettings;

/// The fields in which clients keep the environment of a program.
const ENVIRONMENT_FIELDS: [&str; 3] = ["env", "environment", "envs"];

/// How a client's file reaches PromptDB.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// It starts this program with these arguments.
    Program { path: String, arguments: Vec<String> },
    /// It calls this URL.
    Url(String),
}

/// A client's file with the entry.
struct Connection<'a> {
    /// The client, as an argument of `connect`.
    name: &'a str,
    /// The command that connects the client again.
    connect: &'a str,
    file: &'a Path,
    entry: Value,
    /// Whether another part of the file excludes it.
    is_excluded: bool,
}

/// Checks the file of every client that has one on this machine.
pub(super) async fn check_clients(settings: &DoctorSettings) -> Vec<Check> {
    let mut checks = Vec::new();
    for client in ClientApp::value_variants() {
        let Some(place) = client.place() else { continue };
        checks.extend(check_client(*client, &place, settings).await);
    }
    checks
}

/// Checks the files of a client. One without the entry is reported only if no other one has it.
async fn check_client(client: ClientApp, place: &Place, settings: &DoctorSettings) -> Vec<Check> {
    let name = client.argument();
    let connect = format!("promptdb connect {name} --write");
    let (mut checks, mut without_entry, mut local) = (Vec::new(), None, None);
    for file in client.files() {
        let text = match read_file(&file) {
            Err(EditError::Io(error)) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                checks.push(refuse_file(&name, &file, &error));
                continue;
            }
            Ok(text) => text,
        };
        match place.read(&text) {
            Err(error) => checks.push(refuse_file(&name, &file, &error)),
            Ok(None) => without_entry = without_entry.or(Some(file)),
            Ok(Some(entry)) => {
                let is_excluded = is_excluded(client, &text);
                let connection =
                    Connection { name: &name, connect: &connect, file: &file, entry, is_excluded };
                checks.push(check_entry(&connection, settings).await);
            }
        }
        local = local.or(describe_local_entries(client, &text));
    }
    if let Some(file) = without_entry.filter(|_| checks.is_empty()) {
        let detail = format!("not connected: {}", file.display());
        checks.push(Check::note(&name, detail, format!("To connect it: {connect}")));
    }
    checks.extend(local.map(|entries| Check::note(&name, entries, REMOVE_LOCAL)));
    checks
}

fn refuse_file(name: &str, file: &Path, error: &EditError) -> Check {
    let file = file.display();
    if matches!(error, EditError::NoAccess) {
        let detail = format!("{file}: permission denied");
        return Check::failed(name, detail, "Give yourself access to the file.");
    }
    let advice = "Repair or replace the file, which the client cannot read either. Then run promptdb \
        doctor again.";
    Check::failed(name, format!("{file}: {error}"), advice)
}

async fn check_entry(connection: &Connection<'_>, settings: &DoctorSettings) -> Check {
    let Connection { name, connect, file, entry, is_excluded } = connection;
    if connection.holds_secret() && is_shared(file) {
        let detail = format!("{} may hold a secret, and other users can read it", file.display());
        let quoted = shell_word(&file.to_string_lossy());
        return Check::failed(name, detail, format!("Close it: chmod 600 {quoted}"));
    }
    if *is_excluded {
        let detail = format!("switched off by mcp.excluded in {}", file.display());
        return Check::note(name, detail, "To use it, take promptdb out of that list.");
    }
    if is_disabled(entry) {
        let detail = format!("switched off in {}", file.display());
        return Check::note(name, detail, format!("To use it, switch it on: {connect}"));
    }
    match Target::read(entry) {
        Some(Target::Program { path, arguments }) => {
            check_program(connection, &path, &arguments, settings)
        }
        Some(Target::Url(url)) => check_url(connection, &url).await,
        None => {
            let detail = format!("{} names neither a program nor a URL", file.display());
            Check::failed(name, detail, format!("Connect it again: {connect}"))
        }
    }
}

impl Connection<'_> {
    /// The variables that the entry sets for the program.
    fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = ENVIRONMENT_FIELDS.iter().filter_map(|field| self.entry[*field].as_object());
        fields.flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// A variable that the entry sets; `None` if it is empty, or known to the client alone.
    fn variable(&self, name: &str) -> Option<&str> {
        let mut named = self.variables().filter(|(other, _)| *other == name);
        let (_, value) = named.next()?;
        (!value.is_empty() && !has_placeholder(value)).then_some(value)
    }

    /// Whether the entry may hold what signs in, or a secret setting.
    fn holds_secret(&self) -> bool {
        let arguments = match Target::read(&self.entry) {
            Some(Target::Program { arguments, .. }) => arguments,
            _ => Vec::new(),
        };
        let is_given = |flag: &str| {
            let value = |argument: &String| argument.strip_prefix(flag).map(str::to_owned);
            arguments.iter().filter_map(value).any(|rest| rest.is_empty() || rest.starts_with('='))
        };
        has_headers(&self.entry)
            || secret_settings()
                .iter()
                .any(|(flag, variable)| self.variable(variable).is_some() || is_given(flag))
    }
}

impl Target {
    /// Reads the entry of a server, in the form of any client.
    fn read(server: &Value) -> Option<Self> {
        let text = |field: &&str| server[*field].as_str().map(str::to_owned);
        // opencode keeps the program and its arguments in one list.
        if let Some(words) = server["command"].as_array() {
            let mut words = words.iter().filter_map(|word| word.as_str().map(str::to_owned));
            return Some(Self::Program { path: words.next()?, arguments: words.collect() });
        }
        if let Some(path) = ["command", "cmd"].iter().find_map(text) {
            let arguments = server["args"].as_array().into_iter().flatten();
            let arguments = arguments.filter_map(|one| one.as_str().map(str::to_owned)).collect();
            return Some(Self::Program { path, arguments });
        }
        ["url", "serverUrl", "httpUrl", "uri"].iter().find_map(text).map(Self::Url)
    }
}

/// Whether a text may have a part that the client replaces, such as `${env:TOKEN}` or `$TOKEN`.
fn has_placeholder(text: &str) -> bool {
    text.contains(['$', '{'])
}

/// Whether other users of the machine can read a file.
#[cfg(unix)]
fn is_shared(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_shared(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_program_or_a_url_is_read_in_the_form_of_any_client() {
        let program = |path: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(|&one| one.to_owned()).collect();
            Some(Target::Program { path: path.to_owned(), arguments })
        };
        let url = Some(Target::Url("http://localhost:3000/mcp".to_owned()));
        for (server, expected) in [
            (json!({ "command": "/p", "args": ["stdio"] }), program("/p", &["stdio"])),
            (json!({ "cmd": "/p" }), program("/p", &[])),
            (json!({ "command": ["/p", "stdio"] }), program("/p", &["stdio"])),
            (json!({ "httpUrl": "http://localhost:3000/mcp" }), url.clone()),
            (json!({ "serverUrl": "http://localhost:3000/mcp" }), url.clone()),
            (json!({ "uri": "http://localhost:3000/mcp" }), url.clone()),
            (json!({ "url": "http://localhost:3000/mcp" }), url),
            (json!({ "args": ["stdio"] }), None),
            (json!([]), None),
        ] {
            assert_eq!(Target::read(&server), expected, "{server}");
        }
    }
}
