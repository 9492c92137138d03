//! [`Outline`]: the id of a message that cannot be parsed, or is too long to be kept.
//!
//! It follows the grammar of JSON byte by byte, so that it finds an id wherever the client wrote it,
//! holds no text, and never takes the id of an object inside the message for that of the message.
//! Everything before the first break of the grammar is certain; nothing after it is read.

use rmcp::model::RequestId;

use crate::http::extract::BODY_MAX_BYTES;

/// Maximum size in bytes of a method or id that is read, with its quotation marks. Longer ones are
/// passed over.
const MEMBER_MAX_BYTES: usize = 4 * 1024;
/// Maximum number of messages of a batch whose headings are kept.
const HEADINGS_MAX: usize = 1024;
/// Maximum depth that is followed: that of the deepest message within the limit of its size.
const DEPTH_MAX: usize = BODY_MAX_BYTES;

/// The members of one message that decide its response.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    /// The id; `None` if there is none, or if there are several.
    pub(super) id: Option<RequestId>,
    has_method: bool,
    /// Whether it has a result or an error: it is a response.
    pub(super) is_response: bool,
    has_id: bool,
}

impl Heading {
    /// Whether it is a notification, if the text is whole.
    pub(super) fn is_notification(&self) -> bool {
        self.has_method && !self.has_id
    }
}

/// What was found in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outlined {
    /// The message, or those of the batch; no more than [`HEADINGS_MAX`] of them.
    pub(super) headings: Vec<Heading>,
    /// Whether the text is a whole JSON value, with nothing but white space after it.
    pub(super) is_whole: bool,
}

/// Finds the outline of a text that comes in parts.
pub(super) struct Outline {
    state: State,
    open: Brackets,
    /// The last token, as far as it matters.
    token: Vec<u8>,
    is_token_cut: bool,
    /// The member whose value follows.
    member: Member,
    /// Whether the last of the headings is that of the message around the current position.
    is_noted: bool,
    /// Whether the message had an id before this one.
    is_repeated_id: bool,
    headings: Vec<Heading>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a value; the closing bracket of an array may come instead.
    Value,
    /// Before a key; the closing bracket of an object may come instead.
    Key,
    /// Between a key and its value.
    Colon,
    /// After a value.
    After,
    /// Inside a string, of a key or a value.
    Text { is_key: bool, is_escaped: bool },
    /// Inside a number or a word.
    Scalar,
    /// After the whole.
    End,
    /// After a break of the grammar.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Id,
    Method,
    Response,
    Other,
}

impl Outline {
    pub(super) fn new() -> Self {
        Self {
            state: State::Value,
            open: Brackets::default(),
            token: Vec::new(),
            is_token_cut: false,
            member: Member::Other,
            is_noted: false,
            is_repeated_id: false,
            headings: Vec::new(),
        }
    }

    /// Finds the outline of a whole text.
    pub(super) fn of(text: &[u8]) -> Outlined {
        let mut outline = Self::new();
        outline.push(text);
        outline.finish()
    }

    /// Reads the next part.
    pub(super) fn push(&mut self, part: &[u8]) {
        for byte in part {
            self.state = self.step(*byte);
            if self.state == State::Broken {
                return;
            }
        }
    }

    pub(super) fn finish(mut self) -> Outlined {
        Outlined {
            is_whole: self.state == State::End,
            headings: std::mem::take(&mut self.headings),
        }
    }

    fn step(&mut self, byte: u8) -> State {
        match self.state {
            State::Text { is_key, is_escaped } => self.step_in_text(byte, is_key, is_escaped),
            State::Scalar if is_scalar(byte) => {
                self.keep(byte);
                State::Scalar
            }
            State::Scalar => {
                self.end_value();
                self.step_after(byte)
            }
            state if byte.is_ascii_whitespace() => state,
            State::Value => self.step_to_value(byte),
            State::Key => match byte {
                b'"' => self.begin_text(true),
                b'}' => self.close(byte),
                _ => State::Broken,
            },
            State::Colon if byte == b':' => State::Value,
            State::After => self.step_after(byte),
            State::Colon | State::End | State::Broken => State::Broken,
        }
    }

    fn step_to_value(&mut self, byte: u8) -> State {
        match byte {
            b'"' => self.begin_text(false),
            b'{' | b'[' => self.open(byte),
            b']' => self.close(byte),
            // Words that are not JSON, such as `NaN`, are passed over like numbers.
            byte if is_scalar(byte) => {
                self.begin_token();
                self.keep(byte);
                State::Scalar
            }
            _ => State::Broken,
        }
    }

    fn step_after(&mut self, byte: u8) -> State {
        match byte {
            b',' if self.open.depth == 0 => State::Broken,
            b',' if self.open.is_object() => State::Key,
            b',' => State::Value,
            b'}' | b']' => self.close(byte),
            byte if byte.is_ascii_whitespace() => self.after(),
            _ => State::Broken,
        }
    }

