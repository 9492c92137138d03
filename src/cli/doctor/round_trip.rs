//! The round trip over stdio: a second process of this program, called as a client calls it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::library::Found;
use super::report::Check;
use crate::config::{ConfigError, DoctorSettings, ModelPath, Storage};

/// Maximum duration of the round trip. A start takes less than 0.1 s; a machine under load gets more.
const ROUND_TRIP_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of bytes at the end of the program's error output that are read.
const ERRORS_MAX_BYTES: u64 = 16 * 1024;

/// Starts this program as a client does, lists the tools, and ends it.
///
/// The library is the same one, unless a start would create or migrate it; then the process gets an
/// empty one that is removed afterwards.
pub(super) async fn check_round_trip(settings: &DoctorSettings, found: &Found) -> Check {
    let name = "stdio";
    let folder = match found {
        Found::Unusable => {
            let advice = "First mend the library.";
            return Check::failed(name, "not tried without a library", advice);
        }
        Found::Later => TempDir::new().map(Some),
        Found::Current { .. } | Found::Convex => Ok(None),
    };
    let outcome = match folder {
        Ok(folder) => {
            let path = match found {
                Found::Current { path, .. } => Some(path.clone()),
                _ => folder.as_ref().map(|folder| folder.path().join("promptdb.db")),
            };
            timeout(ROUND_TRIP_TIMEOUT, call(settings, path.as_deref())).await.unwrap_or_else(
                |_| Err(format!("no answer within {} s", ROUND_TRIP_TIMEOUT.as_secs())),
            )
        }
        Err(error) => Err(format!("no temporary folder: {error}")),
    };
    match outcome {
        Ok(tools) => Check::ok(name, format!("`promptdb stdio` starts and offers {tools} tools")),
        Err(why) => Check::failed(
            name,
            format!("`promptdb stdio` does not work: {why}"),
            "Mend what it names, and run promptdb doctor again.",
        ),
    }
}

/// Returns the number of tools.
async fn call(settings: &DoctorSettings, library: Option<&Path>) -> Result<usize, String> {
    let text = |error: io::Error| error.to_string();
    let mut errors = tempfile::tempfile().map_err(text)?;
    let mut command = Command::new(std::env::current_exe().map_err(text)?);
    // The settings travel in the environment: other users of the machine can read arguments.
    let settings = environment(settings, library).map_err(|error| error.to_string())?;
    command.arg("stdio").envs(settings).kill_on_drop(true);
    // A pipe for the errors would have to be read meanwhile.
    command.stderr(errors.try_clone().map_err(text)?);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(text)?;
    let listed = list_tools(&mut child).await;
    if let Err(Broken::Answer(answer)) = listed {
        return Err(format!("it answered {answer}"));
    }
    let exit = child.wait().await.map_err(text)?;
    match listed {
        Ok(tools) if exit.success() => Ok(tools),
        _ => Err(last_line(&mut errors).map_err(text)?.unwrap_or_else(|| exit.to_string())),
    }
}

/// The settings that may have been given as flags, which the second process has not.
fn environment(
    settings: &DoctorSettings,
    library: Option<&Path>,
) -> Result<Vec<(&'static str, OsString)>, ConfigError> {
    let mut environment: Vec<(&str, OsString)> = match settings.storage.validate()? {
        Storage::Convex(convex) => vec![
            ("CONVEX_URL", convex.origin().into()),
            ("CONVEX_API_KEY", convex.api_key.expose().into()),
        ],
        Storage::File(path) => {
            let path = library.unwrap_or(&path).as_os_str().to_owned();
            let [url, key] = ["CONVEX_URL", "CONVEX_API_KEY"].map(|name| (name, OsString::new()));
            vec![("DATABASE_PATH", path), url, key]
        }
    };
    if let ModelPath::Given(path) = settings.meaning.validate()? {
        environment.push(("MODEL_PATH", path.into()));
    }
    Ok(environment)
}

/// Why there is no list of tools.
enum Broken {
    /// The process closed its end.
    Ended,
    /// The process answered something else.
    Answer(String),
}

/// Calls `initialize` and `tools/list`, and closes the input.
async fn list_tools(child: &mut Child) -> Result<usize, Broken> {
    let mut input = child.stdin.take().ok_or(Broken::Ended)?;
    let mut answers = BufReader::new(child.stdout.take().ok_or(Broken::Ended)?).lines();
    let client = json!({ "name": "promptdb doctor", "version": env!("CARGO_PKG_VERSION") });
    let hello =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    send(&mut input, &json!({ "id": 1, "method": "initialize", "params": hello })).await?;
    receive(&mut answers, 1).await?;
    send(&mut input, &json!({ "method": "notifications/initialized" })).await?;
    send(&mut input, &json!({ "id": 2, "method": "tools/list" })).await?;
    let listed = receive(&mut answers, 2).await?;
    let tools = listed["tools"].as_array().map(Vec::len);
    tools.ok_or_else(|| Broken::Answer(listed.to_string()))
}

async fn send(input: &mut ChildStdin, message: &Value) -> Result<(), Broken> {
    let mut message = message.clone();
    message["jsonrpc"] = "2.0".into();
    // A process that has ended is told apart when its answer is missing.
    input.write_all(format!("{message}\n").as_bytes()).await.map_err(|_| Broken::Ended)
}

/// Returns the result of the request `id`. Notifications before it are passed over.
async fn receive(answers: &mut Lines<BufReader<ChildStdout>>, id: u64) -> Result<Value, Broken> {
    while let Some(line) = answers.next_line().await.map_err(|_| Broken::Ended)? {
        let mut answer: Value = serde_json::from_str(&line).map_err(|_| Broken::Answer(line))?;
        if answer["id"] == id {
            return match answer.get_mut("result") {
                Some(result) => Ok(result.take()),
                None => Err(Broken::Answer(answer.to_string())),
            };
        }
    }
    Err(Broken::Ended)
}

/// Returns the last line of what the process wrote as its errors: the reason why it ended.
fn last_line(errors: &mut File) -> io::Result<Option<String>> {
    let end = errors.seek(SeekFrom::End(0))?;
    errors.seek(SeekFrom::Start(end.saturating_sub(ERRORS_MAX_BYTES)))?;
    let mut text = Vec::new();
    errors.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    Ok(line.map(|line| line.strip_prefix("promptdb: ").unwrap_or(line).to_owned()))
}
