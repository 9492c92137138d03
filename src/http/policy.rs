//! Content security policies: which code, styles and data a response may load.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The policy of data: it loads nothing.
pub(super) const DATA_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The policies of pages whose code and styles are files of this server, under http and https.
static PAGE_POLICIES: LazyLock<[HeaderValue; 2]> = LazyLock::new(|| {
    let sources = PageSources { script: "'self'".to_owned(), style: "'self'".to_owned() };
    [false, true].map(|is_https| sources.write_policy(is_https))
});

/// Returns the policy of a page whose code and styles are files of this server.
pub(super) fn page_policy(is_https: bool) -> HeaderValue {
    PAGE_POLICIES[usize::from(is_https)].clone()
}

/// The code and the styles that a page may have.
#[derive(Debug)]
pub(crate) struct PageSources {
    script: String,
    style: String,
}

impl PageSources {
    /// Allows one script and one style inside the page's own text, by their hashes, and no other.
    pub(crate) fn inline(script: &str, style: &str) -> Self {
        Self { script: write_hash(script), style: write_hash(style) }
    }

    /// Writes the policy of a page: beside its code and styles it loads from this server alone, and
    /// never turns a text into markup or code (Trusted Types).
    pub(crate) fn write_policy(&self, is_https: bool) -> HeaderValue {
        let Self { script, style } = self;
        // Under http it would make a browser look for https.
        let upgrade = if is_https { "; upgrade-insecure-requests" } else { "" };
        let policy = format!(
            "default-src 'none'; script-src {script}; style-src {style}; img-src 'self' data:; \
             connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\
             {upgrade}"
        );
        HeaderValue::try_from(policy).expect("keywords and hashes are visible ASCII")
    }
}

/// Writes the source expression of an inline script or style (CSP Level 3, section 2.3.1).
fn write_hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_inline_script_is_that_of_the_specification() {
        // CSP Level 3, section 8.3.
        let expected = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='";
        assert_eq!(write_hash("alert('Hello, world.');"), expected);
    }

    #[test]
    fn inline_sources_allow_nothing_else() {
        let policy = PageSources::inline("s", "t").write_policy(true);
        let policy = policy.to_str().unwrap();
        let (script, style) = (write_hash("s"), write_hash("t"));
        assert!(
            policy.contains(&format!("; script-src {script}; style-src {style}; ")),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
