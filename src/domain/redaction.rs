//! Secrets and personal data become placeholders, which are variables of the template.
//!
//! The one rule set that is kept for Rust, `kingfisher-rules`, brings several hundred crates and a
//! C++ engine along; so the shapes stand in `rules.rs` as one table of regular expressions, which
//! match in linear time, and what a shape alone cannot tell is checked by `checks.rs`.

mod checks;
mod rules;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use self::rules::RULES;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A PEM or PGP private key, as a whole block.
    PrivateKey,
    /// A key or token of a provider, or what an assignment calls one.
    ApiKey,
    /// A JSON web token.
    Jwt,
    /// A password, in a URL or an assignment.
    Password,
    /// An e-mail address.
    Email,
    /// A payment card number that passes the Luhn check.
    CardNumber,
    /// An international bank account number with the right check digits.
    Iban,
    /// An IP address of the public internet.
    IpAddress,
    /// A telephone number.
    Phone,
}

impl Kind {
    /// The word that it is reported as, and the variable that stands in its place.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::Password => "password",
            Self::Email => "email",
            Self::CardNumber => "card_number",
            Self::Iban => "iban",
            Self::IpAddress => "ip_address",
            Self::Phone => "phone",
        }
    }
}

/// How often something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// How often, repetitions included.
    pub count: usize,
}

/// Replaces what is found in the texts that belong together: one value has one name in all of them,
/// `{{email}}`, `{{email_2}}`, ..., and no name that they already use means something else.
#[derive(Debug, Default)]
pub struct Redactor {
    taken: HashSet<String>,
    names: HashMap<(Kind, String), String>,
    found: Vec<Finding>,
}

impl Redactor {
    /// A redactor that leaves the variables of `texts` and the names in `taken` alone.
    pub fn new<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        taken: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let in_text = |found: regex::Match<'a>| &found.as_str()[2..found.len() - 2];
        let used = texts.into_iter().flat_map(|text| VARIABLE.find_iter(text).map(in_text));
        let taken = used.chain(taken).map(str::to_owned).collect();
        Self { taken, ..Self::default() }
    }

    /// One entry a kind, in order of first appearance.
    pub fn found(&self) -> &[Finding] {
        &self.found
    }

    /// The text with placeholders; a second pass finds nothing in it.
    pub fn redact(&mut self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut end = 0;
        for (span, kind) in find(text) {
            let before = &text[end..span.start];
            // A backslash would make the placeholder a literal.
            redacted.push_str(before.trim_end_matches('\\'));
            redacted.extend(["{{", self.name(kind, &text[span.clone()]), "}}"]);
            end = span.end;
            match self.found.iter_mut().find(|finding| finding.kind == kind) {
                Some(finding) => finding.count += 1,
                None => self.found.push(Finding { kind, count: 1 }),
            }
        }
        redacted.push_str(&text[end..]);
        redacted
    }

    /// The name that stands for a value.
    fn name(&mut self, kind: Kind, value: &str) -> &str {
        let taken = &mut self.taken;
        self.names.entry((kind, value.to_owned())).or_insert_with(|| {
            let word = kind.as_str();
            let numbered = (2..).map(|number| format!("{word}_{number}"));
            let mut names = std::iter::once(word.to_owned()).chain(numbered);
            let free = names.find(|name| !taken.contains(name)).expect("numbers do not end");
            taken.insert(free.clone());
            free
        })
    }
}

/// Where a text gives something away, in order of appearance. Earlier rules win where findings
/// overlap; templates' own variables are never part of a finding.
pub fn find(text: &str) -> Vec<(Range<usize>, Kind)> {
    let mut kept: BTreeMap<usize, (Range<usize>, Kind)> = BTreeMap::new();
    let variables: Vec<Range<usize>> = VARIABLE.find_iter(text).map(|m| m.range()).collect();
    let text = &*without_escapes(text);
    for rule in RULES.iter() {
        for span in rule.spans(text) {
            let before = kept.range(..span.end).next_back();
            let is_free = before.is_none_or(|(_, (other, _))| other.end <= span.start);
            if is_free && !overlaps(&variables, &span) {
                kept.insert(span.start, (span, rule.kind));
            }
        }
    }
    kept.into_values().collect()
}

