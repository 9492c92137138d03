//! Compression of answers, as the client asks for it.
//!
//! It is a step of the edge and not tower-http's layer: another layer would box the request again, and
//! its body has no exact size, so that answers could not be charged as a whole. What cannot be
//! compressed for want of memory or time is sent as it is.
//!
//! The length of a compressed answer shows how well its parts resemble each other (BREACH). No answer
//! has a credential in it, and some repeat a text of the request beside texts of the library, such as
//! that of a harvest. Another site cannot send such a request: every write that takes the cookie must
//! come from a page of this server (`Sec-Fetch-Site`, `Origin`), and no answer to a GET repeats the
//! query beside texts of the library.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Collected};
use hyper::body::Frame;

use super::budget::Reservation;
use super::conditions::VARY_BY_CODING;
use super::negotiation::Coding;
use super::ticket::Ticket;
use crate::auth::stream::is_event_stream;
use crate::error::ApiError;
use crate::library::Library;

/// Size in bytes up to which an answer is sent as it is: it fits into one packet anyway.
pub(super) const PLAIN_MAX_BYTES: usize = 1024;
/// Size in bytes up to which an answer is compressed on the async thread, in 2 ms at most.
const INLINE_MAX_BYTES: usize = 256 * 1024;
/// How long a larger answer waits for the pool, before it is sent as it is.
const POOL_WAIT: Duration = Duration::from_secs(1);
/// Maximum bytes of a stream that are compressed at a time, in half a millisecond.
const PART_BYTES: usize = 64 * 1024;
/// The memory of an encoder in bytes, which a stream holds until its end.
const ENCODER_BYTES: usize = 512 * 1024;

/// How much work a compression is worth.
#[derive(Clone, Copy)]
enum Effort {
    /// That of an answer which is sent once.
    Once,
    /// That of a file which is sent many times: 120 KB take 10 ms of a core and 5 MB of memory, and
    /// become a sixth smaller than at [`Once`](Self::Once). At quality 9 brotli takes 33 MB to save another
    /// hundredth.
    Often,
}

/// The levels make a list of prompts a quarter of its size, at 150 MB/s; the next ones save another
/// tenth for twice the time.
const GZIP_LEVEL: u32 = 2;
const BROTLI_QUALITY: u32 = 1;
const GZIP_LEVEL_OFTEN: u32 = 9;
const BROTLI_QUALITY_OFTEN: u32 = 6;
/// The window of brotli as a power of two: 256 KiB.
const BROTLI_WINDOW_BITS: u32 = 18;
/// The buffer in bytes between brotli and its output.
const BROTLI_BUFFER_BYTES: usize = 4096;

/// Marks an answer whose bytes last as long as the process and whose coding its handler has selected.
/// It is not compressed again, and not charged: all answers with these bytes share them.
#[derive(Clone, Copy)]
pub(crate) struct Prepared;

/// An answer that is compressed as far as the client wants, or will be.
pub(super) enum Compressed<'a> {
    Now(Response),
    /// Boxed, so that the future of a request that is not compressed has no room for it.
    Later(Pin<Box<dyn Future<Output = Response> + Send + 'a>>),
}

/// Adds the `Vary` of an answer that is compressed for some clients, and compresses it for this one.
pub(super) fn compress<'a>(
    library: &'a Library,
    ticket: &'a Arc<Ticket>,
    coding: Option<Coding>,
    mut response: Response,
) -> Compressed<'a> {
    let size = response.body().size_hint().exact();
    let is_small = size.is_some_and(|size| size <= PLAIN_MAX_BYTES as u64);
    if is_small || !is_compressible(&response) {
        return Compressed::Now(response);
    }
    // RFC 9110, section 12.5.5.
    response.headers_mut().append(header::VARY, VARY_BY_CODING);
    match (coding, size) {
        (None, _) => Compressed::Now(response),
        (Some(coding), None) => Compressed::Now(compress_stream(ticket, coding, response)),
        (Some(coding), Some(_)) => {
            Compressed::Later(Box::pin(compress_whole(library, ticket, coding, response)))
        }
    }
}

