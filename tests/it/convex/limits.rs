//! `convex/limits.ts` repeats limits of this crate. Each of its constants is compared here with the
//! item that owns it.

use std::collections::BTreeMap;

use promptdb::domain::audit::Action;
use promptdb::domain::candidate::{
    CANDIDATE_DAYS, CandidateId, PROBLEMS_MAX, QUEUE_MAX, REDACTION_KIND_MAX_CHARS,
    REDACTION_KINDS_MAX, WHY_MAX_CHARS,
};
use promptdb::domain::identity::{
    CLIENT_MAX_CHARS, CLIENTS_MAX, Channel, Client, USER_ID_MAX_CHARS, UserId,
};
use promptdb::domain::paging::{Limit, PAGE_MAX_BYTES};
use promptdb::domain::prompt::{
    BODY_MAX_BYTES, BUILT_IN_NAME, CONTENT_MAX_BYTES, DESCRIPTION_MAX_CHARS, NAME_MAX_CHARS, Name,
    PromptId, RESTORABLE_DAYS, TAG_MAX_CHARS, TAGS_MAX, TITLE_MAX_CHARS, Tag,
    VARIABLE_DEFAULT_MAX_BYTES, VARIABLE_DESCRIPTION_MAX_CHARS, VARIABLES_MAX, VariableName,
};
use promptdb::domain::ranking::{MATCHES_MAX, NAMES_MAX, QUERY_WORDS_MAX};
use promptdb::domain::subscription::{CustomerId, Interval, STRIPE_ID_MAX_CHARS, Status};
use promptdb::domain::vector::{DIMENSIONS, ModelId, Vector};
use promptdb::store::convex::{FAILURE_CODES, KEPT_MAX, USES_MAX};
use promptdb::store::{
    AUDIT_DAYS, CHECK_EVERY, CustomerWork, EMBEDDED_CONTENT_MAX_CHARS, ERASURE_DAYS, EVENT_DAYS,
    IDEMPOTENCY_DAYS, IDEMPOTENCY_KEY_MAX_BYTES, IMPORT_VERSIONS_MAX, LEASE, LEASED_MAX,
    SESSION_DAYS, Store, StoreError, TAG_COUNT_MAX,
};
use regex::Regex;
use serde_json::json;

use super::fake::{Act, Fake};
use super::{WAIT, store_at};

const LIMITS: &str = include_str!("../../../convex/limits.ts");

/// The constants of `limits.ts` that have not been compared, by name.
struct Limits(BTreeMap<&'static str, &'static str>);

impl Limits {
    fn read() -> Self {
        let parts = LIMITS.split("\nexport const ").skip(1);
        Self(parts.map(|part| part.split_once(" = ").unwrap()).map(strip_semicolon).collect())
    }

    fn take(&mut self, name: &str) -> &'static str {
        self.0.remove(name).unwrap_or_else(|| panic!("limits.ts has no constant {name}"))
    }

    fn check_number(&mut self, name: &str, rust: impl TryInto<u64>) {
        let text = self.take(name).replace('_', "");
        let rust = rust.try_into().ok().unwrap();
        assert_eq!(text.parse(), Ok(rust), "{name} of limits.ts is not the limit of the server");
    }

    /// Compares a list of words with the items of this crate, in order.
    fn check_words(&mut self, name: &str, rust: &[&str]) {
        let text = self.take(name).trim_end_matches(" as const");
        let words: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
        assert_eq!(words, rust, "{name} of limits.ts is not the list of the server");
    }

    /// Compares a pattern with a parser: both must agree on every text of `probes`.
    fn check_pattern(&mut self, name: &str, probes: &[String], parses: impl Fn(&str) -> bool) {
        let pattern = self.take_pattern(name);
        for probe in probes {
            let is_match = pattern.is_match(probe);
            assert_eq!(is_match, parses(probe), "{name} and the server differ on {probe:?}");
        }
        assert!(probes.iter().any(|probe| parses(probe)), "no probe for {name} is well-formed");
    }

    fn take_pattern(&mut self, name: &str) -> Regex {
        let text = self.take(name).trim_end_matches('u');
        let pattern = text.strip_prefix('/').and_then(|text| text.strip_suffix('/'));
        Regex::new(pattern.unwrap()).unwrap()
    }
}

