//! Any prompt survives a round trip through every format.

use std::io::Cursor;

use promptdb::domain::Timestamp;
use promptdb::domain::draft::{Draft, VariableDraft};
use promptdb::domain::prompt::{Prompt, PromptId, Title, VARIABLES_MAX, Version};
use promptdb::domain::syntax::Syntax;
use promptdb::domain::template;
use promptdb::domain::transfer::json::{self, List};
use promptdb::domain::transfer::tree::TreeFormat;
use promptdb::domain::transfer::{
    FoundDraft, History, ImportFormat, ItemContent, Source, archive, table,
};
use proptest::prelude::*;

use crate::support::checked;

/// Text with syntax of the formats, and any other.
fn text(most: usize) -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec![
        "---", "\n---\n", "=1+1", "'=1", "''", "'", "+", "-", "@x", "＝", "\"", "\"\"", ",", ";",
        "\t", "\r\n", "\r", "\n", "\n\n", "{{a}}", "{{b}}", "\\{{", "{{", "# ", ": ", "- ", "&a",
        "*a", "!x", "null", "~", "yes", "\u{feff}", "\u{85}", "\u{2028}", "\u{7f}", "\u{1}",
        "\u{1f}", "\u{200b}", "\u{fffe}", "🎉", "é", "標", "\\", "\\n", "\\u0000", "|", ">-", "%",
        "```", "<!--", " ", "x",
    ]);
    let any = any::<char>().prop_map(String::from);
    let part = prop_oneof![4 => hostile.prop_map(str::to_owned), 1 => any];
    prop::collection::vec(part, 0..=most).prop_map(|parts| parts.concat().replace('\0', ""))
}

fn draft() -> impl Strategy<Value = Draft> {
    let word = "[a-z0-9][a-z0-9-]{0,15}";
    (word, text(8), text(12), text(30), prop::collection::vec(word, 0..4), text(6), text(6))
        .prop_map(|(name, title, description, content, mut tags, variable_description, default)| {
            let one_line: String = title.chars().filter(|c| !c.is_control()).collect();
            let clean: String = description
                .chars()
                .filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
                .collect();
            let content = if content.trim().is_empty() { "x".to_owned() } else { content };
            let variables = template::find_variables(&content, Syntax::CURRENT, VARIABLES_MAX)
                .iter()
                .any(|name| name.as_str() == "a");
            let variable = VariableDraft {
                name: "a".to_owned(),
                description: Some(variable_description),
                default: Some(default),
            };
            tags.dedup();
            Draft {
                name: Some(if name == "harvest" { "harvested".to_owned() } else { name }),
                title: Some(one_line).filter(|title| Title::parse(title).is_ok()),
                description: Some(clean),
                content: Some(content),
                tags: Some(tags),
                variables: variables.then(|| vec![variable]),
            }
        })
}

fn prompt(draft: Draft, favorite: bool) -> Prompt {
    let (name, body) = checked(draft);
    let at = Timestamp::from_millis(1_767_225_600_123);
    Prompt {
        id: PromptId::random(),
        name,
        body,
        version: 1,
        source: "test".to_owned(),
        favorite,
        created_at: at,
        updated_at: at,
        deleted_at: None,
        use_count: 3,
        last_used_at: Some(at),
    }
}

fn read(format: ImportFormat, bytes: Vec<u8>) -> Vec<ItemContent> {
    let mut items = Vec::new();
    let source = Source::File { format, input: Box::new(Cursor::new(bytes)), stem: None };
    source
        .read(&mut |item| {
            items.push(item);
            true
        })
        .unwrap();
    items.into_iter().map(|item| item.content.unwrap()).collect()
}

#[track_caller]
fn assert_same_prompt(found: &ItemContent, prompt: &Prompt) {
    let ItemContent::Draft(FoundDraft { draft, favorite }) = found else { panic!("{found:?}") };
    let (name, body) = checked(draft.clone());
    assert_eq!((&name, &body), (&prompt.name, &prompt.body));
    assert_eq!(favorite.unwrap_or_default(), prompt.favorite);
}

