//! A file that is imported never breaks anything, costs no more than it may, and what came out of
//! it comes back from every format of export as it was.
#![no_main]

use std::io::{Cursor, Write};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use promptdb::domain::Timestamp;
use promptdb::domain::candidate::Candidate;
use promptdb::domain::prompt::{Prompt, PromptId, Version};
use promptdb::domain::syntax::Syntax;
use promptdb::domain::transfer::json::{self, List};
use promptdb::domain::transfer::{
    FoundDraft, History, ImportFormat, ItemContent, Source, archive, markdown, table,
    tree::TreeFormat,
};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Json(&'a [u8]),
    Csv(&'a [u8]),
    Markdown(&'a [u8]),
    /// Any bytes, as an archive.
    Zip(&'a [u8]),
    /// An archive of these paths and files.
    Archive(Vec<(&'a str, &'a [u8], bool)>),
}

/// What a file holds that can be imported; the faults of the rest are read as well.
fn read(format: ImportFormat, bytes: &[u8]) -> Vec<ItemContent> {
    let mut found = Vec::new();
    let mut count = 0;
    let input = Box::new(Cursor::new(bytes.to_vec()));
    let source = Source::File { format, input, stem: Some("The file".to_owned()) };
    let outcome = source.read(&mut |item| {
        count += 1;
        match item.content {
            Ok(content) => found.push(content),
            Err(invalid) => assert!(!invalid.errors().is_empty(), "a fault without a word"),
        }
        true
    });
    if let Err(broken) = outcome {
        assert!(!broken.to_string().is_empty());
    }
    assert!(count <= bytes.len() + 1, "{count} items in {} bytes", bytes.len());
    found
}

/// What an item becomes in an empty library.
enum Imported {
    Prompt(Prompt, Vec<Version>),
    Candidate(Candidate),
}

fn import(content: ItemContent) -> Option<Imported> {
    let at = Timestamp::from_millis(1_767_225_600_123);
    let id = PromptId::parse("prm_0123456789abcdef0123456789abcdef").unwrap();
    match content {
        ItemContent::Candidate(candidate) => Some(Imported::Candidate(candidate)),
        ItemContent::Draft(FoundDraft { draft, favorite }) => {
            let (name, body) = draft.into_new().ok()?;
            let source = "fuzz".to_owned();
            let version = Version { version: 1, body: body.clone(), source, created_at: at };
            let prompt = Prompt {
                id,
                name,
                body,
                version: 1,
                source: "fuzz".to_owned(),
                favorite: favorite.unwrap_or_default(),
                created_at: at,
                updated_at: at,
                deleted_at: None,
                use_count: 0,
                last_used_at: None,
            };
            Some(Imported::Prompt(prompt, vec![version]))
        }
        ItemContent::History(history) => {
            let History { id, name, favorite, deleted_at, use_count, last_used_at, versions } =
                history;
            let last = versions.last().expect("a history has a version").clone();
            let prompt = Prompt {
                id,
                name,
                body: last.body,
                version: last.version,
                source: last.source,
                favorite,
                created_at: versions[0].created_at,
                updated_at: last.created_at,
                deleted_at,
                use_count,
                last_used_at,
            };
            Some(Imported::Prompt(prompt, versions))
        }
    }
}

/// The one item of an export.
fn only(format: ImportFormat, file: &[u8]) -> ItemContent {
    let mut found = read(format, file);
    assert_eq!(found.len(), 1, "{}", String::from_utf8_lossy(file));
    found.remove(0)
}

/// Asserts that a table, a Markdown file and an archive give back what they were given, but for
/// texts of an older syntax: only JSON has that.
fn check_texts(prompt: &Prompt) {
    if prompt.body.syntax != Syntax::CURRENT {
        return;
    }
    let mut rows = table::write_header().unwrap();
    rows.extend(table::write_row(prompt).unwrap());
    let mut zip = archive::Writer::new(TreeFormat::Markdown);
    let mut packed = zip.write(prompt).unwrap();
    packed.extend(zip.finish().unwrap());
    let file = markdown::write(prompt).into_bytes();
    for (format, file) in
        [(ImportFormat::Csv, rows), (ImportFormat::Zip, packed), (ImportFormat::Markdown, file)]
    {
        let ItemContent::Draft(FoundDraft { draft, favorite }) = only(format, &file) else {
            panic!("{format:?} gave something else than a draft");
        };
        let (name, body) = draft.into_new().expect("what was exported can be imported");
        assert_eq!((&name, &body), (&prompt.name, &prompt.body), "{format:?}");
        assert_eq!(favorite.unwrap_or_default(), prompt.favorite, "{format:?}");
    }
}

fn export(imported: &Imported) -> String {
    let mut json = json::Writer::default();
    let mut file = json.head(Timestamp::from_millis(0));
    file.push_str(&json.begin_list(List::Prompts));
    if let Imported::Prompt(prompt, versions) = imported {
        file.push_str(&json.begin_prompt(prompt));
        for (index, version) in versions.iter().rev().enumerate() {
            file.push_str(&json::Writer::version(version, index == 0));
        }
        file.push_str(json::Writer::end_prompt());
    }
    file.push_str(json.end_list(List::Prompts));
    file.push_str(&json.begin_list(List::Candidates));
    if let Imported::Candidate(candidate) = imported {
        file.push_str(&json.candidate(candidate));
    }
    file.push_str(json.end_list(List::Candidates));
    file.push_str(&json.begin_list(List::Audit));
    file.push_str(json.end_list(List::Audit));
    file.push_str(&json.tail());
    file
}

fn pack(files: &[(&str, &[u8], bool)]) -> Option<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes, is_packed) in files {
        let method =
            if *is_packed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*path, options).ok()?;
        zip.write_all(bytes).ok()?;
    }
    Some(zip.finish().ok()?.into_inner())
}

fuzz_target!(|input: Input<'_>| {
    let found = match input {
        Input::Json(bytes) => read(ImportFormat::Json, bytes),
        Input::Csv(bytes) => read(ImportFormat::Csv, bytes),
        Input::Markdown(bytes) => read(ImportFormat::Markdown, bytes),
        Input::Zip(bytes) => read(ImportFormat::Zip, bytes),
        Input::Archive(files) => match pack(&files) {
            Some(bytes) => read(ImportFormat::Zip, &bytes),
            None => return,
        },
    };
    for imported in found.into_iter().filter_map(import) {
        if let Imported::Prompt(prompt, _) = &imported {
            check_texts(prompt);
        }
        let file = export(&imported);
        let again = import(only(ImportFormat::Json, file.as_bytes())).expect("an export is valid");
        assert_eq!(export(&again), file);
    }
});
