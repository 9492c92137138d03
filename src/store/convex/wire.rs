//! The wire forms that all functions share.
//!
//! Convex writes every number as a float (`5.0`), so whole numbers are read through one.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::domain::Timestamp;
use crate::domain::vector::Embedding;

/// The largest number up to which a float represents every whole number: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A whole number, possibly written as a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.fract() != 0.0 || number.abs() > EXACT_MAX {
            return Err(serde::de::Error::custom("expected a whole number"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
        Ok(Self(number as i64))
    }
}

impl Whole {
    pub(super) fn number(self) -> i64 {
        self.0
    }

    /// A sum of products of components, which are all within 32 bits.
    pub(super) fn component_sum(self) -> i32 {
        i32::try_from(self.0).unwrap_or_default()
    }

    pub(super) fn version(self) -> u32 {
        u32::try_from(self.0).unwrap_or_default()
    }

    pub(super) fn at(self) -> Timestamp {
        Timestamp::from_millis(self.0)
    }
}

/// A page as a function returns it; `next` is the `after` of the next call.
#[derive(Deserialize)]
pub(super) struct WirePage<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<Map<String, Value>>,
}

/// The write context of a mutation. Every mutation has a key, so that it can be repeated.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireWrite<'a> {
    pub(super) client: &'a str,
    pub(super) key: &'a str,
    pub(super) fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accepts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) byte_quota: Option<u64>,
}

/// A vector with its model. The components are whole numbers, as the functions store them.
#[derive(Serialize)]
pub(super) struct WireEmbedding<'a> {
    model: &'a str,
    vector: Vec<i8>,
}

impl<'a> From<&'a Embedding> for WireEmbedding<'a> {
    fn from(embedding: &'a Embedding) -> Self {
        let bytes = embedding.vector.as_bytes();
        let vector = bytes.iter().map(|byte| byte.cast_signed()).collect();
        Self { model: embedding.model.as_str(), vector }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<i64>) {
        let read = serde_json::from_str::<Whole>(json).ok().map(Whole::number);
        assert_eq!(read, expected, "{json}");
    }

    #[test]
    fn whole_numbers_may_be_floats() {
        check("5", Some(5));
        check("5.0", Some(5));
        check("1767225600000.0", Some(1_767_225_600_000));
        check("-1.0", Some(-1));
        for json in ["5.5", "1e300", "\"5\"", "null"] {
            check(json, None);
        }
    }
}