fn assert_round_trip(prompt: &Prompt) {
    for format in [TreeFormat::Markdown, TreeFormat::Skills] {
        let file = format.write(prompt).text.into_bytes();
        assert_same_prompt(&read(ImportFormat::Markdown, file)[0], prompt);
        let mut zip = archive::Writer::new(format);
        let mut file = zip.write(prompt).unwrap();
        file.extend(zip.finish().unwrap());
        assert_same_prompt(&read(ImportFormat::Zip, file)[0], prompt);
    }

    let mut file = table::write_header().unwrap();
    file.extend(table::write_row(prompt).unwrap());
    file.extend(table::write_row(prompt).unwrap());
    let rows = read(ImportFormat::Csv, file.clone());
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_same_prompt(row, prompt);
    }
    let mut rows = csv::Reader::from_reader(file.as_slice());
    for cell in &rows.records().next().unwrap().unwrap() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?} could run");
    }

    let version = Version {
        version: 1,
        body: prompt.body.clone(),
        source: prompt.source.clone(),
        created_at: prompt.created_at,
    };
    let mut json = json::Writer::default();
    let mut file = json.head(prompt.created_at);
    file.push_str(&json.begin_list(List::Prompts));
    file.push_str(&json.begin_prompt(prompt));
    file.push_str(&json::Writer::version(&version, true));
    file.push_str(json::Writer::end_prompt());
    file.push_str(json.end_list(List::Prompts));
    file.push_str(&json.tail());
    let expected = History {
        id: prompt.id.clone(),
        name: prompt.name.clone(),
        favorite: prompt.favorite,
        deleted_at: None,
        use_count: 3,
        last_used_at: prompt.last_used_at,
        versions: vec![version],
    };
    let found = read(ImportFormat::Json, file.into_bytes());
    let ItemContent::History(history) = &found[0] else { panic!("{found:?}") };
    assert_eq!(*history, expected);
}

proptest! {
    #[test]
    fn any_prompt_survives_a_round_trip_through_every_format(draft in draft(), favorite: bool) {
        assert_round_trip(&prompt(draft, favorite));
    }
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_starts_with_an_apostrophe() {
    for (content, cell) in [
        ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
        ("+1", "\"'+1\""),
        ("-1", "\"'-1\""),
        ("@x", "\"'@x\""),
        ("\t=1", "\"'\t=1\""),
        ("＝1", "\"'＝1\""),
        ("'=1", "\"''=1\""),
        ("1=1", "\"1=1\""),
        ("'x", "\"'x\""),
    ] {
        let draft = Draft { name: Some("n".to_owned()), ..Draft::default() };
        let draft = Draft { content: Some(content.to_owned()), ..draft };
        let row = String::from_utf8(table::write_row(&prompt(draft, false)).unwrap()).unwrap();
        assert_eq!(row.split(',').nth(3), Some(cell), "{row}");
    }
}

#[test]
fn a_prompt_with_every_field_at_its_limit_survives_every_format() {
    let names: Vec<String> = (0..100).map(|number| format!("v{number}")).collect();
    let content: Vec<String> = names.iter().map(|name| format!("{{{{{name}}}}}")).collect();
    let mut content = content.concat();
    content.push_str(&"\u{1}".repeat(65_536 - content.len()));
    // The whole is at its limit before every variable is.
    let variable = |(number, name): (usize, &String)| VariableDraft {
        name: name.clone(),
        description: (number < 12).then(|| "é".repeat(500)),
        default: (number < 12).then(|| "\u{85}".repeat(2048)),
    };
    let full = Draft {
        name: Some("a".repeat(64)),
        title: Some("=".repeat(120)),
        description: Some("-".repeat(500)),
        content: Some(content),
        tags: Some((0..10).map(|n| format!("{n}{}", "x".repeat(31))).collect()),
        variables: Some(names.iter().enumerate().map(variable).collect()),
    };
    assert_round_trip(&prompt(full, true));
}
