//! Faults of a JSON text that its grammar allows, but that leave it without one reading: lone
//! surrogates and repeated keys.
//!
//! JavaScript cuts a text between the two code units of an emoji, and `JSON.stringify` then writes
//! `"\ud83d"`. The grammar of JSON allows that (RFC 8259, section 8.2), but it is not valid Unicode,
//! and no parser into Unicode reads it. An object with the same key twice is read in another way by
//! each parser (RFC 8259, section 4). Here such fields are found, so that an error can name them.

mod apart;
mod repeated;

use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::Range;

use memchr::memmem;
use serde_json::Value;

pub(crate) use self::apart::{encode, is_faulty, replace, set_apart};
pub(crate) use self::repeated::has_repeated_key;
use super::excerpt::Excerpt;
use super::{ERRORS_MAX, Faults, Invalid};

/// Maximum depth of a text in which fields are found; `serde_json` reads no deeper one.
const DEPTH_MAX: usize = 128;

/// What an error says about a field with a lone surrogate.
const HALF_MESSAGE: &str = "contains half of a character (a lone surrogate), such as an emoji that \
    was cut in two; send the whole character, or leave it out";

/// What an error says about a repeated key.
const REPEATED_MESSAGE: &str = "is given more than once in the same object; send it once";

/// What [`spell_surrogates`] writes for three bytes: an escape of a lone surrogate after one of
/// a character. The character keeps it from being read as the second half of a pair, and is what a
/// backslash before it escapes.
const SPELLED: &[u8] = b"\\ufffd\\udc00";

/// A JSON text with lone surrogates or repeated keys.
#[derive(Debug)]
pub(crate) struct JsonFaults {
    /// The text, with U+FFFD in place of each lone surrogate.
    pub(crate) text: Vec<u8>,
    /// Whether the member `id` of the text's own object is among the faults.
    pub(crate) is_in_id: bool,
    found: Found,
}

/// The fields with faults.
#[derive(Debug, Default)]
struct Found {
    /// The paths of the first ones, such as `params.arguments.tags[2]`, and what is wrong with each:
    /// at most [`ERRORS_MAX`]. Their keys are excerpts, because the paths of many fields may have the
    /// same long key.
    fields: Vec<(String, &'static str)>,
    /// The number of faults after those.
    others: usize,
}

impl JsonFaults {
    /// Finds the faults of a text, and replaces the lone surrogates in its strings: escapes such as
    /// `\ud83d`, and the three bytes of one that was encoded as if it were a character (`ED A0 BD`).
    ///
    /// Returns `None` if there are none, or if the text is nested too deep. In a text with other
    /// faults the paths are a guess: parse [`Self::text`] before using them. Takes time and memory
    /// linear in the text.
    pub(crate) fn find(text: &[u8]) -> Option<Self> {
        if !may_have_surrogates(text) && !has_repeated_key(text) {
            return None;
        }
        let text = spell_surrogates(text).unwrap_or_else(|| text.to_vec());
        let mut walk = Walk { text, open: Vec::new(), found: Found::default(), is_in_id: false };
        walk.run()?;
        let Walk { text, found, is_in_id, .. } = walk;
        (!found.fields.is_empty()).then_some(Self { text, is_in_id, found })
    }

    /// Finds the faults of JSON text that may itself be JSON text. Returns them with the array or the
    /// object that it would be without them, or `None` for every other text.
    pub(crate) fn find_encoded(text: &str) -> Option<(Self, Value)> {
        let inner = serde_json::from_str::<String>(text);
        let found = Self::find(inner.as_deref().unwrap_or(text).as_bytes())?;
        let value: Value = serde_json::from_slice(&found.text).ok()?;
        (value.is_array() || value.is_object()).then_some((found, value))
    }

    /// Returns whether every field that an error would list is inside `prefix`, which ends with a dot.
    pub(crate) fn are_within(&self, prefix: &str) -> bool {
        self.found.fields.iter().all(|(path, _)| path.starts_with(prefix))
    }

