//! [`Connection`]: the byte stream below hyper, where slow readers and endless heads show.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::ConnectionState;
use super::head::Head;
use super::pace::Pace;

/// A connection that fails once its client is too slow to read, or sends heads without end.
pub(super) struct Connection<S> {
    stream: S,
    state: Arc<ConnectionState>,
    /// The head that is being received; `None` where the connection may be HTTP/2, whose number is
    /// bounded instead.
    head: Option<Head>,
    pace: Pace,
    /// Wakes the connection at the end of the client's credit. Made by the first write that waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: S, state: Arc<ConnectionState>, head: Option<Head>) -> Self {
        Self { stream, state, head, pace: Pace::default(), timer: None }
    }

    /// Accounts for the outcome of a write.
    fn track_write(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = outcome {
            self.pace.advance(written.as_ref().copied().unwrap_or_default());
            return Poll::Ready(written);
        }
        self.pace.wait();
        let deadline = self.pace.deadline().unwrap_or_else(Instant::now);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len() - before;
        let Self { state, head, .. } = &mut *self;
        // While a request is in flight these are bytes of its body, which its handler accounts for.
        if let Some(head) = head
            && !state.is_in_flight()
        {
            if state.take_finished_head() {
                head.restart();
            }
            head.receive(bytes)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.track_write(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.track_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes the stream only when its own buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.state.release_written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    /// A connection whose kernel buffers 16 KiB, and its client.
    fn connect() -> (Connection<DuplexStream>, DuplexStream) {
        let (client, server) = tokio::io::duplex(16 * 1024);
        (Connection::new(server, Arc::default(), None), client)
    }

    /// Writes a megabyte to a client that reads `bytes` every 5 s.
    async fn write_to_reader_of(bytes: usize) -> io::Result<()> {
        let (mut connection, mut client) = connect();
        let reading = tokio::spawn(async move {
            let mut chunk = vec![0; bytes];
            while client.read_exact(&mut chunk).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
        let outcome = connection.write_all(&vec![b'x'; 1 << 20]).await;
        reading.abort();
        outcome
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_to_a_slow_reader_fails_however_often_it_goes_on() {
        for bytes in [1, 3 * 1024, 30 * 1024] {
            let began = Instant::now();
            let error = write_to_reader_of(bytes).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{bytes}");
            assert!(began.elapsed() < Duration::from_mins(3), "{bytes}: {:?}", began.elapsed());
        }
        write_to_reader_of(50 * 1024).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_nothing_to_send_is_not_slow() {
        let (mut connection, mut client) = connect();
        for _ in 0..100 {
            connection.write_all(b"event").await.unwrap();
            tokio::time::sleep(Duration::from_mins(10)).await;
            let mut event = [0; 5];
            client.read_exact(&mut event).await.unwrap();
        }
    }
}
