//! The fake of Stripe as a process of its own, for tests in a browser. It is never shipped.

#[path = "fake.rs"]
mod fake;

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use promptdb::domain::SystemClock;
use promptdb::http::server;

use crate::fake::FakeStripe;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let signal = server::shutdown_signal()?;
    let stripe = FakeStripe::start(Arc::new(SystemClock)).await?;
    // Events are delivered once a command names their receiver.
    writeln!(std::io::stdout(), "The fake of Stripe is listening on {}", stripe.url)?;
    signal.await;
    Ok(())
}
