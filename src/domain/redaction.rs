//! Secrets and personal data become placeholders, which are variables of the template.
//!
//! A finding takes two steps, both in time linear in the text. `rules.rs` is one table of regular
//! expressions for the shapes. `secrets.rs` and `personal_data.rs` decide what a regular expression
//! cannot, such as check digits and whether a value is only an example. The rule set that exists
//! for Rust, `kingfisher-rules`, would add several hundred crates and a C++ engine.
//!
//! Nothing here logs, stores or returns a secret: a [`Finding`] is a kind and a count.

mod personal_data;
mod rules;
mod secrets;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use self::rules::RULES;
use super::prompt::FoldedName;
use super::syntax::Syntax;
use super::template::{self, Piece};

/// The kind of a secret or of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A PEM or PGP private key, as a whole block.
    PrivateKey,
    /// A key or token, recognised by a provider's format or by the name that it is assigned to.
    ApiKey,
    /// A JSON web token (RFC 7519) in its compact form.
    Jwt,
    /// A password, in a URL, a command, an assignment or a sentence.
    Password,
    /// An e-mail address.
    Email,
    /// A payment card number (ISO/IEC 7812) that passes the Luhn check.
    CardNumber,
    /// An international bank account number (ISO 13616) with valid check digits.
    Iban,
    /// An IP address of the public internet.
    IpAddress,
    /// A telephone number.
    Phone,
}

impl Kind {
    /// The name of the kind in reports, and of the variable that replaces a finding.
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

/// The number of findings of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: Kind,
    /// The number of replacements, repetitions included.
    pub count: usize,
}

/// Minimum bytes of a variable's name that can be a secret. No provider's keys are shorter.
const SECRET_NAME_MIN_BYTES: usize = 20;

/// Compiles the rules. Without this call, the first text to be redacted compiles them. Idempotent.
pub fn compile_rules() {
    LazyLock::force(&RULES);
}

/// Replaces the findings in texts that belong together. A value has the same name in all of them
/// (`{{email}}`, `{{email_2}}`, ...), and that name is not in use for anything else.
#[derive(Debug, Default)]
pub struct Redactor {
    taken: HashSet<FoldedName>,
    names: HashMap<(Kind, String), String>,
    findings: Vec<Finding>,
}

impl Redactor {
    /// Creates a redactor whose placeholders avoid the variables of `texts` and the names in
    /// `taken`.
    pub fn new<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        taken: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut names: HashSet<FoldedName> = taken.into_iter().map(FoldedName::new).collect();
        for text in texts {
            names.extend(template::pieces(text, Syntax::CURRENT).filter_map(|piece| match piece {
                Piece::Variable { name, .. } => Some(FoldedName::new(name)),
                Piece::Text(_) => None,
            }));
        }
        Self { taken: names, ..Self::default() }
    }

    /// The findings of all texts so far: one entry for each kind, in order of first appearance.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the text with every finding replaced by a placeholder, which is always a variable of
    /// the resulting template.
    ///
    /// Nothing is found in the returned text.
    pub fn redact(&mut self, text: &str) -> String {
        let mut redacted = text.to_owned();
        // A value can look harmless only because of a neighbouring finding, such as the second number
        // in a row, or the rest of a password that contains a token. So another pass follows each
        // that found something. A placeholder is never found, so every pass leaves less to find.
        loop {
            let found = find(&redacted);
            if found.is_empty() {
                return redacted;
            }
            redacted = self.replace(&redacted, found);
        }
    }

    /// Returns the text with these findings replaced.
    fn replace(&mut self, text: &str, found: Vec<(Range<usize>, Kind)>) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut end = 0;
        for (span, kind) in found {
            push_before_placeholder(&mut redacted, &text[end..span.start]);
            let value = &text[span.clone()];
            // A secret between the braces of a variable is the same one as without.
            let inner = value.strip_prefix("{{").and_then(|value| value.strip_suffix("}}"));
            redacted.extend(["{{", self.name_of(kind, inner.unwrap_or(value).trim()), "}}"]);
            end = span.end;
            match self.findings.iter_mut().find(|finding| finding.kind == kind) {
                Some(finding) => finding.count += 1,
                None => self.findings.push(Finding { kind, count: 1 }),
            }
        }
        redacted.push_str(&text[end..]);
        redacted
    }

    /// Returns the name that replaces a value, and gives it one at its first appearance.
    fn name_of(&mut self, kind: Kind, value: &str) -> &str {
        let taken = &mut self.taken;
        self.names.entry((kind, value.to_owned())).or_insert_with(|| {
            let word = kind.as_str();
            let numbered = (2..).map(|number| format!("{word}_{number}"));
            let mut names = std::iter::once(word.to_owned()).chain(numbered);
            let free = names.find(|name| taken.insert(FoldedName::new(name)));
            free.expect("numbers do not end")
        })
    }
}

