//! The MCP front door over the use cases of the library.
//!
//! [`PromptServer`] handles the messages of every transport; `prompts`, `resources`, `apps`, `skills`,
//! `completion` and `tools` hold what it answers with. The transports are Streamable HTTP at `/mcp`, stateless
//! ([`Endpoint`]), the older HTTP+SSE at `/sse` and `/messages` ([`legacy_sse`]), and stdio
//! ([`serve_connection`]).
//!
//! No module here calls a store: authorization and checks are the library's.

mod apps;
mod batch;
mod changes;
mod completion;
mod endpoint;
mod errors;
mod input;
pub mod legacy_sse;
mod message;
mod outline;
mod prompts;
mod resources;
mod server;
mod skills;
mod stdio;
mod tools;

pub use self::endpoint::{Endpoint, serve};
pub use self::server::PromptServer;
pub use self::stdio::{Lines, serve_connection};
pub use self::tools::Toolset;
