//! Secrets and personal data become placeholders, which are variables of the template.
//!
//! The one rule set that is kept for Rust, `kingfisher-rules`, brings several hundred crates and a
//! C++ engine along; so the shapes that the providers document stand here as one table of regular
//! expressions, which match in linear time. What a shape alone cannot tell (card numbers, IBANs,
//! addresses) is checked by its own rule.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

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

/// A text without what it should not give away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The text with placeholders: one name for one value, `{{email}}`, `{{email_2}}`, ...
    pub text: String,
    /// One entry a kind, in order of first appearance.
    pub found: Vec<Finding>,
}

/// A shape, what it means, and what else must hold of it. The group `v`, if there is one, is the
/// part to replace.
struct Rule {
    kind: Kind,
    pattern: Regex,
    holds: fn(&str, &Captures<'_>) -> bool,
}

/// Replaces what is found, so that a second pass finds nothing.
pub fn redact(text: &str) -> Redacted {
    replace(text, find(text))
}

/// Where a text gives something away, in order of appearance. Earlier rules win where findings
/// overlap; templates' own variables are never part of a finding.
pub fn find(text: &str) -> Vec<(Range<usize>, Kind)> {
    let mut spans: Vec<(Range<usize>, Kind)> = Vec::new();
    let variables: Vec<Range<usize>> = VARIABLE.find_iter(text).map(|m| m.range()).collect();
    for rule in RULES.iter() {
        for captures in rule.pattern.captures_iter(text) {
            let Some(found) = captures.name("v").or_else(|| captures.get(0)) else { continue };
            let span = found.range();
            if (rule.holds)(text, &captures) && !overlaps(&variables, &span) {
                spans.push((span, rule.kind));
            }
        }
    }
    without_overlaps(spans)
}

fn overlaps(ranges: &[Range<usize>], span: &Range<usize>) -> bool {
    let next = ranges.partition_point(|range| range.end <= span.start);
    ranges.get(next).is_some_and(|range| range.start < span.end)
}

/// Of findings that overlap, the one of the earlier rule stays.
fn without_overlaps(spans: Vec<(Range<usize>, Kind)>) -> Vec<(Range<usize>, Kind)> {
    let mut kept: BTreeMap<usize, (Range<usize>, Kind)> = BTreeMap::new();
    for (span, kind) in spans {
        let before = kept.range(..span.end).next_back();
        if before.is_none_or(|(_, (other, _))| other.end <= span.start) {
            kept.insert(span.start, (span, kind));
        }
    }
    kept.into_values().collect()
}

fn replace(text: &str, spans: Vec<(Range<usize>, Kind)>) -> Redacted {
    let mut redacted = Redacted { text: String::with_capacity(text.len()), found: Vec::new() };
    let mut names: HashMap<(Kind, &str), String> = HashMap::new();
    let mut distinct: HashMap<Kind, usize> = HashMap::new();
    let mut end = 0;
    for (span, kind) in spans {
        let name = names.entry((kind, &text[span.clone()])).or_insert_with(|| {
            let number = distinct.entry(kind).or_default();
            *number += 1;
            let word = kind.as_str();
            if *number == 1 { word.to_owned() } else { format!("{word}_{number}") }
        });
        redacted.text.push_str(&text[end..span.start]);
        redacted.text.extend(["{{", name, "}}"]);
        end = span.end;
        match redacted.found.iter_mut().find(|finding| finding.kind == kind) {
            Some(finding) => finding.count += 1,
            None => redacted.found.push(Finding { kind, count: 1 }),
        }
    }
    redacted.text.push_str(&text[end..]);
    redacted
}

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| regex(r"\{\{[a-z][a-z0-9_]{0,31}\}\}"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this file are well formed")
}

/// Keys that say by their own shape whose they are, after each provider's documentation.
const PROVIDER_KEYS: &str = r"(?x) \b(?:
    (?:AKIA|ASIA)[A-Z2-7]{16}                                 # AWS
  | gh[pousr]_[A-Za-z0-9]{36,251} | github_pat_[A-Za-z0-9_]{82} # GitHub
  | glpat-[A-Za-z0-9_\-]{20,} | gl(?:ptt|dt|rt|ft|soat)-[A-Za-z0-9_\-]{20,} # GitLab
  | xox[abeoprs]-[A-Za-z0-9\-]{20,} | xapp-\d-[A-Za-z0-9\-]{20,} # Slack
  | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,} | whsec_[A-Za-z0-9+/]{24,} # Stripe, webhooks
  | sk-ant-[A-Za-z0-9_\-]{24,}                                # Anthropic
  | sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{32,}          # OpenAI
  | AIza[A-Za-z0-9_\-]{35} | ya29\.[A-Za-z0-9_\-]{30,} | GOCSPX-[A-Za-z0-9_\-]{28} # Google
  | npm_[A-Za-z0-9]{36} | pypi-AgEI[A-Za-z0-9_\-]{50,} | hf_[A-Za-z]{34} # registries
  | SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64}          # SendGrid
  | (?:AC|SK)[0-9a-f]{32}                                     # Twilio
  | key-[0-9a-f]{32} | [0-9]{8,10}:AA[A-Za-z0-9_\-]{33}       # Mailgun, Telegram
  | dop_v1_[0-9a-f]{64} | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}  # DigitalOcean, Shopify
  | sq0(?:atp|csp)-[A-Za-z0-9_\-]{22,43} | dapi[0-9a-f]{32}   # Square, Databricks
  | lin_api_[A-Za-z0-9]{40} | (?:secret|ntn)_[A-Za-z0-9]{40,} # Linear, Notion
  | sbp_[0-9a-f]{40} | re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}      # Supabase, Resend
  | (?:prod|dev|preview):[a-z]+-[a-z]+-\d+\|[A-Za-z0-9+/=]{20,} # Convex
  | xai-[A-Za-z0-9]{60,} | gsk_[A-Za-z0-9]{48,} | r8_[A-Za-z0-9]{37} # xAI, Groq, Replicate
  | sk_[A-Za-z0-9]{40,}                                       # others of Stripe's form
)";