    fn step_in_text(&mut self, byte: u8, is_key: bool, is_escaped: bool) -> State {
        self.keep(byte);
        match byte {
            _ if is_escaped => State::Text { is_key, is_escaped: false },
            b'\\' => State::Text { is_key, is_escaped: true },
            b'"' if is_key => {
                self.begin_member();
                State::Colon
            }
            b'"' => {
                self.end_value();
                self.after()
            }
            _ => State::Text { is_key, is_escaped: false },
        }
    }

    fn begin_text(&mut self, is_key: bool) -> State {
        self.begin_token();
        self.keep(b'"');
        State::Text { is_key, is_escaped: false }
    }

    fn begin_token(&mut self) {
        self.token.clear();
        self.is_token_cut = false;
    }

    /// Keeps a byte of a token that may matter.
    fn keep(&mut self, byte: u8) {
        if self.token.len() < MEMBER_MAX_BYTES {
            self.token.push(byte);
        } else {
            self.is_token_cut = true;
        }
    }

    fn open(&mut self, byte: u8) -> State {
        // An id is never an array or an object, but the value of `result` may be.
        self.note_member(None);
        if self.open.depth >= DEPTH_MAX {
            return State::Broken;
        }
        self.open.push(byte == b'{');
        if byte == b'[' {
            return State::Value;
        }
        if self.is_at_message() {
            self.is_noted = self.headings.len() < HEADINGS_MAX;
            if self.is_noted {
                self.headings.push(Heading::default());
            }
        }
        State::Key
    }

    fn close(&mut self, byte: u8) -> State {
        let is_matching = self.open.depth > 0 && self.open.is_object() == (byte == b'}');
        if !is_matching {
            return State::Broken;
        }
        self.open.pop();
        self.after()
    }

    fn after(&self) -> State {
        if self.open.depth == 0 { State::End } else { State::After }
    }

    /// Whether the innermost object is a message: the whole, or an element of a batch.
    fn is_at_message(&self) -> bool {
        match self.open.depth {
            1 => self.open.is_object(),
            2 => self.open.is_object() && self.open.is_in_array_at_top(),
            _ => false,
        }
    }

    /// Reads the key of a member that has ended.
    fn begin_member(&mut self) {
        let is_noted = self.is_noted && self.is_at_message();
        self.member = match self.token.as_slice() {
            _ if !is_noted => Member::Other,
            b"\"id\"" => Member::Id,
            b"\"method\"" => Member::Method,
            b"\"result\"" | b"\"error\"" => Member::Response,
            _ => Member::Other,
        };
        if self.member == Member::Id
            && let Some(heading) = self.headings.last_mut()
        {
            heading.id = None;
            self.is_repeated_id = std::mem::replace(&mut heading.has_id, true);
        }
    }

    /// Reads a text, a number or a word that has ended.
    fn end_value(&mut self) {
        let is_id = self.member == Member::Id && !self.is_token_cut;
        let id = if is_id { serde_json::from_slice(&self.token).ok() } else { None };
        self.note_member(id);
    }

