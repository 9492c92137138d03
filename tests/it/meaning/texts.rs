//! Any text has a vector, and texts of one meaning have close ones.

use std::sync::Arc;

use promptdb::domain::vector::Vector;
use promptdb::meaning::Encoder;
use proptest::prelude::*;

use super::{embed, encoder};

/// Each case embeds two texts, which takes long without optimisation.
const CASES: u32 = 24;

/// Returns the index of the text that is nearest to the query.
fn nearest(encoder: &Encoder, query: &str, texts: &[&str]) -> usize {
    let query = embed(encoder, query);
    let cosine = |index: usize| query.cosine(&embed(encoder, texts[index]));
    (0..texts.len()).max_by(|a, b| cosine(*a).total_cmp(&cosine(*b))).unwrap()
}

#[test]
fn a_query_is_near_to_what_it_means_in_any_language() {
    let encoder = encoder();
    let texts = ["Trip planner", "Personal trainer", "Code reviewer", "Recipe of the day"];
    for (query, expected) in [
        ("Reise nach Rom planen", 0),
        ("help me get fit", 1),
        ("encuentra errores en mi programa", 2),
        ("夕食に何を作ればいいですか", 3),
    ] {
        assert_eq!(nearest(&encoder, query, &texts), expected, "{query}");
    }
}

#[test]
fn a_prompt_is_near_to_its_title_and_to_its_content() {
    let encoder = encoder();
    let prompt = encoder.embed_prompt("Trip planner", "", "List cheap hotels by the sea.").unwrap();
    let other = embed(&encoder, "Explain this stack trace.");
    for text in ["Trip planner", "cheap hotels"] {
        let text = embed(&encoder, text);
        assert!(prompt.cosine(&text) > prompt.cosine(&other) + 0.1, "{}", prompt.cosine(&text));
    }
}

#[test]
fn a_prompt_weighs_its_title_by_three_tenths_and_its_text_by_seven() {
    let encoder = encoder();
    let (title, description, content) = ("Trip planner", "Plans trips.", "Rome in three days.");
    let title_vector = embed(&encoder, title).to_components();
    let text = format!("{title}\n{description}\n{content}");
    let text_vector = embed(&encoder, &text).to_components();
    let mut sum = [0.0; 512];
    for (index, component) in sum.iter_mut().enumerate() {
        *component = 0.3 * title_vector[index] + 0.7 * text_vector[index];
    }
    let expected = Vector::quantise(&sum);
    let prompt = encoder.embed_prompt(title, description, content).unwrap();
    assert!(prompt.cosine(&expected) > 0.9995, "{}", prompt.cosine(&expected));
}

#[test]
fn only_the_first_400_characters_of_a_content_count() {
    let encoder = encoder();
    let vector = |content: &str| encoder.embed_prompt("T", "", content).unwrap();
    // Characters and not bytes.
    let content = "é ".repeat(200);
    assert_eq!(vector(&format!("{content}Trip planner")), vector(&content));
    let shorter = "é ".repeat(199);
    assert_ne!(vector(&format!("{shorter}Trip planner")), vector(&shorter));
}

#[test]
fn only_the_first_2048_characters_of_a_text_count() {
    let encoder = encoder();
    // One token, so that the limit of tokens is far.
    let spaces = " ".repeat(2046);
    let vector = |end: &str| embed(&encoder, &format!("a{spaces}{end}"));
    assert_eq!(vector("bc"), vector("b"));
    assert_ne!(vector("b"), vector(""));
}

#[test]
fn a_text_of_64_kilobytes_has_the_vector_of_its_first_512_tokens() {
    let encoder = encoder();
    let words = |count: usize| "🙂 ".repeat(count);
    let vector = embed(&encoder, &words(64 * 1024 / 5));
    // Two tokens a word, and one each for the start and the end of the text.
    assert_eq!(vector, embed(&encoder, &words(256)));
}

#[test]
fn threads_share_an_encoder() {
    let encoder = Arc::new(encoder());
    let texts = ["Trip planner", "Reise nach Rom planen", "コード", ""];
    let expected = texts.map(|text| embed(&encoder, text));
    let threads = texts.map(|text| {
        let encoder = Arc::clone(&encoder);
        std::thread::spawn(move || embed(&encoder, text))
    });
    assert_eq!(threads.map(|thread| thread.join().unwrap()), expected);
}

#[test]
fn rare_words_are_rarer_than_common_ones() {
    let encoder = encoder();
    let rarity = |word: &str| encoder.rarity(word);
    for common in ["", "the", "a"] {
        assert!((rarity(common) - 0.5).abs() < f64::EPSILON, "{common}: {}", rarity(common));
    }
    assert!((0.5..14.0).contains(&rarity("help")), "{}", rarity("help"));
    for rare in ["kubernetes", "toothache", "ꙮꙮ", "xqzjv"] {
        assert!((rarity(rare) - 14.0).abs() < f64::EPSILON, "{rare}: {}", rarity(rare));
    }
}

/// Any characters, and often those that a normaliser changes.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
        "[ \t\u{a0}\u{3000}\u{200b}\u{ad}\u{0}\u{7f}▁ﷺ가각é\u{301}ﬁＡa🙂\u{200d}]{0,30}",
        "[a-z ]{0,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn every_text_has_a_vector_of_length_1_and_the_same_one_each_time(text in any_text()) {
        thread_local!(static ENCODER: Encoder = encoder());
        ENCODER.with(|encoder| {
            let vector = embed(encoder, &text);
            let squares: f32 =
                vector.to_components().iter().map(|component| component * component).sum();
            prop_assert!((0.95..1.05).contains(&squares), "{}", squares);
            prop_assert_eq!(&embed(encoder, &text), &vector);
            Ok(())
        })?;
    }

    #[test]
    fn spaces_around_a_text_do_not_count(text in any_text()) {
        thread_local!(static ENCODER: Encoder = encoder());
        ENCODER.with(|encoder| {
            let spaced = format!(" \n\u{3000}{text}\t ");
            prop_assert_eq!(embed(encoder, &spaced), embed(encoder, &text));
            Ok(())
        })?;
    }

    #[test]
    fn every_rarity_is_within_its_bounds(text in any_text()) {
        thread_local!(static ENCODER: Encoder = encoder());
        let rarity = ENCODER.with(|encoder| encoder.rarity(&text));
        prop_assert!((0.5..=14.0).contains(&rarity), "{}", rarity);
    }
}
