//! A prompt as an Agent Skill: a folder with the one file `SKILL.md`.
//!
//! The file has the name and the description of the skill as front matter, then the content of the
//! prompt as it was saved. A list of its variables follows, if it has any.
//!
//! In an export the other fields of the prompt stand under `metadata`, the one place where the Agent
//! Skills specification lets a program keep fields of its own, as texts. So an import reads back what
//! was exported.

mod metadata;

use sha2::{Digest, Sha256};

pub(super) use self::metadata::read_exported;
use super::markdown::{FENCE, quote};
use crate::domain::prompt::{BUILT_IN_NAME, NAME_MAX_CHARS, Name, Prompt, Variable};

/// The name of the file.
pub const SKILL_MD: &str = "SKILL.md";

/// Number of hexadecimal digits of a digest that a changed name ends with.
const SUFFIX_DIGITS: usize = 6;

/// What a model does with the variables in the text of a skill.
const VARIABLES_HEAD: &str = "## Variables\n\nThe text above has places to fill in, each a name \
    between double braces. Take what belongs there from the chat. What the chat does not have is the \
    default, or, without one, a question to the user.\n";

/// A skill of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// The name of the skill and of its folder: 1 to 64 characters, `[a-z0-9]+(-[a-z0-9]+)*`.
    pub name: String,
    /// What it is for, in 1 to 1,024 characters.
    pub description: String,
    /// The text of `SKILL.md`. Its front matter is the name and the description.
    pub text: String,
}

impl Skill {
    /// Makes the skill of a prompt. A prompt without a description gets one with its title.
    pub fn of_prompt(prompt: &Prompt) -> Self {
        Self::with_metadata(prompt, "")
    }

    /// Makes the skill of a prompt for an export: with every other field as metadata.
    pub fn exported(prompt: &Prompt) -> Self {
        Self::with_metadata(prompt, &metadata::write(prompt))
    }

    fn with_metadata(prompt: &Prompt, metadata: &str) -> Self {
        let body = &prompt.body;
        let description = match body.description.as_str() {
            "" => describe(body.title.as_str()),
            description => description.to_owned(),
        };
        let variables = write_variables(&body.variables);
        let instructions = format!("{}{variables}", body.content);
        Self::write(skill_name(&prompt.name), description, metadata, &instructions)
    }

    /// Makes a skill. The caller keeps to the limits of name and description.
    pub fn new(name: String, description: String, instructions: &str) -> Self {
        Self::write(name, description, "", instructions)
    }

    /// Writes the file. `metadata` is whole lines of front matter.
    fn write(name: String, description: String, metadata: &str, instructions: &str) -> Self {
        let text = format!(
            "{FENCE}\nname: {}\ndescription: {}\n{metadata}{FENCE}\n\n{instructions}\n",
            quote(&name),
            quote(&description)
        );
        Self { name, description, text }
    }
}

/// The description of a prompt that has none, for a skill must have one.
fn describe(title: &str) -> String {
    format!("The user's own prompt \"{title}\". Use it when they ask for it.")
}

/// Returns the name of a prompt's skill: the prompt's own, where the Agent Skills specification
/// allows it. It does not allow a hyphen at the end or two in a row; and `harvest` is the built-in
/// skill. Such a name is its words and a digest, so that two prompts hardly share a skill name. Their
/// addresses differ in any case.
fn skill_name(name: &Name) -> String {
    let slug = name.as_str();
    if slug != BUILT_IN_NAME && !slug.ends_with('-') && !slug.contains("--") {
        return slug.to_owned();
    }
    let [first, second, third, ..] = <[u8; 32]>::from(Sha256::digest(slug));
    let digest = u32::from_be_bytes([0, first, second, third]);
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).collect();
    let mut skill = words.join("-");
    skill.truncate(NAME_MAX_CHARS - 1 - SUFFIX_DIGITS);
    format!("{}-{digest:0SUFFIX_DIGITS$x}", skill.trim_end_matches('-'))
}

