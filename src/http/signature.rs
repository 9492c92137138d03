//! Bodies with a signature in a header, as webhooks send them: `t=<time>, v1=<hex>`.
//!
//! The signature is the HMAC-SHA256 of `<time>.<body>` with a secret that sender and server share.
//! Stripe writes the time in seconds, WorkOS in milliseconds.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderName;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::body::read_body;
use crate::config::Secret;
use crate::domain::Timestamp;
use crate::error::ApiError;

/// Maximum difference between the time of a signature and the server's clock.
const WINDOW: Duration = Duration::from_mins(5);
/// A time below this is in seconds, any other in milliseconds: as seconds it is the year 5138, as
/// milliseconds a day in 1973.
const SECONDS_BELOW: i64 = 100_000_000_000;
/// Size of an HMAC-SHA256 in bytes.
const CODE_BYTES: usize = 32;
/// Maximum number of codes in a header. A sender whose secret is being replaced signs with both.
const CODES_MAX: usize = 4;

/// A well-formed signature whose time is near.
#[derive(Debug, PartialEq, Eq)]
struct Signature {
    /// The time as the sender wrote and signed it.
    time: String,
    codes: Vec<[u8; CODE_BYTES]>,
}

/// Reads a body and verifies its signature with any of `secrets`. Nothing of the body is read before
/// the header is well formed and its time near `now`, and nothing of it is to be parsed before this
/// returns it.
///
/// # Errors
/// [`ApiError::Malformed`] for a missing, malformed, outdated or wrong signature.
pub async fn read_signed_body(
    request: Request,
    header: HeaderName,
    secrets: &[Secret],
    now: Timestamp,
) -> Result<Bytes, ApiError> {
    let mut values = request.headers().get_all(&header).iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    let only = value.filter(|_| values.next().is_none());
    let Some(signature) = only.and_then(|text| Signature::parse(text, now)) else {
        return Err(ApiError::Malformed(format!(
            "the {header} header must be sent once, as \"t=<time>, v1=<64 hexadecimal digits>\", \
             with a time within {} minutes",
            WINDOW.as_secs() / 60
        )));
    };
    let body = read_body(request).await?;
    if !signature.matches(&body, secrets) {
        return Err(ApiError::Malformed(format!("the {header} header does not match the body")));
    }
    Ok(body)
}

impl Signature {
    /// Parses a header. Returns `None` if it is malformed or its time is too far off. The time
    /// bounds how long a captured event can be replayed.
    fn parse(text: &str, now: Timestamp) -> Option<Self> {
        let mut time = None;
        let mut codes = Vec::new();
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            match name {
                "t" if time.is_none() => time = Some(value),
                "v1" if codes.len() < CODES_MAX => codes.push(parse_code(value)?),
                "t" | "v1" => return None,
                // Signatures of other schemes are not ours to judge.
                _ => {}
            }
        }
        let time = time?;
        let number = time.parse::<i64>().ok()?;
        let millis = if number < SECONDS_BELOW { number.saturating_mul(1000) } else { number };
        let signed_at = Timestamp::from_millis(millis);
        let is_near = signed_at <= now.plus(WINDOW) && now <= signed_at.plus(WINDOW);
        (is_near && !codes.is_empty()).then(|| Self { time: time.to_owned(), codes })
    }

    fn matches(&self, body: &[u8], secrets: &[Secret]) -> bool {
        secrets.iter().any(|secret| self.matches_one(body, secret))
    }

    fn matches_one(&self, body: &[u8], secret: &Secret) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
            return false;
        };
        mac.update(self.time.as_bytes());
        mac.update(b".");
        mac.update(body);
        // Each comparison takes constant time.
        self.codes.iter().any(|code| mac.clone().verify_slice(code).is_ok())
    }
}

/// Parses 64 hexadecimal digits.
fn parse_code(text: &str) -> Option<[u8; CODE_BYTES]> {
    if text.len() != 2 * CODE_BYTES {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(parse_byte).collect();
    bytes?.try_into().ok()
}

fn parse_byte(pair: &[u8]) -> Option<u8> {
    let high = char::from(*pair.first()?).to_digit(16)?;
    let low = char::from(*pair.get(1)?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Signature> {
        Signature::parse(text, Timestamp::from_millis(1_767_225_600_000))
    }

    #[test]
    fn a_header_is_checked_before_the_body_is_read() {
        let code = "0f".repeat(CODE_BYTES);
        for text in [
            format!("t=1767225600,v1={code}"),
            format!("t=1767225600000, v1={}", code.to_uppercase()),
            format!("t=1767225900,v1={code},v0=x"),
            format!("t=1767225300,v1={code},v1={code}"),
        ] {
            assert!(parse(&text).is_some(), "{text}");
        }
        for text in [
            String::new(),
            format!("v1={code}"),
            "t=1767225600".to_owned(),
            "t=1767225600,v1=".to_owned(),
            format!("t=1767225600,v1={}", &code[1..]),
            format!("t=1767225600,v1={code}0"),
            format!("t=1767225600,v1={}", "zz".repeat(CODE_BYTES)),
            format!("t=1767225600,v1={}", "é".repeat(CODE_BYTES)),
            format!("t=1767225600,t=1767225600,v1={code}"),
            format!("t=1767225600{}", format!(",v1={code}").repeat(CODES_MAX + 1)),
            format!("t=1767225901,v1={code}"),
            format!("t=1767225299,v1={code}"),
            format!("t={},v1={code}", "9".repeat(40)),
            format!("t=-1,v1={code}"),
            format!("t=1767225600,v1={code},x"),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    fn sign(secret: &[u8]) -> [u8; CODE_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(b"1767225600.body");
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn one_matching_code_of_several_is_enough_with_each_of_several_secrets() {
        let secrets = ["whsec_new", "whsec_old"].map(|secret| Secret::from(secret.to_owned()));
        let signature = |codes| Signature { time: "1767225600".to_owned(), codes };
        for secret in ["whsec_new", "whsec_old"] {
            let good = signature(vec![[0; CODE_BYTES], sign(secret.as_bytes())]);
            assert!(good.matches(b"body", &secrets), "{secret}");
            assert!(!good.matches(b"bodY", &secrets), "{secret}");
            assert!(!good.matches(b"body", &[]), "{secret}");
        }
        let foreign = signature(vec![sign(b"whsec_foreign")]);
        assert!(!foreign.matches(b"body", &secrets));
        assert!(!signature(vec![[0; CODE_BYTES]]).matches(b"body", &secrets));
    }
}