/// Whether an answer is text whose coding is open. A stream of events is written as it happens, so it
/// is left alone.
fn is_compressible(response: &Response) -> bool {
    let headers = response.headers();
    let is_prepared = response.extensions().get::<Prepared>().is_some();
    if is_prepared || headers.contains_key(header::CONTENT_ENCODING) || is_event_stream(headers) {
        return false;
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(kind, "application/json" | "application/javascript" | "application/xml")
}

async fn compress_whole(
    library: &Library,
    ticket: &Ticket,
    coding: Coding,
    response: Response,
) -> Response {
    let (mut head, body) = response.into_parts();
    let Ok(whole) = body.collect().await.map(Collected::to_bytes) else {
        let cause = "a finished body broke off";
        return ApiError::Internal(cause.into()).into_response();
    };
    // Before it waits for the pool. The rest of the edge charges what is left of it.
    if let Err(error) = ticket.charge_answer(whole.len()) {
        return error.into_response();
    }
    let encoded = if whole.len() <= INLINE_MAX_BYTES {
        encode(coding, &whole).ok()
    } else {
        let whole = whole.clone();
        let work = library.compute(move || encode(coding, &whole));
        let encoded = tokio::time::timeout(POOL_WAIT, work).await;
        encoded.ok().and_then(Result::ok).and_then(Result::ok)
    };
    match encoded.filter(|encoded| encoded.len() < whole.len()) {
        Some(encoded) => {
            set_coding(&mut head.headers, coding);
            Response::from_parts(head, Body::from(encoded))
        }
        None => Response::from_parts(head, Body::from(whole)),
    }
}

fn compress_stream(ticket: &Arc<Ticket>, coding: Coding, response: Response) -> Response {
    // The encoder lasts as long as its client takes, so it is charged as an answer that waits.
    let Ok(memory) = ticket.charge_chunk(ENCODER_BYTES) else { return response };
    let (mut head, body) = response.into_parts();
    set_coding(&mut head.headers, coding);
    let ticket = Arc::clone(ticket);
    let encoder = Some(Encoder::new(Effort::Once, coding));
    let body =
        EncodedBody { body, rest: Bytes::new(), charged: None, encoder, ticket, _memory: memory };
    Response::from_parts(head, Body::new(body))
}

fn set_coding(headers: &mut HeaderMap, coding: Coding) {
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(header::CONTENT_LENGTH);
    // RFC 9110, section 8.8.1: a strong tag is for one sequence of bytes.
    let strong = headers.get(header::ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    let weak =
        strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        headers.insert(header::ETAG, weak);
    }
}

/// Compresses a whole text.
pub(super) fn encode(coding: Coding, text: &[u8]) -> io::Result<Vec<u8>> {
    encode_with(Effort::Once, coding, text)
}

/// Compresses a whole text that is sent many times, as far as is worth the time.
pub(crate) fn encode_well(coding: Coding, text: &[u8]) -> io::Result<Vec<u8>> {
    encode_with(Effort::Often, coding, text)
}

fn encode_with(effort: Effort, coding: Coding, text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(effort, coding);
    encoder.write(text)?;
    encoder.finish()
}

enum Encoder {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
}

impl Encoder {
    fn new(effort: Effort, coding: Coding) -> Self {
        let (level, quality) = match effort {
            Effort::Once => (GZIP_LEVEL, BROTLI_QUALITY),
            Effort::Often => (GZIP_LEVEL_OFTEN, BROTLI_QUALITY_OFTEN),
        };
        match coding {
            Coding::Gzip => {
                let level = Compression::new(level);
                Self::Gzip(Box::new(GzEncoder::new(Vec::new(), level)))
            }
            Coding::Brotli => Self::Brotli(Box::new(CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
                quality,
                BROTLI_WINDOW_BITS,
            ))),
        }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(text),
            Self::Brotli(encoder) => encoder.write_all(text),
        }
    }

    /// Takes what is finished so far, which may be nothing.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
        })
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
        }
    }
}

/// A stream that is compressed on its way. A stream that fails breaks off, and never looks finished.
struct EncodedBody {
    body: Body,
    /// What is left of the last frame of the body, and the memory of that frame.
    rest: Bytes,
    charged: Option<Reservation>,
    /// `None` after the end.
    encoder: Option<Encoder>,
    ticket: Arc<Ticket>,
    _memory: Option<Reservation>,
}