/// Appends the text before a placeholder so that the placeholder is a variable.
///
/// The placeholder opens with `{{`, so the backslashes that would make it a literal go. After a brace
/// it would be one of three, which open no variable, so a space comes between them.
fn push_before_placeholder(redacted: &mut String, before: &str) {
    redacted.push_str(before.trim_end_matches('\\'));
    if redacted.ends_with('{') {
        redacted.push(' ');
    }
}

/// Returns where a text contains secrets and personal data, in order of appearance and without
/// overlaps. Earlier rules win over later ones, and no finding touches a variable of the template but
/// one whose name is a secret, which is a finding with its braces.
pub fn find(text: &str) -> Vec<(Range<usize>, Kind)> {
    // Ordered by start, so that one look at the entry before a span detects an overlap.
    let mut kept: BTreeMap<usize, (Range<usize>, Kind)> = BTreeMap::new();
    let mut variables: Vec<Range<usize>> = Vec::new();
    let mut names: HashMap<&str, Option<Kind>> = HashMap::new();
    for (range, piece) in template::pieces_with_ranges(text, Syntax::CURRENT) {
        let Piece::Variable { name, .. } = piece else { continue };
        match names.entry(name).or_insert_with(|| find_secret_name(name)) {
            Some(kind) => drop(kept.insert(range.start, (range, *kind))),
            None => variables.push(range),
        }
    }
    let text = &*blank_escapes(text);
    for rule in RULES.iter() {
        for span in rule.find_spans(text) {
            let before = kept.range(..span.end).next_back();
            let is_free = before.is_none_or(|(_, (other, _))| other.end <= span.start);
            if is_free && !overlaps(&variables, &span) {
                kept.insert(span.start, (span, rule.kind));
            }
        }
    }
    kept.into_values().collect()
}

/// Returns the kind of a secret that stands between braces as if it were a name: one that no person
/// would choose, for it is longer than a word and known by its form alone.
fn find_secret_name(name: &str) -> Option<Kind> {
    let is_plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if name.len() < SECRET_NAME_MIN_BYTES || is_plain {
        return None;
    }
    let is_whole = |span: Range<usize>| span.len() == name.len();
    RULES.iter().find(|rule| rule.find_spans(name).into_iter().any(is_whole)).map(|rule| rule.kind)
}