/// How much of the text before a finding is looked at.
const CONTEXT_BYTES: usize = 24;

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let always: fn(&str, &Captures<'_>) -> bool = |_, _| true;
    let rule = |kind, pattern: &str, holds| Rule { kind, pattern: regex(pattern), holds };
    let secret_words = r"(?:api|app|auth|access|account|client|consumer|encryption|master|private|refresh|secret|service|session|shared|signing|webhook)[_\-\ .]?(?:key|secret|token)(?:[_\-]?(?:key|value|base))?|secret|token|bearer";
    vec![
        rule(
            Kind::PrivateKey,
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)",
            always,
        ),
        rule(
            Kind::Jwt,
            r"\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{16,}",
            always,
        ),
        rule(Kind::ApiKey, PROVIDER_KEYS, |_, found| !looks_made_up(&found[0])),
        rule(
            Kind::ApiKey,
            r"https://(?:hooks\.slack\.com/services|(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks)/(?P<v>[A-Za-z0-9_/\-]{30,})",
            always,
        ),
        rule(
            Kind::Password,
            r"\b[a-z][a-z0-9+.\-]{1,20}://[^\s:/@]{0,64}:(?P<v>[^\s/@]{1,200})@[^\s/]",
            |_, found| !is_placeholder(&found["v"]),
        ),
        rule(
            Kind::Password,
            r#"(?i)\b(?:[a-z0-9]+[_\-])*(?:password|passwort|passwd|passphrase|pwd|contraseña|пароль|mot de passe)["']?\s*(?:is|ist|es|[:=]{1,2}>?)\s*(?:"(?P<a>[^"\n]{4,200})"|'(?P<b>[^'\n]{4,200})'|(?P<c>[^\s"'`,;<>{}()\[\]]{6,200}))"#,
            |text, found| is_secret_value(text, found, 1),
        ),
        rule(
            Kind::ApiKey,
            &format!(
                r#"(?i)\b(?:[a-z0-9]+[_\-])*(?:{secret_words})["']?\s*(?:is|[:=]{{1,2}}>?|\s)\s*(?:"(?P<a>[^"\n]{{8,200}})"|'(?P<b>[^'\n]{{8,200}})'|(?P<c>[A-Za-z0-9_\-+/=.~]{{16,200}}))"#
            ),
            |text, found| is_secret_value(text, found, 2),
        ),
        rule(
            Kind::Email,
            r"(?i)\b[a-z0-9][a-z0-9._%+\-]{0,63}@(?:[a-z0-9\-]{1,63}\.)+[a-z]{2,24}\b",
            |_, found| !is_documentation_address(&found[0]),
        ),
        rule(
            Kind::Iban,
            r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?\b",
            |_, found| found[0].parse::<iban::Iban>().is_ok(),
        ),
        rule(
            Kind::CardNumber,
            r"\b\d{4}[ \-]?\d{4,6}[ \-]?\d{4,5}(?:[ \-]?\d{1,4})?(?:[ \-]?\d{1,3})?\b",
            |text, found| is_card(text, &found[0], found.get(0).map_or(0, |found| found.start())),
        ),
        rule(Kind::IpAddress, r"\b(?:\d{1,3}\.){3}\d{1,3}\b", |text, found| {
            is_public_address(text, &found[0], found.get(0).map_or(0, |found| found.start()))
        }),
        rule(
            Kind::IpAddress,
            r"(?i)\b(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,7}\b",
            |text, found| {
                is_public_address(text, &found[0], found.get(0).map_or(0, |found| found.start()))
            },
        ),
        rule(
            Kind::Phone,
            r"(?:\+|\b00)[1-9]\d{0,2}[ .\-/]?(?:\(0?\d{1,4}\)[ .\-/]?)?\d{1,4}(?:[ .\-/]?\d{2,4}){1,4}\b|\(\d{3}\) ?\d{3}[.\- ]\d{4}\b",
            |text, found| is_phone(text, &found[0], found.get(0).map_or(0, |found| found.start())),
        ),
        rule(
            Kind::Phone,
            r"(?i)\b(?:phone|tel|telephone|telefon|mobile|mobil|cell|fax|call(?: me)?(?: at| on)?|whatsapp|teléfono|téléphone|телефон)\b[.:]?\s*(?:number)?\s*(?:is|=|:)?\s*(?P<v>\(?\d{2,5}\)?[ .\-/]?\d{2,5}(?:[ .\-/]?\d{2,5}){1,3})\b",
            |_, found| digits(&found["v"]) >= 7,
        ),
    ]
});

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Keys in documentation say that they are none, or repeat themselves.
fn looks_made_up(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let body = lower.rsplit(['_', '-']).next().unwrap_or_default();
    let distinct = body.bytes().collect::<HashSet<_>>().len();
    ["example", "xxxx", "your", "placeholder", "redacted", "dummy", "1234567890abcdef"]
        .iter()
        .any(|word| lower.contains(word))
        || body.len() >= 8 && distinct <= 2
        || key.starts_with("sk-") && !key.bytes().any(|byte| byte.is_ascii_digit())
}

