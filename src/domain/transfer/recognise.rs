//! The format of an input by what it holds.

use std::io::{self, Read, SeekFrom};

use super::encoding::NOT_UTF8;
use super::table::looks_like_table;
use super::{ImportFormat, Input, ReadError, WHOLE_FILE, encoding, json, unreadable_file};
use crate::domain::characters::BYTE_ORDER_MARK;
use crate::domain::prompt::CONTENT_MAX_BYTES;

/// Number of bytes that are looked at.
const START_BYTES: usize = 16 * 1024;
/// The first bytes of a zip archive, and of an empty one.
const ZIP_STARTS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// The first lines of YAML of text expanders, after comments.
const YAML_STARTS: [&str; 5] =
    ["matches:", "global_vars:", "snippets:", "- trigger:", "- abbreviation:"];

/// Whether an input begins as a zip archive does. Its position is the start afterwards.
pub(super) fn is_zip(input: &mut dyn Input) -> Result<bool, ReadError> {
    let start = read_start(input, 4).map_err(|error| unreadable_file(&error))?;
    Ok(ZIP_STARTS.contains(&start.as_slice()))
}

/// Finds the format of an input, given that of its name. Its position is the start afterwards.
pub(super) fn find_format(
    input: &mut dyn Input,
    named: ImportFormat,
) -> Result<ImportFormat, ReadError> {
    let start = read_start(input, START_BYTES as u64).map_err(|error| unreadable_file(&error))?;
    let fail = |reason| Err(ReadError::new(WHOLE_FILE, reason));
    match (recognise(&start), named) {
        (Some(ImportFormat::Text), ImportFormat::Unknown) => fail(
            "is a text of a kind that is not known; if all of it is one prompt, give its name the ending .txt, or \
             pass the format text",
        ),
        (Some(ImportFormat::Json), ImportFormat::Txt) => {
            // A character has at most twice the bytes in UTF-16, and a byte order mark may come before.
            let all = read_start(input, 2 * (CONTENT_MAX_BYTES as u64 + 2));
            let is_text = is_one_text(&all.map_err(|error| unreadable_file(&error))?);
            Ok(if is_text { ImportFormat::Text } else { ImportFormat::Json })
        }
        (Some(format), _) => Ok(format),
        (None, _) => fail(describe_unknown(&start)),
    }
}

/// Whether a text that begins like JSON is one prompt: a description of a picture, or an example with words
/// after it. A text that is too long for a prompt is not one.
pub(super) fn is_one_text(file: &[u8]) -> bool {
    let text = encoding::decode(file);
    text.is_ok_and(|text| text.len() <= CONTENT_MAX_BYTES && !json::holds_prompts(text.as_bytes()))
}

/// Says why a format is not recognised.
fn describe_unknown(start: &[u8]) -> &'static str {
    let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    match encoding::find_fault(start) {
        _ if start.len() < START_BYTES && text.trim_ascii().is_empty() => "is empty",
        Some(fault) => fault,
        None if !start.contains(&0) => NOT_UTF8,
        None => {
            "has a format that is not recognised; give it the extension of its format, or pass the \
             format: json, csv, zip, markdown, yaml or text"
        }
    }
}

fn read_start(input: &mut dyn Input, bytes: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut limited = Read::take(&mut *input, bytes);
    limited.read_to_end(&mut start)?;
    input.seek(SeekFrom::Start(0))?;
    Ok(start)
}

/// Recognises the format of an input by its start. `None` is neither a text nor an archive.
pub(super) fn recognise(input: &[u8]) -> Option<ImportFormat> {
    let start = &input[..input.len().min(START_BYTES)];
    if ZIP_STARTS.iter().any(|zip| start.starts_with(zip)) {
        return Some(ImportFormat::Zip);
    }
    // The end may lie inside a character, or a pair of bytes.
    let whole = &start[..start.len() / 2 * 2];
    let decoded = [start, whole, &start[..start.len().saturating_sub(1)]]
        .into_iter()
        .chain((2..4).map(|cut| &start[..start.len().saturating_sub(cut)]))
        .find_map(|part| encoding::decode(part).ok())?;
    let text = decoded.trim_start();
    if text.is_empty() || text.contains('\0') {
        return None;
    }
    let mut tokens = text.chars().filter(|c| !c.is_whitespace());
    match (tokens.next(), tokens.next()) {
        (Some('{'), Some('"' | '}')) | (Some('['), Some('{' | '"' | ']' | '[')) => {
            return Some(ImportFormat::Json);
        }
        _ => {}
    }
    if text.starts_with("---") && text.match_indices("\n---").next().is_some() {
        return Some(ImportFormat::Markdown);
    }
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    if first.is_some_and(|first| YAML_STARTS.iter().any(|start| first.starts_with(start))) {
        return Some(ImportFormat::Yaml);
    }
    if looks_like_table(text.as_bytes()) {
        return Some(ImportFormat::Csv);
    }
    Some(ImportFormat::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_shows_its_format() {
        for (start, format) in [
            (&b"PK\x03\x04x"[..], Some(ImportFormat::Zip)),
            (b" {\n\"prompts\": [", Some(ImportFormat::Json)),
            (b"\xEF\xBB\xBF[ {\"title\"", Some(ImportFormat::Json)),
            (b"[]", Some(ImportFormat::Json)),
            (b"act,prompt\na,b", Some(ImportFormat::Csv)),
            (b"sep=;\nName;Prompt\n", Some(ImportFormat::Csv)),
            (b"---\nname: x\n---\nA", Some(ImportFormat::Markdown)),
            (b"# Espanso\nmatches:\n  - trigger: a", Some(ImportFormat::Yaml)),
            (b"Review this, please.", Some(ImportFormat::Text)),
            (b"Prompt, text and all.\n- name: x\nprompts: y", Some(ImportFormat::Text)),
            (b"[TOPIC] is what you write about.", Some(ImportFormat::Text)),
            (b"{{topic}} is it.", Some(ImportFormat::Text)),
            (b"\xFF\xFE[\0{\0", Some(ImportFormat::Json)),
            (b"cut in a character \xC3", Some(ImportFormat::Text)),
            (b"", None),
            (b"\x89PNG\0\x01", None),
            (b"MZ\0\0", None),
        ] {
            assert_eq!(recognise(start), format, "{start:?}");
        }
    }

    #[test]
    fn what_is_not_recognised_is_named_if_it_shows_what_it_is() {
        let utf16: Vec<u8> = "text".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (start, words) in [
            (&b""[..], "is empty"),
            (b" \n", "is empty"),
            (b"\xEF\xBB\xBF", "is empty"),
            (&utf16, "is UTF-16 without a byte order mark"),
            (b"\xFF\xFE\0\0t\0\0\0", "is UTF-32"),
            (b"\0\x01", "has a format that is not recognised"),
        ] {
            let error = find_format(&mut std::io::Cursor::new(start.to_vec()), ImportFormat::Auto)
                .unwrap_err();
            assert!(error.to_string().contains(words), "{start:?}: {error}");
        }
    }
}
