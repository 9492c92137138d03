//! The checks of personal data: check digits, and whether a number is what its shape suggests.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{Range, RangeInclusive};

use super::rules::Span;

/// Length of the text before an address in which a version word counts, in bytes.
const VERSION_REACH_BYTES: usize = 24;

/// Words before four numbers with dots that make them a version rather than an address.
const VERSION_WORDS: &[&str] =
    &["version", "release", "build", "firmware", "section", "rev", "oid", "driver", "upgrade to"];

/// Resolvers that examples and instructions use.
const PUBLIC_RESOLVERS: [Ipv4Addr; 3] =
    [Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4), Ipv4Addr::new(9, 9, 9, 9)];

/// Accepts an e-mail address, except for reserved domains and addresses without a reader.
pub(super) fn check_email(text: &str, found: Range<usize>) -> Span {
    let lower = text[found.clone()].to_lowercase();
    let (user, domain) = lower.split_once('@')?;
    // RFC 2606, sections 2 and 3; `.local` is RFC 6762.
    let top = domain.rsplit('.').next()?;
    let is_reserved = ["example", "test", "invalid", "localhost", "local"].contains(&top)
        || ["example.com", "example.org", "example.net"].into_iter().any(|name| {
            domain.strip_suffix(name).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
        });
    // `git@host` is the user of every repository, not a person.
    let is_impersonal = matches!(user, "git" | "noreply" | "no-reply");
    // `logo@2x.png` has the shape of an address.
    let is_file = ["png", "jpg", "jpeg", "svg", "gif", "webp", "avif"].contains(&top);
    // `postgres://user@host.net` names a server.
    let is_user_of_url = text[..found.start].ends_with("://");
    (!is_reserved && !is_impersonal && !is_file && !is_user_of_url).then_some(found)
}

/// Accepts an IBAN of the length of its country and with valid check digits (ISO 13616; the digits
/// are those of ISO/IEC 7064, MOD 97-10).
pub(super) fn check_iban(text: &str, found: Range<usize>) -> Span {
    text[found.clone()].parse::<iban::Iban>().is_ok().then_some(found)
}

/// Accepts a card number (ISO/IEC 7812-1) of a known issuer, of that issuer's length, and with a
/// valid check digit.
pub(super) fn check_card(text: &str, found: Range<usize>) -> Span {
    let digits: Vec<u32> = text[found.clone()].chars().filter_map(|c| c.to_digit(10)).collect();
    // The shape has at least twelve digits, so the first two exist.
    let has_issuer = matches!(
        (digits[0], digits[1], digits.len()),
        (3, 4 | 7, 15)                 // American Express
            | (3, 0 | 6 | 8 | 9, 14)   // Diners Club
            | (3, 5, 16)               // JCB
            | (4, _, 13 | 16 | 19)     // Visa
            | (2, 2..=7, 16)           // Mastercard, Mir
            | (5, _, 16)               // Mastercard, Maestro
            | (6, _, 16..=19) // Discover, Maestro, UnionPay
    );
    // Numbers of test systems, such as 4242 4242 4242 4242, repeat one or two digits.
    let is_varied = digits.iter().collect::<HashSet<_>>().len() > 2;
    (has_issuer && passes_luhn(&digits) && is_varied && stands_alone(text, &found)).then_some(found)
}

/// Whether the last digit is the check digit of the others (ISO/IEC 7812-1, Annex B).
fn passes_luhn(digits: &[u32]) -> bool {
    let mut sum = 0;
    for (place, digit) in digits.iter().rev().enumerate() {
        // Every second digit from the right is doubled; of a product of two digits, their sum
        // counts, which is the product less nine.
        let doubled = digit * 2;
        sum += match place % 2 {
            0 => *digit,
            _ if doubled > 9 => doubled - 9,
            _ => doubled,
        };
    }
    sum.is_multiple_of(10)
}

/// Whether a number is not part of something longer, such as a hash, a path or a decimal.
fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let mut before = text[..span.start].chars().rev();
    let starts = match before.next() {
        // The slashes of `http://` are no path yet.
        Some('/') => before.next() == Some('/'),
        Some(c) => !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | '+'),
        None => true,
    };
    let mut after = text[span.end..].chars();
    let ends = match after.next() {
        // At the end of a sentence these are punctuation.
        Some('.' | '-' | '/') => after.next().is_none_or(|c| !c.is_ascii_alphanumeric()),
        Some('=' | '_' | '@') => false,
        Some(c) => !c.is_ascii_alphanumeric(),
        None => true,
    };
    starts && ends
}