/// Cuts a value at the first semicolon that ends a line, or that ends the text.
fn strip_semicolon((name, rest): (&'static str, &'static str)) -> (&'static str, &'static str) {
    let value = rest.split_once(";\n").map_or(rest, |(value, _)| value);
    (name, value.trim_end_matches(';'))
}

/// Texts at the edges of a form: each length around `max_chars`, and each ASCII character and some
/// others alone, at the beginning, inside and at the end.
fn probes(prefix: &str, max_chars: usize) -> Vec<String> {
    let lengths = [0, 1, max_chars - 1, max_chars, max_chars + 1];
    let repeated = lengths.map(|length| format!("{prefix}{}", "a".repeat(length)));
    let characters = (0..=127).map(char::from).chain(['é', '\u{2028}', 'ａ', '🦀']);
    let fill = "a".repeat(max_chars - 1);
    let placed = characters.flat_map(|c| {
        [
            format!("{prefix}{c}"),
            format!("{prefix}{c}{fill}"),
            format!("{prefix}{fill}{c}"),
            format!("{prefix}a{c}a"),
            format!("{c}{prefix}{fill}a"),
        ]
    });
    repeated.into_iter().chain(placed).collect()
}

#[test]
fn every_limit_of_the_functions_is_the_limit_of_the_server() {
    let mut limits = Limits::read();
    assert_eq!(limits.take("LOCAL_USER").trim_matches('"'), UserId::local().as_str());
    check_forms(&mut limits);
    check_sizes(&mut limits);
    limits.check_number("RESTORABLE_DAYS", RESTORABLE_DAYS);
    limits.check_number("CANDIDATE_DAYS", CANDIDATE_DAYS);
    limits.check_number("AUDIT_DAYS", AUDIT_DAYS);
    limits.check_number("IDEMPOTENCY_DAYS", IDEMPOTENCY_DAYS);
    limits.check_number("SESSION_DAYS", SESSION_DAYS);
    limits.check_number("ERASURE_DAYS", ERASURE_DAYS);
    limits.check_number("QUEUE_MAX", QUEUE_MAX);
    limits.check_number("PROBLEMS_MAX", PROBLEMS_MAX);
    limits.check_number("REDACTION_KINDS_MAX", REDACTION_KINDS_MAX);
    limits.check_number("REDACTION_KIND_MAX_CHARS", REDACTION_KIND_MAX_CHARS);
    limits.check_number("PAGE_MAX_BYTES", PAGE_MAX_BYTES);
    limits.check_number("PAGE_MAX", Limit::MAX.get());
    limits.check_number("MATCHES_MAX", MATCHES_MAX);
    limits.check_number("NAMES_MAX", NAMES_MAX);
    limits.check_number("QUERY_WORDS_MAX", QUERY_WORDS_MAX);
    limits.check_number("IMPORT_VERSIONS_MAX", IMPORT_VERSIONS_MAX);
    limits.check_number("USES_MAX", USES_MAX);
    limits.check_number("KEPT_MAX", KEPT_MAX);
    limits.check_number("EMBEDDED_CONTENT_MAX_CHARS", EMBEDDED_CONTENT_MAX_CHARS);
    limits.check_number("VECTOR_DIMENSIONS", DIMENSIONS);
    let parses = |byte: &u8| Vector::from_bytes(&[*byte; DIMENSIONS]).is_some();
    let components = (0..=u8::MAX).filter(parses).map(u8::cast_signed);
    limits.check_number("COMPONENT_MAX", components.clone().max().unwrap());
    assert_eq!(components.clone().min(), components.max().map(|most| -most));
    limits.check_words("AUDIT_ACTIONS", &Action::WORDS.map(|(_, word)| word));
    limits.check_words("FAILURE_CODES", &FAILURE_CODES);
    limits.check_words("CHANNELS", &Channel::WORDS);
    limits.check_number("EVENT_DAYS", EVENT_DAYS);
    limits.check_number("LEASE_MS", LEASE.as_millis());
    limits.check_number("CHECK_EVERY_MS", CHECK_EVERY.as_millis());
    limits.check_number("LEASED_MAX", LEASED_MAX);
    limits.check_words("CUSTOMER_WORK", &CustomerWork::WORDS);
    limits.check_words("SUBSCRIPTION_STATUSES", &Status::ALL.map(Status::as_str));
    limits.check_words("PRICE_INTERVALS", &Interval::ALL.map(Interval::as_str));
    assert!(limits.0.is_empty(), "constants of limits.ts that no line compares: {:?}", limits.0);
}