/// What stands where a secret would stand in a template or in documentation.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let wrapped = [('<', '>'), ('[', ']'), ('{', '}'), ('%', '%'), ('*', '*')];
    let words = [
        "password",
        "passwd",
        "pass",
        "secret",
        "token",
        "changeme",
        "change_me",
        "change-me",
        "none",
        "null",
        "undefined",
        "true",
        "false",
        "string",
        "required",
        "optional",
        "hidden",
        "redacted",
        "example",
        "placeholder",
        "todo",
        "unset",
        "empty",
    ];
    wrapped.iter().any(|(open, close)| value.starts_with(*open) && value.ends_with(*close))
        || value.starts_with('$')
        || words.contains(&lower.trim_matches(['.', '!', '?']))
        || ["your", "example", "xxx", "...", "****", "<", "my_", "my-"]
            .iter()
            .any(|mark| lower.contains(mark))
        || looks_made_up(value)
}

/// Whether an assignment assigns a secret: not a placeholder, not code, and with at least `mix`
/// kinds of characters, which names of things seldom have.
fn is_secret_value(text: &str, found: &Captures<'_>, mix: usize) -> bool {
    let Some(value) = ["a", "b", "c"].iter().find_map(|name| found.name(name)) else {
        return false;
    };
    let (value, after) = (value.as_str(), &text[value.end()..]);
    let quoted = found.name("c").is_none();
    let is_code =
        !quoted && (value.contains("::") || after.starts_with('(') || value.contains("env."));
    let kinds = [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit];
    let kinds = kinds.iter().filter(|is_kind| value.bytes().any(|byte| is_kind(&byte))).count();
    let signs = value.bytes().any(|byte| byte.is_ascii_punctuation() && !b"-_./".contains(&byte));
    let prose = quoted && value.trim().contains(' ') && mix > 1;
    !is_placeholder(value)
        && !is_code
        && !prose
        && kinds + usize::from(signs) >= mix.max(usize::from(!quoted) + 1)
}

