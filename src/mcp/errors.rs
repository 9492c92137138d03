//! The JSON-RPC errors of requests that are not calls of tools.

use rmcp::model::ErrorData;
use serde_json::Value;

use crate::domain::excerpt::{Excerpt, Message};
use crate::error::ApiError;

/// Converts a failure for a method whose result cannot carry one.
pub(super) fn protocol_error(error: impl Into<ApiError>) -> ErrorData {
    let error = error.into();
    let message = error.tool_message();
    match error {
        ApiError::Invalid(_) | ApiError::NotFound(_) => ErrorData::invalid_params(message, None),
        _ => ErrorData::internal_error(message, None),
    }
}

/// The error of a name that no prompt has (MCP 2025-11-25, server/prompts, "Error Handling").
pub(super) fn unknown_prompt(name: &str) -> ErrorData {
    let name = Excerpt::new(name);
    ErrorData::invalid_params(format!("Unknown prompt: {name}; prompts/list returns all"), None)
}

/// Cuts what an error repeats of its request. Those of rmcp repeat headers, names and revisions in
/// full; `is_foreign` is whether the message is one of them, and not this server's own.
pub(super) fn cut_error(error: &mut ErrorData, is_foreign: bool) {
    let message = &error.message;
    error.message = if is_foreign {
        Excerpt::new(message).into_string().into()
    } else {
        Message::new(message).into_string().into()
    };
    error.data.iter_mut().for_each(cut_data);
}

fn cut_data(data: &mut Value) {
    match data {
        Value::String(text) => *text = Excerpt::new(text.as_str()).into_string(),
        Value::Array(items) => items.iter_mut().for_each(cut_data),
        Value::Object(members) => members.values_mut().for_each(cut_data),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_repeats_an_excerpt_in_its_message_and_its_data() {
        let long = "x".repeat(5000);
        let data = json!({ "requested": long, "list": [[long]], "count": 7 });
        for (is_foreign, most) in [(true, 200), (false, 1000)] {
            let mut error = ErrorData::invalid_params(long.clone(), Some(data.clone()));
            cut_error(&mut error, is_foreign);
            assert_eq!(error.message.chars().count(), most);
            let data = error.data.unwrap();
            for text in [&data["requested"], &data["list"][0][0]] {
                assert_eq!(text.as_str().unwrap().chars().count(), 200);
            }
            assert_eq!(data["count"], 7);
        }
    }
}
