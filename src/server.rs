//! Serves a listener until a shutdown future resolves, then drains under a deadline.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long requests in flight may take after the shutdown began.
const DRAIN: Duration = Duration::from_secs(25);

/// Serves until `shutdown` resolves, then lets requests in flight finish for at most 25 s.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // Without it, an answer in two writes waits for the client's delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
    });
    let (begun, drain) = oneshot::channel();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        // The receiver is gone only when serving has ended already.
        let _ = begun.send(());
    });
    tokio::select! {
        outcome = serving => outcome,
        () = deadline(drain) => {
            tracing::warn!("requests were cut off after {} s", DRAIN.as_secs());
            Ok(())
        }
    }
}

async fn deadline(begun: oneshot::Receiver<()>) {
    if begun.await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(DRAIN).await;
}

/// Resolves when the process is asked to end: SIGTERM, or Ctrl-C.
pub async fn shutdown_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "SIGTERM ends the process without a drain"),
        }
    }
    if interrupt.await.is_err() {
        std::future::pending::<()>().await;
    }
}
