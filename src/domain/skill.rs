//! The tag `skill`, by which the owner of a library makes a prompt steer every chat.
//!
//! A text that a model or a file brings must not give itself that power. So the tag is left out of
//! whatever is saved for them, unless the prompt has it already.

use super::prompt::{Body, Tag};

/// The tag.
pub const SKILL: &str = "skill";

/// What is reported where the tag was left out.
pub const SKILL_NOTE: &str =
    "The tag skill was left out: only the owner of the library adds it, in person.";

/// Returns whether a tag marks a skill.
pub fn is_skill(tag: &Tag) -> bool {
    tag.as_str() == SKILL
}

/// Removes the tag from a body, unless the text that it replaces has it. Returns whether it was
/// removed.
pub fn withhold_skill(body: &mut Body, before: Option<&Body>) -> bool {
    if before.is_some_and(|before| before.tags.iter().any(is_skill)) {
        return false;
    }
    let count = body.tags.len();
    body.tags.retain(|tag| !is_skill(tag));
    body.tags.len() < count
}

/// Returns whether two bodies are equal but for the tag.
pub fn equal_but_for_skill(one: &Body, other: &Body) -> bool {
    if one == other {
        return true;
    }
    let [mut one, mut other] = [one.clone(), other.clone()];
    withhold_skill(&mut one, None);
    withhold_skill(&mut other, None);
    one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::draft::Draft;

    fn body(tags: &[&str]) -> Body {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let draft = Draft { content: Some("x".to_owned()), tags: Some(tags), ..Draft::default() };
        draft.into_new().unwrap().1
    }

    #[test]
    fn the_tag_is_withheld_in_every_spelling_from_a_text_that_lacks_it() {
        for (given, before, expected, withheld) in [
            (&["a", "Skill", "b"][..], None, &["a", "b"][..], true),
            (&["#SKILL"], Some(&["a"][..]), &[], true),
            (&["a", "skill"], Some(&["skill"][..]), &["a", "skill"], false),
            (&["skills", "my-skill"], None, &["skills", "my-skill"], false),
            (&[], Some(&["skill"][..]), &[], false),
        ] {
            let mut saved = body(given);
            let before = before.map(body);
            assert_eq!(withhold_skill(&mut saved, before.as_ref()), withheld, "{given:?}");
            assert_eq!(saved, body(expected), "{given:?}");
        }
    }

    #[test]
    fn bodies_are_compared_without_the_tag() {
        assert!(equal_but_for_skill(&body(&["a", "skill"]), &body(&["a"])));
        assert!(equal_but_for_skill(&body(&["a"]), &body(&["a"])));
        assert!(!equal_but_for_skill(&body(&["a", "skill"]), &body(&["b", "skill"])));
    }
}