impl HttpBody for EncodedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let stream = &mut *self;
        loop {
            let Some(encoder) = &mut stream.encoder else { return Poll::Ready(None) };
            if stream.rest.is_empty() {
                stream.charged = None;
                match ready!(Pin::new(&mut stream.body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        // None of the streams has trailers.
                        let Ok(data) = frame.into_data() else { continue };
                        let Ok(charged) = stream.ticket.charge_chunk(data.len()) else {
                            stream.encoder = None;
                            let error = "too many answers wait for their clients";
                            return Poll::Ready(Some(Err(axum::Error::new(error))));
                        };
                        (stream.rest, stream.charged) = (data, charged);
                    }
                    Some(Err(error)) => {
                        stream.encoder = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => {
                        let last = stream.encoder.take().map_or(Ok(Vec::new()), Encoder::finish);
                        let last = last.map(|last| Frame::data(Bytes::from(last)));
                        return Poll::Ready(Some(last.map_err(axum::Error::new)));
                    }
                }
            }
            let part = stream.rest.split_to(stream.rest.len().min(PART_BYTES));
            if let Err(error) = encoder.write(&part) {
                stream.encoder = None;
                return Poll::Ready(Some(Err(axum::Error::new(error))));
            }
            let finished = encoder.take();
            if !finished.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(finished)))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::identity::{Client, Principal};
    use crate::http::ticket::Budgets;

    fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap(),
            Coding::Brotli => {
                brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text).unwrap()
            }
        };
        text
    }

    #[test]
    fn a_text_survives_either_coding() {
        let long = "a prompt of many words ".repeat(20_000);
        for coding in [Coding::Gzip, Coding::Brotli] {
            for text in ["", "x", &long] {
                for encode in [encode, encode_well] {
                    let encoded = encode(coding, text.as_bytes()).unwrap();
                    assert_eq!(decode(coding, &encoded), text.as_bytes());
                }
            }
        }
    }

    fn ticket(budgets: &Arc<Budgets>) -> Arc<Ticket> {
        let caller = Arc::new(Principal::local(Client::named("test")));
        let address = Ipv4Addr::LOCALHOST.into();
        Arc::new(Ticket::new(budgets, Some(caller), address, 0, (None, None)))
    }

    async fn compress_a_stream(ticket: &Arc<Ticket>) -> (bool, Vec<u8>) {
        let chunks = ["a ", "stream ", "in ", "parts"].map(Ok::<_, io::Error>);
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let response = compress_stream(ticket, Coding::Gzip, Response::new(body));
        let is_encoded = response.headers().contains_key(header::CONTENT_ENCODING);
        let bytes = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        (is_encoded, bytes)
    }

    #[tokio::test]
    async fn a_stream_without_memory_for_an_encoder_is_sent_as_it_is() {
        let budgets = Arc::new(Budgets::new());
        let (is_encoded, bytes) = compress_a_stream(&ticket(&budgets)).await;
        assert!(is_encoded && decode(Coding::Gzip, &bytes) == b"a stream in parts");
        let unread = ticket(&budgets);
        unread.charge_answer(4 * 1024 * 1024).map_err(|_| ()).unwrap();
        let (is_encoded, bytes) = compress_a_stream(&ticket(&budgets)).await;
        assert!(!is_encoded && bytes == b"a stream in parts");
        // A compressed answer holds what it has become.
        unread.charge_answer(1024 * 1024).map_err(|_| ()).unwrap();
        assert!(compress_a_stream(&ticket(&budgets)).await.0);
    }

    #[track_caller]
    fn check(kind: &'static str, expected: bool) {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        assert_eq!(is_compressible(&response), expected, "{kind}");
        response.extensions_mut().insert(Prepared);
        assert!(!is_compressible(&response), "{kind}");
        response.extensions_mut().remove::<Prepared>();
        let coding = HeaderValue::from_static("br");
        response.headers_mut().insert(header::CONTENT_ENCODING, coding);
        assert!(!is_compressible(&response), "{kind}");
    }

    #[test]
    fn text_is_compressed_and_what_is_compressed_already_is_not() {
        for text in [
            "application/json",
            "application/problem+json",
            "text/csv; charset=utf-8",
            "text/html; charset=utf-8",
            "text/javascript",
            "image/svg+xml",
        ] {
            check(text, true);
        }
        for other in ["text/event-stream", "application/zip", "image/png", "font/woff2", ""] {
            check(other, false);
        }
    }
}
