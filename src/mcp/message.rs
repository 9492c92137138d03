//! What is answered to a text that is not a message of the protocol.
//!
//! Every client waits for a response under the id of its request, and without one until its timeout.
//! So a refusal carries the id wherever it can be found in the bytes.

use std::borrow::Cow;

use rmcp::model::{
    CallToolResult, ClientJsonRpcMessage, ClientRequest, ContentBlock, ErrorData, GetMeta,
    JsonRpcError, JsonRpcMessage, JsonRpcRequest, RequestId, ServerJsonRpcMessage, ServerResult,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::input::{explain_invalid_params, mend_message};
use super::outline::Outline;
use super::tools::find_input;
use crate::domain::json_faults::{JsonFaults, has_repeated_key, spell_surrogates};
use crate::error::ApiError;
use crate::http::body::strip_byte_order_mark;
use crate::http::extract::BODY_MAX_BYTES;

/// The response to a text that is not a message.
pub(super) struct Refusal {
    pub(super) answer: Box<ServerJsonRpcMessage>,
    /// Whether the text is a notification or a response, which get no response (JSON-RPC 2.0,
    /// section 4.1). Two programs that reject each other's error responses would never stop.
    pub(super) is_unwanted: bool,
}

impl Refusal {
    /// An error to a text that expects a response.
    pub(super) fn of_error(error: JsonRpcError) -> Self {
        Self { answer: Box::new(JsonRpcMessage::Error(error)), is_unwanted: false }
    }

    /// The id that the answer carries.
    pub(super) fn id(&self) -> Option<&RequestId> {
        match &*self.answer {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        }
    }
}

/// Removes the byte order marks before a text: a client that writes one to a pipe may have got a text
/// with another.
pub(super) fn skip_byte_order_marks(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = strip_byte_order_mark(text) {
        text = rest;
    }
    text
}

/// Reads a message, and mends the parameters of a request in which rmcp found no known one.
///
/// # Errors
/// The refusal of a text that is not a message.
pub(super) fn read_message(text: &[u8]) -> Result<ClientJsonRpcMessage, Refusal> {
    let message = match serde_json::from_slice(text) {
        Ok(message) if !has_repeated_key(text) => message,
        _ => return read_faulty(text).ok_or_else(|| refuse(text)),
    };
    let JsonRpcMessage::Request(request) = &message else { return Ok(message) };
    let ClientRequest::CustomRequest(request) = &request.request else { return Ok(message) };
    let mended = mend_message(&request.method, text, find_input);
    if let Some(mended) = mended.and_then(|text| serde_json::from_slice(&text).ok()) {
        return Ok(mended);
    }
    // A request of 2026-07-28 names its revision, and rmcp rejects the methods that it removed.
    if request.get_meta().protocol_version().is_some() {
        return Ok(message);
    }
    // rmcp would blame a first message of wrong parameters on the lack of a handshake.
    match explain_invalid_params(&request.method, request.params.clone()) {
        Some(invalid) => {
            let error = ErrorData::invalid_params(format!("Invalid params: {invalid}"), None);
            let JsonRpcMessage::Request(request) = message else { return Ok(message) };
            Err(Refusal::of_error(JsonRpcError::new(Some(request.id), error)))
        }
        None => Ok(message),
    }
}

/// Reads a message of which only parts are faulty that fail alone.
fn read_faulty(text: &[u8]) -> Option<ClientJsonRpcMessage> {
    #[derive(Deserialize)]
    struct MessageHead<'a> {
        #[serde(borrow)]
        method: Cow<'a, str>,
    }
    let spelled = spell_surrogates(text);
    let text = spelled.as_deref().unwrap_or(text);
    let head: MessageHead<'_> = serde_json::from_slice(text).ok()?;
    serde_json::from_slice(&mend_message(&head.method, text, find_input)?).ok()
}