fn check_forms(limits: &mut Limits) {
    let user_ids = probes("", USER_ID_MAX_CHARS);
    limits.check_pattern("USER_ID_PATTERN", &user_ids, |id| UserId::parse(id).is_some());
    let prompt_ids = probes("prm_", 32);
    limits.check_pattern("PROMPT_ID_PATTERN", &prompt_ids, |id| PromptId::parse(id).is_some());
    let candidate_ids = probes("cnd_", 32);
    limits.check_pattern("CANDIDATE_ID_PATTERN", &candidate_ids, |id| {
        CandidateId::parse(id).is_some()
    });
    let models = probes("", ModelId::DIGITS);
    limits.check_pattern("MODEL_PATTERN", &models, |id| ModelId::parse(id).is_some());
    let stripe_ids = probes("", STRIPE_ID_MAX_CHARS);
    limits.check_pattern("STRIPE_ID_PATTERN", &stripe_ids, |id| CustomerId::parse(id).is_some());
    // The functions accept the name of the built-in prompt. Only the server refuses it.
    let names = probes("", NAME_MAX_CHARS);
    assert!(!names.iter().any(|name| name == BUILT_IN_NAME));
    limits.check_pattern("NAME_PATTERN", &names, |text| {
        Name::parse(text).is_ok_and(|name| name.as_str() == text)
    });
    let tags = probes("", TAG_MAX_CHARS);
    limits.check_pattern("TAG_PATTERN", &tags, |text| {
        Tag::parse(text).is_ok_and(|tag| tag.as_str() == text)
    });
    // A client's name is cleaned rather than parsed: what the server makes of any text must match.
    let client = limits.take_pattern("CLIENT_PATTERN");
    for probe in probes("", CLIENT_MAX_CHARS) {
        let name = Client::named(&probe);
        assert!(client.is_match(name.as_str()), "CLIENT_PATTERN refuses {name:?}");
    }
    assert!(!client.is_match(&"a".repeat(CLIENT_MAX_CHARS + 1)), "CLIENT_PATTERN is too long");
}

fn check_sizes(limits: &mut Limits) {
    limits.check_number("BODY_MAX_BYTES", BODY_MAX_BYTES);
    limits.check_number("CONTENT_MAX_BYTES", CONTENT_MAX_BYTES);
    limits.check_number("TEXT_MAX_BYTES", VARIABLE_DEFAULT_MAX_BYTES);
    // The other texts are limited in characters, of up to four bytes each.
    for max_chars in
        [TITLE_MAX_CHARS, DESCRIPTION_MAX_CHARS, WHY_MAX_CHARS, VARIABLE_DESCRIPTION_MAX_CHARS]
    {
        assert!(4 * max_chars <= VARIABLE_DEFAULT_MAX_BYTES, "{max_chars}");
    }
    limits.check_number("TAGS_MAX", TAGS_MAX);
    limits.check_number("TAG_COUNT_MAX", TAG_COUNT_MAX);
    limits.check_number("CLIENTS_MAX", CLIENTS_MAX);
    limits.check_number("VARIABLES_MAX", VARIABLES_MAX);
    limits.check_number("VARIABLE_NAME_MAX_BYTES", VariableName::MAX_BYTES);
    limits.check_number("IDEMPOTENCY_KEY_MAX_BYTES", IDEMPOTENCY_KEY_MAX_BYTES);
}

#[tokio::test]
async fn every_code_of_the_functions_has_its_own_error() {
    for code in FAILURE_CODES {
        let fake = Fake::run(vec![Act::Throw(json!({ "code": code }))]).await;
        let error = store_at(&fake.url, 16, WAIT).ping().await.unwrap_err();
        // The server never passes an invalid argument, so that code alone means a fault.
        let is_fault = matches!(error, StoreError::Internal(_));
        assert_eq!(is_fault, code == "INVALID_ARGUMENT", "{code}: {error:?}");
    }
}