/// Domains that RFC 2606 sets aside, and addresses that nobody reads.
fn is_documentation_address(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    let (user, domain) = lower.split_once('@').unwrap_or_default();
    let reserved = ["example.com", "example.org", "example.net"];
    let top = domain.rsplit('.').next().unwrap_or_default();
    reserved.iter().any(|name| domain == *name || domain.ends_with(&format!(".{name}")))
        || ["example", "test", "invalid", "localhost"].contains(&top)
        || ["png", "jpg", "svg", "gif", "webp"].contains(&top)
        || matches!(user, "git" | "noreply" | "no-reply")
}

fn is_card(text: &str, number: &str, start: usize) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    let known_issuer = matches!(digits.first(), Some(3..=6)) || digits.starts_with(&[2, 2]);
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    let distinct = digits.iter().collect::<HashSet<_>>().len();
    (13..=19).contains(&digits.len())
        && known_issuer
        && sum.is_multiple_of(10)
        && distinct > 2
        && !in_longer_token(text, start, number.len())
}

/// Whether a number is only a part of something longer, such as a hash, a path or a decimal.
fn in_longer_token(text: &str, start: usize, length: usize) -> bool {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '=');
    let before = text[..start].chars().next_back();
    let mut after = text[start + length..].chars();
    let next = after.next();
    before.is_some_and(joins)
        || next.is_some_and(|c| {
            joins(c) && (c != '.' && c != '-' || after.next().is_some_and(char::is_alphanumeric))
        })
}

fn is_public_address(text: &str, address: &str, start: usize) -> bool {
    let mut near = start.saturating_sub(CONTEXT_BYTES);
    while !text.is_char_boundary(near) {
        near += 1;
    }
    let before = text[near..start].to_ascii_lowercase();
    let before = before.trim_end_matches([' ', 'v', ':', '=', '^', '~', '>', '"']);
    let is_version = ["version", "release", "build", "firmware", "section", "rev", "oid"]
        .iter()
        .any(|word| before.ends_with(word));
    let public = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(v4)) => {
            let local = v4.is_private() || v4.is_loopback() || v4.is_link_local();
            // Network masks, and the resolvers that everybody writes into examples.
            let everybody = [[8, 8, 8, 8], [8, 8, 4, 4], [1, 1, 1, 1], [1, 0, 0, 1]];
            let first = v4.octets()[0];
            let nobody = v4.is_documentation() || first == 0 || first >= 224;
            !(local || nobody || everybody.contains(&v4.octets()))
        }
        Ok(std::net::IpAddr::V6(v6)) => {
            let first = v6.segments()[0];
            first & 0xe000 == 0x2000 && v6.segments()[..2] != [0x2001, 0x0db8]
        }
        Err(_) => false,
    };
    public && !is_version && !in_longer_token(text, start, address.len())
}

fn is_phone(text: &str, number: &str, start: usize) -> bool {
    let count = digits(number);
    let fictitious =
        number.contains("555-01") || number.contains("555 01") || number.contains("000000");
    (8..=15).contains(&count) && !fictitious && !in_longer_token(text, start, number.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text).text, expected);
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
    fn findings_are_counted_by_kind() {
        let found = redact("a@acme.io b@acme.io a@acme.io").found;
        assert_eq!(found, [Finding { kind: Kind::Email, count: 3 }]);
    }

    proptest! {
        #[test]
        fn a_second_pass_finds_nothing(text in "(token|password|key)?[=: ]{0,2}[ -~]{0,80}(a@acme\\.io| 203\\.0\\.112\\.7)?") {
            let once = redact(&text);
            let twice = redact(&once.text);
            prop_assert_eq!(&twice.text, &once.text);
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            redact(&text);
        }
    }
}
