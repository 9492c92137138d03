//! Whether a text has a repeated key, before every message is read.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr2;

use super::DEPTH_MAX;

/// The number of keys of an object from which they are hashed instead of being compared one by one.
const HASHED_FROM: usize = 16;

/// Returns whether an object of a JSON text has the same key twice, however its characters are
/// escaped.
///
/// This is one pass in which strings are skipped at the speed of `memchr` and nothing is built, so
/// that every request can afford it. Of a text that is not JSON the result means nothing; one that is
/// nested deeper than `serde_json` reads has none. Takes time linear in the text.
pub(crate) fn has_repeated_key(text: &[u8]) -> bool {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let Some(end) = find_end(text, at + 1) else { return false };
                if let Some(Open::Object(keys)) = open.last_mut()
                    && keys.is_next
                {
                    keys.is_next = false;
                    if !keys.add(&text[at + 1..end]) {
                        return true;
                    }
                }
                at = end;
            }
            b'{' | b'[' if open.len() == DEPTH_MAX => return false,
            b'{' => open.push(Open::Object(Keys { is_next: true, ..Keys::default() })),
            b'[' => open.push(Open::Array),
            b'}' | b']' => drop(open.pop()),
            b',' => {
                if let Some(Open::Object(keys)) = open.last_mut() {
                    keys.is_next = true;
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// Returns the position of the quotation mark that ends the string with content from `at` on.
fn find_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// An object or array around the current position.
enum Open<'a> {
    Object(Keys<'a>),
    Array,
}

/// The keys of an object so far.
#[derive(Default)]
struct Keys<'a> {
    /// Whether the next string is a key.
    is_next: bool,
    first: Vec<Cow<'a, [u8]>>,
    others: HashSet<Cow<'a, [u8]>>,
}

impl<'a> Keys<'a> {
    /// Adds a key, as it is spelled between its quotation marks. Returns whether it is new.
    fn add(&mut self, spelled: &'a [u8]) -> bool {
        let key = unescape(spelled);
        if self.first.contains(&key) {
            return false;
        }
        if self.first.len() < HASHED_FROM {
            self.first.push(key);
            return true;
        }
        self.others.insert(key)
    }
}

/// Returns the characters of a key. Without escapes they are its bytes; one that is not a string stays
/// as it is.
fn unescape(spelled: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', spelled).is_none() {
        return Cow::Borrowed(spelled);
    }
    let quoted = [b"\"", spelled, b"\""].concat();
    serde_json::from_slice::<String>(&quoted)
        .map_or(Cow::Borrowed(spelled), |key| Cow::Owned(key.into_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(has_repeated_key(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn the_same_key_twice_in_one_object_is_found() {
        check(r#"{"a": 1, "a": 2}"#, true);
        check(r#"{"a": 1, "a": 1}"#, true);
        check(r#"{"a": {"b": [{"c": 1, "x": "\"", "c": 2}]}}"#, true);
        check(r#"{"a": 1, "\u0061": 2}"#, true);
        check(r#"{"é": 1, "\u00e9": 2}"#, true);
        check(r#"{"": 1, "": 2}"#, true);
    }

    #[test]
    fn the_same_key_in_several_objects_and_the_same_text_as_a_value_are_not() {
        check(r#"{"a": {"a": 1}, "b": {"a": 1}}"#, false);
        check(r#"[{"a": 1}, {"a": 1}]"#, false);
        check(r#"{"a": "a", "b": ["a", "a", "b"], "c": "{\"a\":1,\"a\":2}"}"#, false);
        check(r#"{"a": 1, "A": 2, "a ": 3}"#, false);
        check(r#"{"a\\": 1, "a": 2}"#, false);
    }

    #[test]
    fn large_objects_and_texts_that_break_off_are_harmless() {
        let keys: Vec<String> = (0..20_000).map(|number| format!("\"k{number}\":0")).collect();
        check(&format!("{{{}}}", keys.join(",")), false);
        check(&format!("{{{},\"k19999\":0}}", keys.join(",")), true);
        check(&format!("{{{},\"k3\":0}}", keys.join(",")), true);
        for text in [r#"{"a"#, r#"{"a\"#, r#"{"a":1,"#, "}]},", r#"{"a":1,"a"#, ""] {
            check(text, false);
        }
        let deep = format!("{}{{\"a\":1,\"a\":2}}", "[".repeat(100_000));
        check(&deep, false);
    }

    proptest! {
        #[test]
        fn a_text_has_a_repeated_key_if_and_only_if_the_parser_drops_a_member(
            keys in proptest::collection::vec("[ab\"\\\\{},:é]{0,2}", 0..24),
        ) {
            let members: Vec<String> =
                keys.iter().map(|key| format!("{}: [{{}}, \",\"]", Value::from(key.as_str()))).collect();
            let text = format!(r#"{{"x": {{{}}}}}"#, members.join(", "));
            let value: Value = serde_json::from_str(&text).unwrap();
            let is_dropped = value["x"].as_object().unwrap().len() < keys.len();
            prop_assert_eq!(has_repeated_key(text.as_bytes()), is_dropped);
        }
    }
}
