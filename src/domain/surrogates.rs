//! Lone surrogates in a JSON text: halves of a character that was cut in two.
//!
//! JavaScript cuts a text between the two code units of an emoji, and `JSON.stringify` then writes
//! `"\ud83d"`. The grammar of JSON allows that (RFC 8259, section 8.2), but it is no Unicode text,
//! and no parser into Unicode reads it. Here the fields with such halves are found, so that an error
//! can name them.

use std::convert::Infallible;
use std::ops::Range;

use memchr::memmem::find;

use super::excerpt::Excerpt;
use super::{ERRORS_MAX, Faults, Invalid};

/// Maximum depth of a text in which fields are found; `serde_json` reads no deeper one.
const DEPTH_MAX: usize = 128;

/// What an error says about such a field.
const MESSAGE: &str = "contains half of a character (a lone surrogate), such as an emoji that was \
    cut in two; send the whole character, or leave it out";

/// A JSON text whose lone surrogates were replaced.
#[derive(Debug)]
pub(crate) struct Mended {
    /// The text, with U+FFFD in place of each lone surrogate. It is as long as the original.
    pub(crate) text: Vec<u8>,
    /// Whether the member `id` of the text's own object had one.
    pub(crate) is_in_id: bool,
    fields: Fields,
}

/// The fields that had a lone surrogate.
#[derive(Debug, Default)]
struct Fields {
    /// The paths of the first ones, such as `params.arguments.tags[2]`: at most [`ERRORS_MAX`]. Their
    /// keys are excerpts, because the paths of many fields may have the same long key.
    paths: Vec<String>,
    /// The number of strings with one after those.
    others: usize,
}

impl Mended {
    /// Replaces the lone surrogates in the strings of a JSON text: escapes such as `\ud83d`, and the
    /// three bytes of one that was encoded as if it were a character (`ED A0 BD`).
    ///
    /// Returns `None` if there is none, or if the text is nested too deep. In a text with other
    /// faults the paths are a guess: parse the mended text before using them. Takes time and memory
    /// linear in the text.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        [&b"\\ud"[..], b"\\uD", b"\xED"].iter().find_map(|sign| find(text, sign))?;
        let mut walk = Walk {
            text: text.to_vec(),
            open: Vec::new(),
            fields: Fields::default(),
            is_in_id: false,
        };
        walk.run()?;
        let Walk { text, fields, is_in_id, .. } = walk;
        (!fields.paths.is_empty()).then_some(Self { text, is_in_id, fields })
    }

    /// Returns the error that names the fields. `rename` turns a path into that of the caller.
    pub(crate) fn into_invalid(self, rename: impl Fn(&str) -> String) -> Invalid {
        let mut faults = Faults::default();
        self.fields.paths.iter().for_each(|path| faults.push(rename(path), MESSAGE));
        faults.others += self.fields.others;
        let Err(invalid) = faults.finish::<Infallible>(None);
        invalid
    }
}

/// A walk through a text. It checks no more of the grammar than the paths need.
struct Walk {
    text: Vec<u8>,
    open: Vec<Open>,
    fields: Fields,
    is_in_id: bool,
}

/// An object or array around the current position.
enum Open {
    Object {
        /// The bytes of the current key, with its quotation marks.
        key: Range<usize>,
        is_at_key: bool,
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
                b'{' => self.open.push(Open::Object { key: 0..0, is_at_key: true }),
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
        let mut has_one = false;
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
                        has_one = true;
                        at += 6;
                    }
                    Some(_) => at += 6,
                    None => at += 2,
                },
                0xED if matches!(
                    self.text.get(at + 1..at + 3),
                    Some([0xA0..=0xBF, 0x80..=0xBF])
                ) =>
                {
                    self.text[at..at + 3].copy_from_slice("\u{FFFD}".as_bytes());
                    has_one = true;
                    at += 3;
                }
                _ => at += 1,
            }
        }
        let end = (at + 1).min(self.text.len());
        if let Some(Open::Object { key, is_at_key: is_at_key @ true }) = self.open.last_mut() {
            (*key, *is_at_key) = (start..end, false);
        }
        if has_one {
            self.note_field();
        }
        end
    }

    /// Adds the field of the current position, or counts it if an error would not list it.
    fn note_field(&mut self) {
        if let [Open::Object { key, .. }] = &*self.open {
            self.is_in_id |= self.read_key(key) == "id";
        }
        if self.fields.paths.len() == ERRORS_MAX {
            self.fields.others += 1;
            return;
        }
        let path = self.path();
        if self.fields.paths.last() != Some(&path) {
            self.fields.paths.push(path);
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
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn check(text: impl AsRef<[u8]>, fields: &[&str]) {
        let text = text.as_ref();
        let mended = Mended::new(text);
        let found = mended.as_ref().map_or(&[][..], |mended| &mended.fields.paths);
        assert_eq!(found, fields, "{}", String::from_utf8_lossy(text));
        if let Some(mended) = mended {
            assert_eq!(mended.text.len(), text.len());
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
        assert!(Mended::new(deep.as_bytes()).is_none());
        for text in [r#"{"a": "\ud83d"#, r#"{"a": "\ud8"#, r#"{"a": "\ud83d\"#, r#"]]}"\ud83d"#] {
            if let Some(mended) = Mended::new(text.as_bytes()) {
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
            let mended = Mended::new(&text).unwrap();
            assert_eq!(mended.fields.paths.len(), ERRORS_MAX);
            assert_eq!(mended.fields.others, 14_000 - ERRORS_MAX);
            assert!(mended.fields.paths.iter().all(|path| path.len() < 300));
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
            assert_eq!(Mended::new(text.as_bytes()).unwrap().is_in_id, is_in_id, "{text}");
        }
        let many = format!(r#"{{"x": [{}1], "id": "\ud83d"}}"#, r#""\ud83d","#.repeat(100));
        assert!(Mended::new(many.as_bytes()).unwrap().is_in_id);
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
            let mended = Mended::new(text.as_bytes());
            prop_assert_eq!(mended.is_none(), is_whole);
            if let Some(mended) = mended {
                let value: Value = serde_json::from_slice(&mended.text).unwrap();
                prop_assert_eq!(&value["a"][0], &Value::from(String::from_utf16_lossy(&units)));
            }
        }
    }
}