/// Refuses a text that is not a message (JSON-RPC 2.0, section 5.1), or is one with lone surrogates or
/// repeated keys.
///
/// The answer has no id if none can be found with certainty. JSON-RPC demands `null` then; MCP has
/// no `null` among its ids and leaves the member out.
pub(super) fn refuse(text: &[u8]) -> Refusal {
    let Some(faults) = JsonFaults::find(text) else { return refuse_unicode(text) };
    match serde_json::from_slice::<ClientJsonRpcMessage>(&faults.text) {
        Ok(JsonRpcMessage::Request(request)) if faults.are_within("params.") => {
            refuse_fields(request, faults)
        }
        Ok(JsonRpcMessage::Request(_)) => refuse_members(faults),
        Err(_) if serde_json::from_slice::<IgnoredAny>(&faults.text).is_ok() => {
            if has_repeated_key(text) && !faults.are_within("params.") {
                refuse_members(faults)
            } else {
                refuse_unicode(&faults.text)
            }
        }
        // A notification gets no response, and a text that cannot be parsed has a worse fault.
        _ => refuse_unicode(&faults.text),
    }
}

/// Refuses a request for its own members. Its id is left out if it may not be the one to send back.
fn refuse_members(faults: JsonFaults) -> Refusal {
    let heading = Outline::of(&faults.text).headings.into_iter().next().unwrap_or_default();
    let is_unwanted = heading.is_response || heading.is_notification();
    let id = heading.id.filter(|_| !faults.is_in_id);
    let invalid = faults.into_invalid(str::to_owned);
    let error = ErrorData::invalid_request(format!("Invalid Request: {invalid}"), None);
    Refusal { is_unwanted, ..Refusal::of_error(JsonRpcError::new(id, error)) }
}

/// Refuses a request for fields of its parameters. In the arguments of a tool they are a mistake that
/// the model can mend.
fn refuse_fields(request: JsonRpcRequest<ClientRequest>, faults: JsonFaults) -> Refusal {
    let JsonRpcRequest { id, request, .. } = request;
    let is_call = matches!(request, ClientRequest::CallToolRequest(_));
    let (arguments, params) = ("params.arguments.", "params.");
    let invalid = faults.into_invalid(|path| {
        let path = path.strip_prefix(arguments).filter(|_| is_call).unwrap_or(path);
        path.strip_prefix(params).unwrap_or(path).to_owned()
    });
    let message = ApiError::Invalid(invalid).tool_message();
    let answer = if is_call {
        let result = CallToolResult::error(vec![ContentBlock::text(message)]);
        let mut result = ServerResult::CallToolResult(result);
        if request.get_meta().protocol_version().is_none() {
            result.strip_result_type_for_legacy_peer();
        }
        ServerJsonRpcMessage::response(result, id)
    } else {
        ServerJsonRpcMessage::error(ErrorData::invalid_params(message, None), Some(id))
    };
    Refusal { answer: Box::new(answer), is_unwanted: false }
}

/// Refuses a text that is not a message, and has no lone surrogates.
fn refuse_unicode(text: &[u8]) -> Refusal {
    let message = match serde_json::from_slice::<Value>(text) {
        Err(error) => return refuse_unparsed(text, describe(text, &error)),
        Ok(message) => message,
    };
    let id = message.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
    let detail = "Invalid Request: not a JSON-RPC 2.0 message";
    let error = JsonRpcError::new(id, ErrorData::invalid_request(detail, None));
    let is_notification = message.get("method").is_some() && message.get("id").is_none();
    let is_response = message.get("result").is_some() || message.get("error").is_some();
    let is_unwanted = message.is_object() && (is_notification || is_response);
    Refusal { is_unwanted, ..Refusal::of_error(error) }
}

fn refuse_unparsed(text: &[u8], detail: &'static str) -> Refusal {
    // Of several messages the first is answered.
    let heading = Outline::of(text).headings.into_iter().next().unwrap_or_default();
    let error = ErrorData::parse_error(detail, None);
    Refusal::of_error(JsonRpcError::new(heading.id, error))
}