/// Writes the section on the variables; empty without any.
fn write_variables(variables: &[Variable]) -> String {
    if variables.is_empty() {
        return String::new();
    }
    let lines = variables.iter().map(|variable| {
        let mut line = format!("\n- `{}`", variable.name);
        if let Some(description) = &variable.description {
            // One line, for the list is one.
            let words: Vec<&str> = description.split_whitespace().collect();
            line.extend([": ", &words.join(" ")]);
        }
        if let Some(default) = &variable.default {
            line.extend([" (default: ", &quote(default), ")"]);
        }
        line
    });
    format!("\n\n{VARIABLES_HEAD}{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::draft::{Draft, VariableDraft};
    use crate::domain::prompt::{
        BODY_MAX_BYTES, CONTENT_MAX_BYTES, DESCRIPTION_MAX_CHARS, VARIABLES_MAX,
    };

    /// Maximum size of a `SKILL.md` that OpenAI imports, in bytes.
    const IMPORTED_MAX_BYTES: usize = 256 * 1024;

    fn skill(draft: Draft) -> Skill {
        Skill::of_prompt(&draft.into_prompt(Timestamp::from_millis(0)))
    }

    fn draft(name: &str, content: &str) -> Draft {
        let (name, content) = (Some(name.to_owned()), Some(content.to_owned()));
        Draft { name, content, ..Draft::default() }
    }

    fn variable(name: &str, description: Option<&str>, default: Option<&str>) -> VariableDraft {
        let [description, default] = [description, default].map(|text| text.map(str::to_owned));
        VariableDraft { name: name.to_owned(), description, default }
    }

    /// The front matter as a YAML parser reads it, and the text after it.
    fn parse(text: &str) -> (FrontMatter, &str) {
        let (front, rest) = text.strip_prefix("---\n").unwrap().split_once("\n---\n\n").unwrap();
        (serde_saphyr::from_str(front).unwrap(), rest)
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct FrontMatter {
        name: String,
        description: String,
    }

    #[test]
    fn a_prompt_without_variables_is_front_matter_and_its_content() {
        let skill = skill(Draft {
            description: Some("Says: \"hi\"\n--- #x".to_owned()),
            ..draft("poem", "One\n\n---\nTwo")
        });
        let expected = "---\nname: \"poem\"\ndescription: \"Says: \\\"hi\\\"\\n--- #x\"\n---\n\n\
            One\n\n---\nTwo\n";
        assert_eq!(skill.text, expected);
        assert_eq!(skill.description, "Says: \"hi\"\n--- #x");
    }

    #[test]
    fn a_prompt_without_a_description_has_one_with_its_title() {
        let skill = skill(Draft { title: Some("A: [b]".to_owned()), ..draft("poem", "x") });
        assert_eq!(
            skill.description,
            "The user's own prompt \"A: [b]\". Use it when they ask for it."
        );
        assert_eq!(parse(&skill.text).0.description, skill.description);
    }

    #[test]
    fn variables_follow_the_content_in_a_list() {
        let skill = skill(Draft {
            variables: Some(vec![
                variable("tone", Some("How it\nsounds"), Some("kind\n{{x}}")),
                variable("code", None, None),
                variable("size", None, Some("")),
                variable("who", Some("The reader"), None),
            ]),
            ..draft("poem", "{{code}} {{tone}} {{size}} {{who}}")
        });
        let expected = format!(
            "{{{{code}}}} {{{{tone}}}} {{{{size}}}} {{{{who}}}}\n\n{VARIABLES_HEAD}\n- `code`\n\
             - `tone`: How it sounds (default: \"kind\\n{{{{x}}}}\")\n- `size` (default: \"\")\n\
             - `who`: The reader\n"
        );
        assert_eq!(parse(&skill.text).1, expected);
    }

    #[test]
    fn a_name_that_agent_skills_do_not_allow_is_its_words_and_a_digest() {
        let name = |name: &str| skill_name(&Name::from_store(name.to_owned()));
        assert_eq!(name("code-review"), "code-review");
        assert_eq!(name(&"a".repeat(64)), "a".repeat(64));
        for (odd, words) in [
            ("code--review", "code-review-"),
            ("code-review-", "code-review-"),
            ("harvest", "harvest-"),
            ("harvest-", "harvest-"),
        ] {
            let changed = name(odd);
            let digest = changed.strip_prefix(words).unwrap();
            assert!(digest.len() == 6 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert_ne!(name("code--review"), name("code-review-"));
        assert_eq!(name(&format!("{}-", "a".repeat(63))).len(), 64);
    }

    #[test]
    fn the_longest_prompt_fits_into_what_openai_imports() {
        let names: Vec<String> = (0..VARIABLES_MAX).map(|number| format!("v{number}")).collect();
        let mut content: String = names.iter().flat_map(|name| ["{{", name, "}}"]).collect();
        content.push_str(&"é".repeat((CONTENT_MAX_BYTES - content.len()) / 2));
        let most = usize::try_from(BODY_MAX_BYTES).unwrap() - content.len() - 8 * 1024;
        let default = "\"".repeat(most / VARIABLES_MAX);
        let variables = names.iter().map(|name| variable(name, None, Some(&default))).collect();
        let skill = skill(Draft {
            description: Some("\\".repeat(DESCRIPTION_MAX_CHARS)),
            variables: Some(variables),
            ..draft("long", &content)
        });
        assert!(skill.text.len() <= IMPORTED_MAX_BYTES, "{} bytes", skill.text.len());
    }

    proptest! {
        #[test]
        fn a_skill_is_what_its_file_says(
            name in "[a-z0-9][a-z0-9-]{0,63}",
            title in "[-'\"\\\\:#{}&*!|>%@` a-z\u{85}\u{2028}\u{feff}🎉]{1,40}",
            description in prop_oneof![Just(String::new()), "[-'\"\\\\:#{}&*!|>%@`\n\t a\u{85}\u{2028}\u{feff}é🎉]{0,60}"],
        ) {
            let draft = Draft { title: Some(title), description: Some(description), ..draft(&name, "x") };
            // What is not a prompt is not a skill.
            let Ok((saved, _)) = draft.clone().into_new() else { return Ok(()) };
            let skill = skill(draft);
            let (front, content) = parse(&skill.text);
            prop_assert_eq!(&front.name, &skill.name);
            prop_assert_eq!(&front.description, &skill.description);
            prop_assert_eq!(content, "x\n");
            prop_assert!((1..=DESCRIPTION_MAX_CHARS).contains(&skill.description.chars().count()));
            let words: Vec<&str> = skill.name.split('-').collect();
            prop_assert!(words.iter().all(|word| !word.is_empty()), "{}", skill.name);
            prop_assert!(skill.name.len() <= NAME_MAX_CHARS);
            let is_allowed = words.concat() == saved.as_str().replace('-', "");
            prop_assert_eq!(is_allowed, skill.name == saved.as_str());
        }
    }
}
