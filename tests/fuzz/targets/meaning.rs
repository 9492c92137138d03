//! Every text has a vector, and no file but a model opens as one.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use promptdb::domain::vector::Vector;
use promptdb::meaning::Encoder;
use tempfile::TempDir;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Query(&'a str),
    Prompt {
        title: &'a str,
        description: &'a str,
        content: &'a str,
    },
    /// Any bytes, as a file.
    File(&'a [u8]),
    /// A file with a right header over these sections.
    Sections([&'a [u8]; 5]),
}

/// The model of `make model`.
static ENCODER: LazyLock<Encoder> = LazyLock::new(|| {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/model/meaning.bin");
    Encoder::open(model.as_ref()).expect("`make model` makes it")
});

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fn check_vector(vector: &Vector) {
    let squares: f32 = vector.to_components().iter().map(|component| component * component).sum();
    assert!((0.9..1.1).contains(&squares), "{squares}");
}

/// A file is too short for a model, so it is refused, with one line.
fn check_refused(bytes: &[u8]) {
    let path: PathBuf = FOLDER.path().join("meaning.bin");
    fs::write(&path, bytes).unwrap();
    let error = Encoder::open(&path).expect_err("the sections of a model are longer");
    assert!(!error.to_string().contains('\n'));
}

fn file(sections: &[&[u8]; 5]) -> Vec<u8> {
    // The hash is only verified on request.
    let mut tail = vec![0; 32];
    for section in sections {
        tail.extend((section.len() as u64).to_le_bytes());
        tail.extend(crc32fast::hash(section).to_le_bytes());
    }
    let mut file = b"PromptDB meaning\x01\0\0\0".to_vec();
    file.extend(crc32fast::hash(&tail).to_le_bytes());
    file.extend(tail);
    file.extend(sections.concat());
    file
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Query(text) => {
        let vector = ENCODER.embed_query(text).unwrap();
        check_vector(&vector);
        assert_eq!(ENCODER.embed_query(&format!(" {text}\n")).unwrap(), vector);
        assert!((0.5..=14.0).contains(&ENCODER.rarity(text)));
    }
    Input::Prompt { title, description, content } => {
        check_vector(&ENCODER.embed_prompt(title, description, content).unwrap());
    }
    Input::File(bytes) => check_refused(bytes),
    Input::Sections(sections) => check_refused(&file(&sections)),
});