fn describe(text: &[u8], error: &serde_json::Error) -> &'static str {
    if std::str::from_utf8(text).is_err() {
        "Parse error: the text is not UTF-8"
    } else if error.to_string().starts_with("recursion limit") {
        "Parse error: the JSON is nested deeper than 128 levels"
    } else {
        "Parse error: invalid JSON"
    }
}

/// Refuses a message that is longer than [`BODY_MAX_BYTES`], by the outline of all of it.
pub(super) fn refuse_too_long(outline: Outline) -> Vec<Refusal> {
    let detail = format!(
        "Invalid Request: the message is over {BODY_MAX_BYTES} bytes, the limit of one message; \
         send less at a time, such as fewer candidates or a shorter text"
    );
    let outlined = outline.finish();
    let refuse_one = |id, is_unwanted| {
        let error = ErrorData::invalid_request(detail.clone(), None);
        Refusal { is_unwanted, ..Refusal::of_error(JsonRpcError::new(id, error)) }
    };
    if outlined.headings.is_empty() {
        return vec![refuse_one(None, false)];
    }
    let is_whole = outlined.is_whole;
    let refusals = outlined.headings.into_iter().map(|heading| {
        let is_notification = is_whole && heading.is_notification();
        refuse_one(heading.id, heading.is_response || is_notification)
    });
    refusals.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(text: &str) -> (Value, bool) {
        let Refusal { answer, is_unwanted } = refuse(text.as_bytes());
        (serde_json::to_value(answer).unwrap(), is_unwanted)
    }

    #[test]
    fn half_a_character_in_the_arguments_of_a_tool_is_a_result_that_names_the_field() {
        let call = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"harvest_session",
            "arguments":{"candidates":[{"content":"x\ud83d"}],"arguments":{"who":"\udc00"}}},"id":"a"}"#;
        let (answer, is_unwanted) = refused(call);
        assert!(!is_unwanted);
        assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!("a"), &json!(true)));
        assert!(answer["result"].get("resultType").is_none(), "{answer}");
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with("candidates[0].content: contains half of a character"), "{text}");
        assert!(text.contains("arguments.who: contains"), "{text}");
    }

    #[test]
    fn half_a_character_elsewhere_is_an_error_that_names_the_field() {
        let (answer, _) = refused(
            r#"{"jsonrpc":"2.0","id":3,"method":"prompts/get","params":{"name":"x\ud83d"}}"#,
        );
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(3), &json!(-32602)));
        let text = answer["error"]["message"].as_str().unwrap();
        assert!(text.starts_with("name: contains half of a character"), "{text}");

        for text in [
            r#"{"jsonrpc":"2.0","id":"\ud83d","method":"ping"}"#,
            r#"{"jsonrpc":"2.0","params":{"id":4,"a":"\ud83d"}}"#,
        ] {
            let (answer, _) = refused(text);
            assert_eq!((&answer["error"]["code"], answer.get("id")), (&json!(-32600), None));
        }
        let notification =
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"a":"\ud83d"}}"#;
        assert!(refused(notification).1);
    }

    #[test]
    fn a_text_that_cannot_be_parsed_is_refused_under_its_id() {
        for (text, id, reason) in [
            (r#"{"id":5,"params":{"#, json!(5), "invalid JSON"),
            (r#"{"params":{"id":4,"a":NaN},"id":5}"#, json!(5), "invalid JSON"),
            (r#"{"id":5}}"#, json!(5), "invalid JSON"),
            (r#"{"params":{"id":4"#, Value::Null, "invalid JSON"),
            ("hello", Value::Null, "invalid JSON"),
        ] {
            let (answer, is_unwanted) = refused(text);
            assert_eq!((&answer["error"]["code"], is_unwanted), (&json!(-32700), false));
            assert_eq!(answer["id"], id, "{text}");
            assert!(answer["error"]["message"].as_str().unwrap().ends_with(reason), "{answer}");
        }
    }
}
