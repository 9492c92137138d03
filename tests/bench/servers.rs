//! The servers that are measured, each a process of its own: the real binary, and those that this
//! binary becomes when it is called with a [`Role`].

pub(crate) mod convex;
pub(crate) mod issuer;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use axum::serve::ListenerExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::client::{Case, Connection};

/// A server that this binary becomes, by its arguments.
pub(crate) enum Role {
    /// A bare handler, whose answers have about `bytes` bytes.
    Bare { bytes: usize },
    /// A Convex deployment that takes `delay_ms` to answer.
    FakeConvex { delay_ms: u64 },
    /// A bare handler that asks the deployment at `url` before it answers.
    Relay { bytes: usize, url: String },
}

impl Role {
    /// The role that the first argument names, `None` where it names none.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let (role, value) = (arguments.next()?, arguments.next()?);
        match role.as_str() {
            "bare-server" => Some(Self::Bare { bytes: value.parse().ok()? }),
            "fake-convex" => Some(Self::FakeConvex { delay_ms: value.parse().ok()? }),
            "relay-server" => {
                Some(Self::Relay { bytes: value.parse().ok()?, url: arguments.next()? })
            }
            _ => None,
        }
    }

    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Bare { bytes } => vec!["bare-server".to_owned(), bytes.to_string()],
            Self::FakeConvex { delay_ms } => vec!["fake-convex".to_owned(), delay_ms.to_string()],
            Self::Relay { bytes, url } => {
                vec!["relay-server".to_owned(), bytes.to_string(), url.clone()]
            }
        }
    }

    /// Serves until the process is killed.
    pub(crate) async fn serve(self) -> Result<(), String> {
        let router = match self {
            Self::Bare { bytes } => {
                Router::new().route("/mcp", post(answer_bare)).with_state(text_of(bytes))
            }
            Self::FakeConvex { delay_ms } => convex::fake(Duration::from_millis(delay_ms))?,
            Self::Relay { bytes, url } => convex::relay(text_of(bytes), &url)?,
        };
        serve(router).await.map_err(|error| error.to_string())
    }
}

/// A running server; dropping it ends it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The real binary on a library, with its settings as they are by default but for `settings`.
    pub(crate) fn start(
        binary: &Path,
        library: &Path,
        log: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self, String> {
        Self::start_at(0, binary, library, log, settings)
    }

    /// The same at a port, where 0 is any.
    pub(crate) fn start_at(
        port: u16,
        binary: &Path,
        library: &Path,
        log: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut command = Command::new(binary);
        command.args(["--port", &port.to_string(), "--log-format", "pretty"]);
        command.arg("--database-path").arg(library);
        command.env("RUST_LOG", "info").envs(settings.iter().copied());
        Self::spawn(command, log)
    }

    /// This binary in another role.
    pub(crate) fn start_role(role: &Role, log: &Path) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(own);
        command.args(role.arguments());
        Self::spawn(command, log)
    }

    /// The server's origin.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for the line that says where the server listens.
    fn spawn(mut command: Command, log: &Path) -> Result<Self, String> {
        let mut start = || -> std::io::Result<(Child, String)> {
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(File::options().create(true).append(true).open(log)?)
                .spawn()?;
            let mut line = String::new();
            if let Some(stdout) = child.stdout.as_mut() {
                BufReader::new(stdout).read_line(&mut line)?;
            }
            Ok((child, line))
        };
        let (child, line) = start().map_err(|error| format!("{command:?}: {error}"))?;
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let address = SocketAddr::from(([127, 0, 0, 1], port.unwrap_or_default()));
        let server = Self { child, address };
        match port {
            Some(_) => Ok(server),
            None => Err(format!("{command:?} did not say where it listens, but: {line:?}")),
        }
    }

    /// A server, and how long it took from the start of its process to its first answer.
    pub(crate) fn start_timed(
        binary: &Path,
        library: &Path,
        log: &Path,
        settings: &[(&str, &str)],
    ) -> Result<(Self, Duration), String> {
        let started = Instant::now();
        let server = Self::start(binary, library, log, settings)?;
        let health = Case::bodiless("GET", "/health", vec!["\"ok\"".to_owned()]);
        super::block_on(async {
            let mut connection =
                Connection::open(server.address).await.map_err(|error| error.to_string())?;
            connection.call(&health).await.map(|_| ())
        })?;
        Ok((server, started.elapsed()))
    }

    /// Resident memory in MB: now, and at most so far. Only Linux tells.
    pub(crate) fn memory(&self) -> Option<(f64, f64)> {
        read_memory(self.child.id())
    }

    /// Processor time used so far, by all threads. Only Linux tells; its unit is 10 ms.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(self.proc("stat")).ok()?;
        let ticks = stat.rsplit(')').next()?.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Some(Duration::from_millis(ticks * 10))
    }

    /// Asks the server to end, as an operator does.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) -> Result<(), String> {
        let id = rustix::process::Pid::from_child(&self.child);
        let signal = rustix::process::Signal::TERM;
        rustix::process::kill_process(id, signal).map_err(|error| error.to_string())
    }

    /// How the server ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, String> {
        self.child.try_wait().map_err(|error| error.to_string())
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }
}

/// Resident memory of a process in MB: now, and at most so far. Only Linux tells.
pub(crate) fn read_memory(process: u32) -> Option<(f64, f64)> {
    let status = Path::new("/proc").join(process.to_string()).join("status");
    let status = std::fs::read_to_string(status).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    Some((field("VmRSS:")? / 1024.0, field("VmHWM:")? / 1024.0))
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has ended by itself was noticed by the requests that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tool call, as far as a bare handler looks at it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read like the real thing, although nothing depends on it")]
struct Call {
    jsonrpc: String,
    id: u64,
    method: String,
    params: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Reply<'a> {
    jsonrpc: &'static str,
    id: u64,
    result: &'a str,
}

/// What the bare handlers answer with.
fn text_of(bytes: usize) -> Arc<str> {
    let text = "Sentences of some length, as \"prompts\" have them.\n";
    text.chars().cycle().take(bytes).collect::<String>().into()
}

async fn serve(router: Router) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://localhost:{}", listener.local_addr()?.port())?;
    out.flush()?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

#[expect(clippy::disallowed_types, reason = "axum's own Json is what is compared with")]
async fn answer_bare(
    State(text): State<Arc<str>>,
    axum::Json(call): axum::Json<Call>,
) -> impl axum::response::IntoResponse {
    use axum::response::IntoResponse;
    axum::Json(Reply { jsonrpc: "2.0", id: call.id, result: &text }).into_response()
}
