//! Batches: several messages in one JSON array (JSON-RPC 2.0, section 6).
//!
//! MCP 2025-03-26, basic, "Batching", obliges a server to take them, and 2025-06-18 removed them. A
//! batch does not evade a limit: each of its messages counts as a request.

use rmcp::model::{ErrorData, JsonRpcError, ProtocolVersion, RequestId};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::outline::Outline;
use crate::domain::json_faults::JsonFaults;

/// Maximum number of messages in a batch.
pub(in crate::mcp) const BATCH_MAX: usize = 32;

/// Whether a text is a batch, or would be one if it could be parsed.
pub(super) fn is_batch(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"[")
}

/// Whether a revision has batches.
pub(super) fn has_batches(revision: &str) -> bool {
    [ProtocolVersion::V_2024_11_05, ProtocolVersion::V_2025_03_26]
        .iter()
        .any(|version| version.as_str() == revision)
}

/// Splits a batch into its messages, from 1 to [`BATCH_MAX`] of them.
///
/// # Errors
/// The error that answers the batch as a whole.
pub(super) fn split(text: &[u8]) -> Result<Vec<&RawValue>, ErrorData> {
    if !is_json(text) {
        return Err(invalid_json());
    }
    let messages: Vec<&RawValue> = serde_json::from_slice(text).map_err(|_| invalid_json())?;
    if messages.is_empty() {
        return Err(ErrorData::invalid_request("Invalid Request: the batch is empty", None));
    }
    if messages.len() > BATCH_MAX {
        let detail = format!(
            "Invalid Request: the batch has {} messages, and at most {BATCH_MAX} are accepted",
            messages.len()
        );
        return Err(ErrorData::invalid_request(detail, None));
    }
    Ok(messages)
}

/// Whether the whole batch can be read, but for lone surrogates, which are faults of one message.
fn is_json(text: &[u8]) -> bool {
    let is_json = |text: &[u8]| serde_json::from_slice::<Value>(text).is_ok();
    is_json(text) || JsonFaults::find(text).is_some_and(|faults| is_json(&faults.text))
}

fn invalid_json() -> ErrorData {
    ErrorData::parse_error("Parse error: invalid JSON", None)
}

/// The error of a batch in a revision without them, or of a text that is none.
pub(super) fn refuse_batch(text: &[u8]) -> ErrorData {
    if !is_json(text) {
        return invalid_json();
    }
    let detail = "Invalid Request: batches are not supported since revision 2025-06-18; send each \
        message by itself";
    ErrorData::invalid_request(detail, None)
}

/// Answers each request of a batch that is refused as a whole, so that none waits for a response.
/// Without any the answer has no id.
pub(super) fn refuse_each(text: &[u8], error: &ErrorData) -> Vec<JsonRpcError> {
    let headings = Outline::of(text).headings.into_iter();
    let ids: Vec<RequestId> =
        headings.filter(|heading| !heading.is_response).filter_map(|heading| heading.id).collect();
    if ids.is_empty() {
        return vec![JsonRpcError::new(None, error.clone())];
    }
    ids.into_iter().map(|id| JsonRpcError::new(Some(id), error.clone())).collect()
}

/// Refuses a message that no batch may have: the handshake (MCP 2025-03-26, basic/lifecycle,
/// "Initialization"), or another batch.
pub(super) fn refuse_message(message: &RawValue) -> Option<JsonRpcError> {
    #[derive(Deserialize)]
    struct MessageHead {
        id: Option<RequestId>,
        method: String,
    }
    if is_batch(message.get().as_bytes()) {
        let detail = "Invalid Request: a batch must not contain a batch";
        return Some(JsonRpcError::new(None, ErrorData::invalid_request(detail, None)));
    }
    let head: MessageHead = serde_json::from_str(message.get()).ok()?;
    let detail = "Invalid Request: initialize must not be part of a batch";
    (head.method == "initialize")
        .then(|| JsonRpcError::new(head.id, ErrorData::invalid_request(detail, None)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_batch_has_one_to_32_messages() {
        for (count, is_taken) in [(0, false), (1, true), (BATCH_MAX, true), (BATCH_MAX + 1, false)]
        {
            let text = json!(vec![json!({ "id": 1 }); count]).to_string();
            assert_eq!(split(text.as_bytes()).is_ok(), is_taken, "{count}");
        }
    }

    #[test]
    fn the_requests_of_a_refused_batch_are_answered_each() {
        let ids = |text: &str| {
            let errors = refuse_each(text.as_bytes(), &refuse_batch(b"[]"));
            errors.into_iter().map(|error| error.id).collect::<Vec<_>>()
        };
        let text = r#"[{"id":1,"method":"a"},{"method":"b"},{"id":2,"result":{}},{"id":"c"}]"#;
        assert_eq!(ids(text), [Some(RequestId::Number(1)), Some(RequestId::String("c".into()))]);
        assert_eq!(ids(r#"[{"id":1,"method":"a"},{"id":"#), [Some(RequestId::Number(1))]);
        assert_eq!(ids("[]"), [None]);
        assert_eq!(ids("[1,2]"), [None]);
    }
}
