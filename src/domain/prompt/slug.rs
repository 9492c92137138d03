//! Slugs: the form of names and tags, and how any text is read as one.

/// Whether `text` is `[a-z0-9][a-z0-9-]*` of at most `max_chars` characters.
pub(super) fn is_slug(text: &str, max_chars: usize) -> bool {
    (1..=max_chars).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Reads a text as a slug. A slug is read as itself; any other text as its words, transliterated to
/// lower-case ASCII, joined by `-` and cut at `max_chars`. `None` for a text without such words.
pub(super) fn read_slug(text: &str, max_chars: usize) -> Option<String> {
    if is_slug(text, max_chars) {
        return Some(text.to_owned());
    }
    let mut slug = String::new();
    let mut is_between_words = false;
    'text: for c in text.chars() {
        // White space and control characters separate words, of which the table has none.
        let is_separator = c.is_whitespace() || c.is_control();
        let ascii = if is_separator { Some(" ") } else { deunicode::deunicode_char(c) };
        for byte in ascii.unwrap_or_default().bytes() {
            if !byte.is_ascii_alphanumeric() {
                is_between_words = !slug.is_empty();
                continue;
            }
            if std::mem::take(&mut is_between_words) {
                slug.push('-');
            }
            slug.push(char::from(byte.to_ascii_lowercase()));
            // The rest of a text of any length is not read.
            if slug.len() >= max_chars {
                break 'text;
            }
        }
    }
    slug.truncate(max_chars);
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// Reads a text as [`read_slug`] does, but refuses what it would cut: two texts that differ after the
/// cut are not the same name.
pub(super) fn read_whole_slug(text: &str, max_chars: usize) -> Result<String, String> {
    // Room for a character and the `-` before it, so that the end of what is cut is never a `-` alone.
    match read_slug(text, max_chars + 2) {
        Some(slug) if slug.len() <= max_chars => Ok(slug),
        Some(_) => Err(format!("must have at most {max_chars} characters, as a-z, 0-9 and -")),
        None => Err("must contain a letter or a digit, as code-review does".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(read_slug(text, 16).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn names_and_tags_are_read_as_people_say_them() {
        for text in ["code-review", "Code review", "code_review", " Code-Review ", "#code/review!"]
        {
            check(text, Some("code-review"));
        }
        check("#Rust", Some("rust"));
        check("Überblick", Some("uberblick"));
        check("北京", Some("bei-jing"));
        check("Ｃｏｄｅ\u{3000}ｒｅｖｉｅｗ", Some("code-review"));
        check("co\u{ad}de\u{200b} review", Some("code-review"));
        check("🎉", Some("tada"));
        for text in ["", " ", "!!!", "---", "\u{200b}", "…"] {
            check(text, None);
        }
    }

    #[test]
    fn a_slug_is_read_as_itself() {
        for text in ["a", "a--b", "a-", "0", "sixteen-characte"] {
            check(text, Some(text));
        }
    }

    #[test]
    fn a_long_text_is_cut_between_its_characters() {
        check("sixteen character and more", Some("sixteen-characte"));
        check("fifteen-charact-and more", Some("fifteen-charact"));
        check(&"x".repeat(1_000_000), Some("xxxxxxxxxxxxxxxx"));
    }

    #[test]
    fn a_text_that_would_be_cut_is_refused_as_a_whole() {
        assert_eq!(read_whole_slug("Sixteen characte", 16).as_deref(), Ok("sixteen-characte"));
        assert_eq!(read_whole_slug("Sixteen characte!", 16).as_deref(), Ok("sixteen-characte"));
        for text in
            ["sixteen-character", "Sixteen character", "Sixteen characte r", &"x".repeat(1_000_000)]
        {
            let refused = read_whole_slug(text, 16).unwrap_err();
            assert!(refused.contains("at most 16 characters"), "{refused}");
        }
        assert!(read_whole_slug("!", 16).unwrap_err().contains("a letter or a digit"));
    }

    proptest! {
        #[test]
        fn what_is_read_is_a_slug_and_reads_as_itself(text in "(\\PC|[ _#-]|[a-zA-Z]){0,40}") {
            if let Some(slug) = read_slug(&text, 16) {
                prop_assert!(is_slug(&slug, 16), "{slug}");
                prop_assert_eq!(read_slug(&slug, 16), Some(slug));
            }
        }

        #[test]
        fn case_and_separators_do_not_matter(
            words in prop::collection::vec("[a-z0-9]{1,5}", 1..4),
            separator in "[ _.#-]{1,3}",
        ) {
            let said = words.join(&separator).to_uppercase();
            prop_assert_eq!(read_slug(&format!(" #{said}"), 64), Some(words.join("-")));
        }
    }
}