/// Returns the text with white space in place of the escapes `\n`, `\r` and `\t` of JSON and code.
/// Otherwise their letters would join the next word: `\nann@acme.io`. The length stays the same, so
/// that positions hold for the original, too.
fn blank_escapes(text: &str) -> Cow<'_, str> {
    if text.contains('\\') {
        Cow::Owned(text.replace("\\n", " \n").replace("\\r", " \n").replace("\\t", "  "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether one of `ranges`, which are in order, shares a byte with `span`.
fn overlaps(ranges: &[Range<usize>], span: &Range<usize>) -> bool {
    let next = ranges.partition_point(|range| range.end <= span.start);
    ranges.get(next).is_some_and(|range| range.start < span.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Redactor::new([text], []).redact(text), expected);
    }

    #[test]
    fn secrets_and_personal_data_are_replaced() {
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
    fn the_rest_of_a_value_that_contains_another_is_replaced() {
        check(
            "password:AAA#A#ghp_a0a0aaaa000aa0aaa000aaa0a000a0a0aaa1",
            "password:{{password}}{{api_key}}",
        );
    }

    #[test]
    fn values_that_only_look_like_secrets_are_unchanged() {
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
        check("to {{ E-Mail }}, {{Email}}, jo@acme.io", "to {{ E-Mail }}, {{Email}}, {{email_2}}");
        check("to {{EMAIL}} {{Email-2}}, jo@acme.io", "to {{EMAIL}} {{Email-2}}, {{email_3}}");
        let mut redactor = Redactor::new([], ["email", "email_2"]);
        assert_eq!(redactor.redact("jo@acme.io"), "{{email_3}}");
        assert_eq!(redactor.redact("and jo@acme.io"), "and {{email_3}}");
    }

    #[test]
    fn a_placeholder_is_a_variable_whatever_surrounds_it() {
        check(r"C:\jo@acme.io", "C:{{email}}");
        check(r"mail{\{jo@acme.io\}}", r"mail{\{ {{email}}\}}");
        check(r"\{\jo@acme.io", r"\{ {{email}}");
        check(r"\{{jo@acme.io}}", r"\{{ {{email}}}}");
        check("{jo@acme.io}", "{ {{email}}}");
        check("{{jo@acme.io}}", "{{ {{email}}}}");
        check("{{a}}jo@acme.io{{b}}", "{{a}}{{email}}{{b}}");
        check(
            r#"{"text": "call\n+49 30 901820\nor \"password\": \"Blue!42\""}"#,
            r#"{"text": "call\n{{phone}}\nor \"password\": \"{{password}}\""}"#,
        );
    }

    #[test]
    fn an_escaped_variable_is_text() {
        // The literal does not reserve the name.
        check(r"\{{email}} is jo@acme.io", r"\{{email}} is {{email}}");
        // A key between escaped braces is a finding, between those of a variable it is a name.
        let key = "rnd_0a1b2c3d4e5f6g7h8i9j0k1l2m3n";
        check(&format!("{{{{{key}}}}}"), &format!("{{{{{key}}}}}"));
        check(&format!(r"\{{{{{key}}}}}"), r"\{{ {{api_key}}}}");
    }

    #[test]
    fn a_secret_is_no_name_of_a_variable() {
        let key = "ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R";
        check(&format!("Use {{{{{key}}}}} and {{{{ {key} }}}}"), "Use {{api_key}} and {{api_key}}");
        for text in [
            "{{theNameOfTheTargetAudience}} {{ein-sehr-langer-Name-mit-vielen-Teilen}}",
            "password: {{myPassword}} token={{accessTokenOfThisUser}}",
            "api_key: {{apiKeyForProduction}} {{DATABASE_CONNECTION_STRING}}",
        ] {
            check(text, text);
        }
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
        assert_eq!(redactor.findings(), [Finding { kind: Kind::Email, count: 3 }]);
    }

    /// Texts of findings, of the words and signs before one, of the syntax of templates, and of
    /// characters of more than one byte.
    fn hostile_text() -> impl Strategy<Value = String> {
        let finding = prop::sample::select(vec![
            "jo@acme.io",
            "ann@acme.io",
            "203.0.112.7",
            "+49 30 901820",
            "Blue!42x",
            "ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R",
            "rnd_0a1b2c3d4e5f6g7h8i9j0k1l2m3n",
        ]);
        let syntax = prop::sample::select(vec![
            "{",
            "{{",
            "}",
            "}}",
            r"\",
            r"\{",
            r"\{{",
            "{{email}}",
            "{{ Email }}",
            "{{ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R}}",
            "{{{",
            "{{rnd_0a1b2c3d4e5f6g7h8i9j0k1l2m3n}}",
        ]);
        let context = prop::sample::select(vec![
            "password", "api_key", "token", "=", ": ", "://", "\"", r"\n", "\n", " ", "version ",
            "0", "é", "密码", "是", "🎉",
        ]);
        let part = prop_oneof![
            3 => finding.prop_map(str::to_owned),
            3 => syntax.prop_map(str::to_owned),
            3 => context.prop_map(str::to_owned),
            1 => "[ -~]{1,12}",
            1 => any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn a_second_pass_finds_nothing(
            text in r"(token|password|key)?[=: ]{0,2}[ -~]{0,80} ?(a@acme\.io| 203\.0\.112\.7|\+49 30 901820|ghp_[a-z0-9]{36}| DE89 3704 0044 0532 0130 00)?",
        ) {
            let once = Redactor::default().redact(&text);
            prop_assert_eq!(find(&once), []);
        }

        #[test]
        fn every_placeholder_is_a_variable(text in hostile_text()) {
            let mut redactor = Redactor::new([text.as_str()], []);
            let variables: Vec<_> = template::variable_ranges(&text, Syntax::CURRENT).collect();
            let secrets = find(&text).iter().filter(|(span, _)| variables.contains(span)).count();
            let redacted = redactor.redact(&text);
            let replaced: usize = redactor.findings().iter().map(|finding| finding.count).sum();
            let after = template::variable_ranges(&redacted, Syntax::CURRENT).count();
            let expected = variables.len() - secrets + replaced;
            prop_assert_eq!(after, expected, "{:?} became {:?}", text, redacted);
        }

        #[test]
        fn findings_are_in_order_and_apart_from_each_other_and_from_variables(text in hostile_text()) {
            let mut end = 0;
            let variables: Vec<_> = template::variable_ranges(&text, Syntax::CURRENT).collect();
            for (span, _) in find(&text) {
                prop_assert!(end <= span.start && span.start < span.end);
                prop_assert!(text.get(span.clone()).is_some());
                let is_apart = |range: &Range<usize>| {
                    *range == span || range.end <= span.start || span.end <= range.start
                };
                prop_assert!(variables.iter().all(is_apart));
                end = span.end;
            }
        }

        #[test]
        fn any_text_is_redacted_without_a_panic(text in prop_oneof![hostile_text(), any::<String>()]) {
            Redactor::default().redact(&text);
        }
    }
}