    /// Returns the error that names the fields. `rename` turns a path into that of the caller.
    pub(crate) fn into_invalid(self, rename: impl Fn(&str) -> String) -> Invalid {
        let mut faults = Faults::default();
        self.found.fields.iter().for_each(|(path, message)| faults.push(rename(path), *message));
        faults.others += self.found.others;
        let Err(invalid) = faults.finish::<Infallible>(None);
        invalid
    }
}

/// Returns whether a text has a sign of a surrogate. A pair, which is a whole character, has one too.
fn may_have_surrogates(text: &[u8]) -> bool {
    [&b"\\ud"[..], b"\\uD", b"\xED"].iter().any(|sign| memmem::find(text, sign).is_some())
}

/// Returns a text with escapes in place of surrogates that were encoded as if they were characters, or
/// `None` if there are none. A text without other faults is UTF-8 then.
///
/// Which ones they were is lost. Even two that belong together stay a fault.
pub(crate) fn spell_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    let mut spelled = Vec::new();
    let mut rest = text;
    while let Some(at) = find_encoded_surrogate(rest) {
        spelled.extend_from_slice(&rest[..at]);
        spelled.extend_from_slice(SPELLED);
        rest = &rest[at + 3..];
    }
    if spelled.is_empty() {
        return None;
    }
    spelled.extend_from_slice(rest);
    Some(spelled)
}

fn find_encoded_surrogate(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xED, text)
        .find(|at| matches!(text.get(at + 1..at + 3), Some([0xA0..=0xBF, 0x80..=0xBF])))
}

/// A walk through a text. It checks no more of the grammar than the paths need.
struct Walk {
    text: Vec<u8>,
    open: Vec<Open>,
    found: Found,
    is_in_id: bool,
}

/// An object or array around the current position.
enum Open {
    Object {
        /// The bytes of the current key, with its quotation marks.
        key: Range<usize>,
        is_at_key: bool,
        keys: HashSet<String>,
    },
    Array {
        index: usize,
    },
}