/// The text with white space in place of the escapes of JSON and code that mean it, byte for byte,
/// so that their letters do not join what follows.
fn without_escapes(text: &str) -> Cow<'_, str> {
    if text.contains('\\') {
        Cow::Owned(text.replace("\\n", " \n").replace("\\r", " \n").replace("\\t", "  "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether one of the ranges, which are in order, shares a byte with `span`.
fn overlaps(ranges: &[Range<usize>], span: &Range<usize>) -> bool {
    let next = ranges.partition_point(|range| range.end <= span.start);
    ranges.get(next).is_some_and(|range| range.start < span.end)
}

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\{\{[a-z][a-z0-9_]{0,31}\}\}").expect("the pattern is well formed")
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Redactor::new([text], []).redact(text), expected);
    }

    #[test]
    fn what_gives_somebody_away_is_replaced() {
        check(
            "mail jo.doe@acme.io, then ann@acme.io, then jo.doe@acme.io",
            "mail {{email}}, then {{email_2}}, then {{email}}",
        );
        check(
            "postgres://app:hunter2xy@db.acme.io/main",
            "postgres://app:{{password}}@db.acme.io/main",
        );
        check(
            "pay DE89 3704 0044 0532 0130 00 or 4539 1488 0343 6467",
            "pay {{iban}} or {{card_number}}",
        );
        check("server 203.0.112.7 is down", "server {{ip_address}} is down");
        check("call +49 30 901820 now", "call {{phone}} now");
    }

    #[test]
    fn look_alikes_stay() {
        for text in [
            "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
            "id 123e4567-e89b-12d3-a456-426614174000",
            "version 1.2.3.4 at 10:22:33, server 192.168.0.1, 127.0.0.1",
            "write to user@example.com",
            "password: {{password}} and api_key: <your-key>",
            "password = os.environ['DB_PASSWORD']",
            "order 1234567812345678",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_placeholder_never_takes_a_name_that_is_in_use() {
        check("to {{email}}, cc jo@acme.io", "to {{email}}, cc {{email_2}}");
        let mut redactor = Redactor::new([], ["email", "email_2"]);
        assert_eq!(redactor.redact("jo@acme.io"), "{{email_3}}");
        assert_eq!(redactor.redact("and jo@acme.io"), "and {{email_3}}");
    }

    #[test]
    fn a_placeholder_is_a_variable_whatever_stands_around_it() {
        check(r"C:\jo@acme.io", "C:{{email}}");
        check("{{jo@acme.io}}", "{{{{email}}}}");
        check("{{a}}jo@acme.io{{b}}", "{{a}}{{email}}{{b}}");
        check(
            r#"{"text": "call\n+49 30 901820\nor \"password\": \"Blue!42\""}"#,
            r#"{"text": "call\n{{phone}}\nor \"password\": \"{{password}}\""}"#,
        );
    }

    #[test]
    fn a_secret_of_any_length_goes_whole() {
        let key = "aB3".repeat(300);
        check(&format!("API_SECRET={key} next"), "API_SECRET={{api_key}} next");
        check(&format!("api_secret: \"{key}\" next"), "api_secret: \"{{api_key}}\" next");
    }

    #[test]
    fn findings_are_counted_by_kind() {
        let mut redactor = Redactor::default();
        redactor.redact("a@acme.io b@acme.io a@acme.io");
        assert_eq!(redactor.found(), [Finding { kind: Kind::Email, count: 3 }]);
    }

    proptest! {
        #[test]
        fn a_second_pass_finds_nothing(text in "(token|password|key)?[=: ]{0,2}[ -~]{0,80}(a@acme\\.io| 203\\.0\\.112\\.7)?") {
            let once = Redactor::default().redact(&text);
            prop_assert_eq!(find(&once), []);
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            Redactor::default().redact(&text);
        }
    }
}
