//! Precision and recall of redaction on texts such as people paste.

use std::collections::BTreeMap;
use std::ops::Range;

use promptdb::domain::redaction::{self, Kind};

/// The labelled texts. The first lines of the file describe its format.
const CORPUS: &str = include_str!("redaction_corpus.txt");
/// Minimum of precision and of recall in every section.
const ENOUGH: f64 = 0.95;

const KINDS: [Kind; 9] = [
    Kind::PrivateKey,
    Kind::ApiKey,
    Kind::Jwt,
    Kind::Password,
    Kind::Email,
    Kind::CardNumber,
    Kind::Iban,
    Kind::IpAddress,
    Kind::Phone,
];

/// A text, and the exact findings that redaction must return.
struct Labelled {
    text: String,
    expected: Vec<(Range<usize>, Kind)>,
}

/// The texts of the corpus by section.
fn corpus() -> BTreeMap<&'static str, Vec<Labelled>> {
    let mut sections: BTreeMap<&str, Vec<Labelled>> = BTreeMap::new();
    let mut section = "";
    for line in CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("== ") {
            Some(name) => section = name,
            None => sections.entry(section).or_default().push(labelled(line)),
        }
    }
    sections
}

fn labelled(line: &str) -> Labelled {
    let line = line.replace('⁞', "").replace('↵', "\n");
    let mut rest = line.as_str();
    let mut labelled = Labelled { text: String::new(), expected: Vec::new() };
    while let Some((before, after)) = rest.split_once('⟦') {
        let (label, after) = after.split_once('⟧').unwrap();
        let (kind, secret) = label.split_once('|').unwrap();
        let kind = KINDS.into_iter().find(|known| known.as_str() == kind);
        let kind = kind.unwrap_or_else(|| panic!("unknown kind: {line}"));
        labelled.text.push_str(before);
        let start = labelled.text.len();
        labelled.text.push_str(secret);
        labelled.expected.push((start..labelled.text.len(), kind));
        rest = after;
    }
    labelled.text.push_str(rest);
    labelled
}

/// Counts of findings. A finding is right if its start, end and kind match a label.
#[derive(Default)]
struct Figures {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Figures {
    fn precision(&self) -> f64 {
        share(self.right, self.wrong)
    }

    fn recall(&self) -> f64 {
        share(self.right, self.missed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "the counts are small")]
fn share(part: usize, other: usize) -> f64 {
    if part + other == 0 { 1.0 } else { part as f64 / (part + other) as f64 }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are the result of this test")]
fn redaction_finds_what_it_should_and_little_else() {
    let mut all = Figures::default();
    for (section, texts) in corpus() {
        let mut kinds: BTreeMap<Kind, Figures> = BTreeMap::new();
        for Labelled { text, expected } in &texts {
            let found = redaction::find(text);
            for (span, kind) in &found {
                let figures = kinds.entry(*kind).or_default();
                if expected.contains(&(span.clone(), *kind)) {
                    figures.right += 1;
                } else {
                    figures.wrong += 1;
                    println!("wrong {}: {:?} in {text:?}", kind.as_str(), &text[span.clone()]);
                }
            }
            for (span, kind) in expected.iter().filter(|label| !found.contains(label)) {
                kinds.entry(*kind).or_default().missed += 1;
                println!("missed {}: {:?} in {text:?}", kind.as_str(), &text[span.clone()]);
            }
        }
        println!("{section}: {} texts", texts.len());
        for (kind, figures) in &kinds {
            print_figures(kind.as_str(), figures);
        }
        let mut whole = Figures::default();
        for figures in kinds.values() {
            whole.right += figures.right;
            whole.wrong += figures.wrong;
            whole.missed += figures.missed;
        }
        print_figures("all", &whole);
        assert!(whole.precision() >= ENOUGH && whole.recall() >= ENOUGH, "{section}");
        all.right += whole.right;
        all.wrong += whole.wrong;
        all.missed += whole.missed;
    }
    print_figures("all sections", &all);
}

#[expect(clippy::print_stdout, reason = "the figures are the result of this test")]
fn print_figures(name: &str, figures: &Figures) {
    let Figures { right, wrong, missed } = figures;
    let (precision, recall) = (figures.precision(), figures.recall());
    println!(
        "  {name:12} precision {precision:.3} recall {recall:.3} ({right} right, {wrong} wrong, {missed} missed)"
    );
}