impl Walk {
    /// Walks through the whole text. Returns `None` if it is nested too deep.
    fn run(&mut self) -> Option<()> {
        let mut at = 0;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'"' => {
                    at = self.pass_string(at);
                    continue;
                }
                b'{' => {
                    let keys = HashSet::new();
                    self.open.push(Open::Object { key: 0..0, is_at_key: true, keys });
                }
                b'[' => self.open.push(Open::Array { index: 0 }),
                b'}' | b']' => drop(self.open.pop()),
                b',' => match self.open.last_mut() {
                    Some(Open::Object { is_at_key, .. }) => *is_at_key = true,
                    Some(Open::Array { index }) => *index += 1,
                    None => {}
                },
                _ => {}
            }
            if self.open.len() > DEPTH_MAX {
                return None;
            }
            at += 1;
        }
        Some(())
    }

    /// Replaces the lone surrogates of the string that begins at `start`, and returns its end.
    fn pass_string(&mut self, start: usize) -> usize {
        let mut at = start + 1;
        let mut has_half = false;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'"' => break,
                b'\\' => match self.read_escape(at) {
                    Some(0xD800..=0xDBFF)
                        if matches!(self.read_escape(at + 6), Some(0xDC00..=0xDFFF)) =>
                    {
                        at += 12;
                    }
                    Some(0xD800..=0xDFFF) => {
                        self.text[at + 2..at + 6].copy_from_slice(b"fffd");
                        has_half = true;
                        at += 6;
                    }
                    Some(_) => at += 6,
                    None => at += 2,
                },
                _ => at += 1,
            }
        }
        let end = (at + 1).min(self.text.len());
        let is_repeated = self.pass_key(start..end);
        if has_half {
            self.note_field(HALF_MESSAGE);
        }
        if is_repeated {
            self.note_field(REPEATED_MESSAGE);
        }
        end
    }

    /// Notes that a string is the current key, if it is one. Returns whether its object had it before.
    fn pass_key(&mut self, string: Range<usize>) -> bool {
        if !matches!(self.open.last(), Some(Open::Object { is_at_key: true, .. })) {
            return false;
        }
        let name = self.read_key(&string);
        let Some(Open::Object { key, is_at_key, keys }) = self.open.last_mut() else {
            return false;
        };
        (*key, *is_at_key) = (string, false);
        !keys.insert(name)
    }

    /// Adds the field of the current position, or counts it if an error would not list it.
    fn note_field(&mut self, message: &'static str) {
        if let [Open::Object { key, .. }] = &*self.open {
            self.is_in_id |= self.read_key(key) == "id";
        }
        if self.found.fields.len() == ERRORS_MAX {
            self.found.others += 1;
            return;
        }
        let field = (self.path(), message);
        if self.found.fields.last() != Some(&field) {
            self.found.fields.push(field);
        }
    }

    /// Reads a key from its bytes; empty if they are not a string.
    fn read_key(&self, key: &Range<usize>) -> String {
        serde_json::from_slice(&self.text[key.clone()]).unwrap_or_default()
    }

    /// Reads the code unit of an escape `\uXXXX` at a position.
    fn read_escape(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
        let unit = digits
            .collect::<Option<Vec<u32>>>()?
            .into_iter()
            .fold(0, |unit, digit| unit * 16 + digit);
        u16::try_from(unit).ok()
    }

    /// The path of the current position; `body` for the whole text.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match open {
                Open::Object { key, .. } => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&Excerpt::new(self.read_key(key)));
                }
                Open::Array { index } => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        if path.is_empty() { "body".to_owned() } else { path }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: impl AsRef<[u8]>, fields: &[&str]) {
        let text = text.as_ref();
        let mended = JsonFaults::find(text);
        let found = mended.as_ref().map_or(&[][..], |mended| &mended.found.fields);
        let found: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(found, fields, "{}", String::from_utf8_lossy(text));
        if let Some(mended) = mended {
            serde_json::from_slice::<Value>(&mended.text).unwrap();
        }
    }

    #[test]
    fn the_fields_with_half_a_character_are_named() {
        check(r#"{"a": "x\ud83d"}"#, &["a"]);
        check(r#"{"a": "\uDE00"}"#, &["a"]);
        check(r#"{"a": "\ud83dx\ude00"}"#, &["a"]);
        check(r#"{"a": "\ud83d\ud83d\ude00"}"#, &["a"]);
        check(r#"{"a": {"b": [1, "x", {"c": "\uD83D"}]}, "d": "\ud83d"}"#, &["a.b[2].c", "d"]);
        check(r#"["ok", "\ud83d"]"#, &["[1]"]);
        check(r#"{"\ud83d": 1}"#, &["\u{FFFD}"]);
        check(r#""\ud83d""#, &["body"]);
        check(b"{\"a\": \"\xED\xA0\xBD\"}", &["a"]);
        check(b"{\"a\": \"\xED\xA0\xBD\xED\xB8\x80\"}", &["a"]);
    }

    #[test]
    fn a_repeated_key_is_named() {
        check(r#"{"a": 1, "a": 2}"#, &["a"]);
        check(r#"{"a": 1, "\u0061": 1, "a": 1}"#, &["a"]);
        check(r#"{"x": [{"a": 1}, {"b": 1, "b": "\ud83d"}]}"#, &["x[1].b", "x[1].b"]);
        check(r#"{"a": {"a": 1}, "b": "{\"a\":1,\"a\":2}"}"#, &[]);
        assert!(JsonFaults::find(br#"{"id": 1, "id": 1}"#).unwrap().is_in_id);
        let faults = JsonFaults::find(br#"{"p": {"a": 1, "a": 2}}"#).unwrap();
        assert!(faults.are_within("p.") && !faults.are_within("a."));
        let invalid = faults.into_invalid(str::to_owned).to_string();
        assert!(invalid.starts_with("p.a: is given more than once"), "{invalid}");
    }

    #[test]
    fn a_surrogate_beside_one_that_was_encoded_stays_half_a_character() {
        for text in [
            &b"{\"a\": \"\\ud83d\xED\xB8\x80\"}"[..],
            b"{\"a\": \"\xED\xA0\xBD\\ude00\"}",
            b"{\"a\": \"\xED\xA0\xBD\xED\xB8\x80\"}",
            b"{\"a\": \"\\\xED\xA0\xBD\"}",
        ] {
            check(text, &["a"]);
            assert!(str::from_utf8(&spell_surrogates(text).unwrap()).is_ok());
        }
        assert_eq!(spell_surrogates("\u{D7FF}\u{E000}".as_bytes()), None);
    }

    #[test]
    fn a_whole_character_and_a_text_about_escapes_are_left_alone() {
        check(r#"{"a": "\ud83d\ude00"}"#, &[]);
        check(r#"{"a": "\uD83D\uDE00 \u00e9"}"#, &[]);
        check(r#"{"a": "\\ud83d"}"#, &[]);
        check(r#"{"a": "\\\\ud83d", "b": "\"\\ud83d"}"#, &[]);
        check("{\"a\": \"\u{D7FF}\u{E000}\u{1F600}\"}", &[]);
    }

    #[test]
    fn a_text_that_is_nested_too_deep_or_breaks_off_is_harmless() {
        let deep = format!("{}\"\\ud83d\"{}", "[".repeat(129), "]".repeat(129));
        assert!(JsonFaults::find(deep.as_bytes()).is_none());
        for text in [r#"{"a": "\ud83d"#, r#"{"a": "\ud8"#, r#"{"a": "\ud83d\"#, r#"]]}"\ud83d"#] {
            if let Some(mended) = JsonFaults::find(text.as_bytes()) {
                assert_eq!(mended.text.len(), text.len());
            }
        }
    }

    #[test]
    fn many_fields_are_counted_and_a_long_key_is_cut() {
        let key = "k".repeat(128 * 1024);
        for half in [&b"\"\\ud800\""[..], b"\"\xED\xA0\x80\""] {
            let mut text = format!("{{\"{key}\":[").into_bytes();
            text.extend(vec![half; 14_000].join(&b','));
            text.extend(b"]}");
            let mended = JsonFaults::find(&text).unwrap();
            assert_eq!(mended.found.fields.len(), ERRORS_MAX);
            assert_eq!(mended.found.others, 14_000 - ERRORS_MAX);
            assert!(mended.found.fields.iter().all(|(path, _)| path.len() < 300));
            let invalid = mended.into_invalid(str::to_owned).to_string();
            assert!(invalid.ends_with("; and 13990 more errors"), "{invalid}");
        }
    }

    #[test]
    fn half_a_character_in_the_id_of_a_message_is_noted() {
        for (text, is_in_id) in [
            (r#"{"id": "\ud83d"}"#, true),
            (r#"{"\u0069d": "\ud83d"}"#, true),
            (r#"{"x": "\ud83d", "id": 1}"#, false),
            (r#"{"params": {"id": "\ud83d"}}"#, false),
            (r#"[{"id": "\ud83d"}]"#, false),
        ] {
            assert_eq!(JsonFaults::find(text.as_bytes()).unwrap().is_in_id, is_in_id, "{text}");
        }
        let many = format!(r#"{{"x": [{}1], "id": "\ud83d"}}"#, r#""\ud83d","#.repeat(100));
        assert!(JsonFaults::find(many.as_bytes()).unwrap().is_in_id);
    }

    proptest! {
        #[test]
        fn a_text_is_mended_if_and_only_if_it_has_half_a_character(
            units in proptest::collection::vec(
                prop_oneof![Just(0xD83D_u16), Just(0xDE00), Just(0x41), any::<u16>()],
                0..12,
            ),
        ) {
            let escaped: Vec<String> =
                units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let escaped = escaped.concat();
            let text = format!(r#"{{"a": ["{escaped}"]}}"#);
            let is_whole = String::from_utf16(&units).is_ok();
            let mended = JsonFaults::find(text.as_bytes());
            prop_assert_eq!(mended.is_none(), is_whole);
            if let Some(mended) = mended {
                let value: Value = serde_json::from_slice(&mended.text).unwrap();
                prop_assert_eq!(&value["a"][0], &Value::from(String::from_utf16_lossy(&units)));
            }
        }
    }
}