    /// Notes a member of a message. `id` is its value if that can be an id.
    fn note_member(&mut self, id: Option<RequestId>) {
        let Some(heading) = self.headings.last_mut() else { return };
        match std::mem::replace(&mut self.member, Member::Other) {
            Member::Id => heading.id = id.filter(|_| !self.is_repeated_id),
            Member::Method => heading.has_method = true,
            Member::Response => heading.is_response = true,
            Member::Other => {}
        }
    }
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

/// The open brackets, a bit each.
#[derive(Default)]
struct Brackets {
    are_objects: Vec<u64>,
    depth: usize,
}

impl Brackets {
    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.are_objects.len() {
            self.are_objects.push(0);
        }
        self.are_objects[word] &= !(1 << bit);
        self.are_objects[word] |= u64::from(is_object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    /// Whether the innermost bracket is that of an object. There must be one.
    fn is_object(&self) -> bool {
        self.get(self.depth - 1)
    }

    fn is_in_array_at_top(&self) -> bool {
        !self.get(0)
    }

    fn get(&self, index: usize) -> bool {
        self.are_objects[index / 64] >> (index % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn id_of(text: impl AsRef<[u8]>) -> Value {
        let text = text.as_ref();
        let outlined = Outline::of(text);
        let mut in_parts = Outline::new();
        for byte in text {
            in_parts.push(&[*byte]);
        }
        assert_eq!(in_parts.finish(), outlined);
        let heading = outlined.headings.into_iter().next().unwrap_or_default();
        heading.id.map_or(Value::Null, RequestId::into_json_value)
    }

    #[test]
    fn the_id_is_found_before_or_after_the_parameters() {
        assert_eq!(id_of(r#"{"id": 7, "params": {"id": 1}}"#), 7);
        assert_eq!(id_of(r#"{"params": {"id": 1, "x": [{"id": 2}]}, "id": -7}"#), -7);
        assert_eq!(id_of(r#"{"method":"x\"}","id":"a\"\u00e9東"}"#), "a\"é東");
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(id_of(format!(r#"{{"params":{deep},"id":7}}"#)), 7);
    }

    #[test]
    fn the_id_of_a_text_with_faults_is_found() {
        for text in [
            r#"{"id":7,"params":{"#,
            r#"{"id":7,"params":"unfinished"#,
            r#"{"params":{"a":NaN,"b":-Infinity,"c":undefined},"id":7}"#,
            r#"{"id":7}}"#,
            r#"{"id":7} {"id":8}"#,
            r#"{"params":[1,],"id":7,}"#,
            r#"{"params":{"a":"\x \ud83d"},"id":7}"#,
            "{\"params\":{\"a\":\"raw\nline\"},\"id\":7}",
        ] {
            assert_eq!(id_of(text), 7, "{text}");
        }
        assert_eq!(id_of(b"{\"params\":{\"a\":\"\xff\"},\"id\":7}"), 7);
    }

    #[test]
    fn an_uncertain_id_is_none() {
        for text in [
            "",
            "7",
            r#""id""#,
            r#"{"params":{"id":7}}"#,
            r#"{"params":{"id":7"#,
            r#"{"params":{"arguments":{"id":7}},"x":[{"id":8}],"method":"m"}"#,
            r#"{"params":"{\"id\":7}"}"#,
            r#"{"id":7,"id":8}"#,
            r#"{"id":7,"id":7}"#,
            r#"{"id":7,"id":{}}"#,
            r#"{"id":1.5,"id":7}"#,
            r#"{"id":7"#,
            r#"{"id":7,"id":8"#,
            r#"{"id":7,"id":7,"id":7}"#,
            r#"{"id":null}"#,
            r#"{"id":1.5}"#,
            r#"{"id":{}}"#,
            r#"{"id":[7]}"#,
            r#"{"id":true}"#,
            r"{id:7}",
            r#"{"a":"b"c","id":7}"#,
            r#"{"a" 1,"id":7}"#,
            r#"{"a":1]"id":7}"#,
            r#"{"x":{"id":7]}"#,
            r#"[[{"id":7}]]"#,
            r"{'id':7}",
        ] {
            assert_eq!(id_of(text), Value::Null, "{text}");
        }
        let long = "x".repeat(MEMBER_MAX_BYTES);
        assert_eq!(id_of(format!(r#"{{"id":"{long}","a":1}}"#)), Value::Null);
    }

    #[test]
    fn the_messages_of_a_batch_are_told_apart() {
        let text =
            r#"[{"id":1,"method":"a"},{"method":"b"},5,{"result":{"id":9},"id":3},[{"id":4}]]"#;
        let Outlined { headings, is_whole } = Outline::of(text.as_bytes());
        let found: Vec<_> = headings
            .iter()
            .map(|heading| (heading.id.clone(), heading.has_method, heading.is_response))
            .collect();
        let id = |number| Some(RequestId::Number(number));
        assert_eq!(found, [(id(1), true, false), (None, true, false), (id(3), false, true)]);
        assert!(is_whole);
        let many = json!(vec![json!({ "id": 1 }); 100]).to_string();
        assert_eq!(Outline::of(many.as_bytes()).headings.len(), 100);
        let too_many = format!("[{}{{\"id\":2}}]", "{\"id\":1},".repeat(HEADINGS_MAX));
        let kept = Outline::of(too_many.as_bytes()).headings;
        assert_eq!(kept.len(), HEADINGS_MAX);
        assert_eq!(kept.last().unwrap().id, Some(RequestId::Number(1)));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[\"\\\\{}\\[\\],:id é]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let key =
                prop_oneof![Just("id".to_owned()), Just("method".to_owned()), "[a\"\\\\]{0,3}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map(key, inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_id_of_valid_json_is_that_of_the_parser(value in any_value(), cut in 0_usize..400) {
            let text = value.to_string();
            let expected: Option<RequestId> =
                value.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
            let expected = expected.map_or(Value::Null, RequestId::into_json_value);
            if value.is_object() {
                prop_assert_eq!(id_of(&text), expected.clone());
            }
            // A text that breaks off has this id or none.
            let cut = text.as_bytes().get(..cut).unwrap_or(text.as_bytes());
            if value.is_object() {
                let found = id_of(cut);
                prop_assert!(found.is_null() || found == expected, "{found}");
            }
        }
    }
}
