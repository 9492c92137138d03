//! Cutting texts to equal shares, so that a result with long texts stays within its size.

use crate::mcp::input::HINT_MAX_BYTES;

/// Maximum size of the structured content of a result with several texts, in bytes of JSON: less than
/// the 50,000 characters above which Claude Code moves a result to a file.
pub(super) const STRUCTURE_MAX_BYTES: usize = 48 * 1024;

/// Room in it for what a result has beside its entries and texts, in bytes of JSON: a cursor of 208
/// characters, a hint of the tool, and the one that names ignored arguments.
pub(super) const FRAME_BYTES: usize = HINT_MAX_BYTES + 548;

/// Cuts texts, each at a character, so that together they take at most `room` bytes of JSON. The shares
/// are equal, but a text shorter than its share leaves the rest to the others. Returns which texts
/// were cut, in their order.
pub(super) fn cut_to_shares(texts: &mut [&mut String], room: usize) -> Vec<bool> {
    let sizes: Vec<usize> = texts.iter().map(|text| escaped_bytes(text)).collect();
    let share = find_share(sizes.clone(), room);
    for (text, size) in texts.iter_mut().zip(&sizes) {
        if *size > share {
            text.truncate(end_within(text, share));
        }
    }
    sizes.into_iter().map(|size| size > share).collect()
}

/// Returns the largest share at which texts of these sizes fit into `room`.
fn find_share(mut sizes: Vec<usize>, mut room: usize) -> usize {
    sizes.sort_unstable();
    let mut others = sizes.len();
    for size in sizes {
        let share = room / others;
        if size > share {
            return share;
        }
        room -= size;
        others -= 1;
    }
    usize::MAX
}

/// Returns the length of the longest start of a text that takes at most `share` bytes of JSON.
fn end_within(text: &str, share: usize) -> usize {
    let mut size = 0;
    for (index, c) in text.char_indices() {
        size += escaped_len(c);
        if size > share {
            return index;
        }
    }
    text.len()
}

/// Returns the bytes of a text in JSON (RFC 8259, section 7), without its quotes.
fn escaped_bytes(text: &str) -> usize {
    text.chars().map(escaped_len).sum()
}

fn escaped_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..' ' => 6,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(texts: &[&str], room: usize) -> (Vec<String>, Vec<bool>) {
        let mut texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let mut borrowed: Vec<&mut String> = texts.iter_mut().collect();
        let cut = cut_to_shares(&mut borrowed, room);
        (texts, cut)
    }

    #[test]
    fn short_texts_leave_their_room_to_long_ones() {
        let (texts, cut) = cut(&["ab", "abcdefgh", "abcdefghij"], 12);
        assert_eq!(texts, ["ab", "abcde", "abcde"]);
        assert_eq!(cut, [false, true, true]);
    }

    #[test]
    fn a_text_is_cut_at_a_character_and_by_its_size_in_json() {
        assert_eq!(cut(&["éé"], 3).0, ["é"]);
        assert_eq!(cut(&["🎉🎉"], 7).0, ["🎉"]);
        assert_eq!(cut(&["\n\n"], 3).0, ["\n"]);
        assert_eq!(cut(&["a\u{1}b"], 6).0, ["a"]);
        assert_eq!(cut(&["abc"], 3), (vec!["abc".to_owned()], vec![false]));
        assert_eq!(cut(&["abc", ""], 0), (vec![String::new(); 2], vec![true, false]));
    }

    proptest! {
        #[test]
        fn the_texts_fit_and_are_cut_only_where_they_must(
            texts in prop::collection::vec("[a\"\n\u{1}é🎉]{0,40}", 0..8),
            room in 0_usize..400,
        ) {
            let before: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (after, cut) = cut(&before, room);
            let size = |text: &str| serde_json::to_string(text).unwrap().len() - 2;
            let total: usize = after.iter().map(|text| size(text)).sum();
            let whole: usize = before.iter().map(|text| size(text)).sum();
            prop_assert!(total <= room);
            prop_assert_eq!(cut.contains(&true), whole > room);
            for ((before, after), cut) in before.iter().zip(&after).zip(&cut) {
                prop_assert!(before.starts_with(after.as_str()));
                prop_assert_eq!(before.len() > after.len(), *cut);
            }
        }
    }
}