/// Accepts an address of the public internet that is neither an example nor a version.
pub(super) fn check_address(text: &str, found: Range<usize>) -> Span {
    let is_public = match text[found.clone()].parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    };
    // A slash after an address begins the length of a prefix or a path, so it does not count.
    let before_slash = text[found.end..].starts_with('/').then(|| &text[..found.end]);
    let alone = stands_alone(before_slash.unwrap_or(text), &found);
    (is_public && alone && !follows_version_word(text, found.start)).then_some(found)
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    // The registry of special-purpose addresses, RFC 6890.
    let is_local = address.is_private() || address.is_loopback() || address.is_link_local();
    // Shared address space (RFC 6598), protocol assignments, and benchmarks (RFC 2544); from 224 on,
    // multicast and reserved addresses. `is_documentation` is RFC 5737.
    let is_special = address.is_documentation()
        || matches!(
            address.octets(),
            [0 | 224.., ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..]
        );
    // Four small numbers are the parts of a version far more often than an address.
    let is_version = address.octets().iter().all(|octet| *octet < 32);
    !(is_local || is_special || is_version || PUBLIC_RESOLVERS.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3 (RFC 4291, section 2.4), of which 2001:db8::/32 is documentation
    // (RFC 3849).
    first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0x0db8)
}

fn follows_version_word(text: &str, start: usize) -> bool {
    let near = text.ceil_char_boundary(start.saturating_sub(VERSION_REACH_BYTES));
    let before = text[near..start].to_ascii_lowercase();
    let before = before.trim_end_matches([' ', 'v', ':', '=', '^', '~', '>', '"']);
    VERSION_WORDS.iter().any(|word| before.ends_with(word))
}

/// Accepts a telephone number with its country code (at most 15 digits, ITU-T E.164) or in a
/// national form that is unmistakable.
pub(super) fn check_phone(text: &str, found: Range<usize>) -> Span {
    is_phone_number(8..=15, text, &found).then_some(found)
}

/// Accepts a number without a country code that stands for itself, not in a row of others.
pub(super) fn check_national_phone(text: &str, found: Range<usize>) -> Span {
    let after = text[found.end..].trim_start_matches([' ', '-', ',']);
    let precedes_number = after.starts_with(|c: char| c.is_ascii_digit());
    (!precedes_number && is_phone_number(9..=12, text, &found)).then_some(found)
}

/// Accepts a number after a word that introduces one, such as "tel".
pub(super) fn check_labelled_phone(text: &str, found: Range<usize>) -> Span {
    is_phone_number(7..=13, text, &found).then_some(found)
}

/// Whether a number has that many digits, is not a date, and is not a cell in a row of numbers.
fn is_phone_number(digits: RangeInclusive<usize>, text: &str, found: &Range<usize>) -> bool {
    let number = &text[found.clone()];
    let count = number.bytes().filter(u8::is_ascii_digit).count();
    let before = text[..found.start].trim_end_matches([' ', ',']);
    let follows_number =
        before.len() < found.start && before.ends_with(|c: char| c.is_ascii_digit());
    digits.contains(&count)
        && !(follows_number && number.starts_with('0'))
        && !contains_date(number)
        && stands_alone(text, found)
}

/// Whether three parts in a row are a date, with the year first or last.
fn contains_date(number: &str) -> bool {
    let parts: Vec<&str> = number.trim_start_matches('+').split([' ', '-', '.', '/']).collect();
    parts.windows(3).any(|parts| {
        is_year(parts[0]) && is_day_or_month(parts[1]) && is_day_or_month(parts[2])
            || is_day_or_month(parts[0]) && is_day_or_month(parts[1]) && is_year(parts[2])
    })
}

/// Longer parts count, too: a time may follow a year without a separator.
fn is_year(part: &str) -> bool {
    part.len() == 4 && (part.starts_with("19") || part.starts_with("20")) || part.len() > 4
}

fn is_day_or_month(part: &str) -> bool {
    part.len() == 2 && part <= "31"
}
