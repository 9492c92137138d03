//! Sealed cookies: encrypted and authenticated, readable by this server alone.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Secret;

/// Maximum size of name and value in bytes that every browser stores (RFC 6265, section 6.1).
const COOKIE_MAX_BYTES: usize = 4096;
/// Maximum number of cookies with the same name that are tried for one request.
const CANDIDATES_MAX: usize = 4;

/// The purpose of a cookie. Each purpose has its own name, which the seal covers, so that a cookie
/// of one purpose does not open as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session of a signed-in browser.
    Session,
    /// A sign-in in progress.
    SignIn,
}

/// Seals and opens cookies. A cookie opens only if it was sealed with one of the secrets, for the
/// same purpose, and is unchanged.
pub struct CookieSeal {
    /// The first key seals; every key opens, so that secrets can rotate.
    keys: Vec<Key>,
    secure: bool,
}

impl CookieSeal {
    /// Derives the keys from `secrets` of at least 32 bytes each. `secure` is set if the public URL
    /// is https.
    pub fn new(secrets: &[Secret], secure: bool) -> Self {
        let keys =
            secrets.iter().map(|secret| Key::derive_from(secret.expose().as_bytes())).collect();
        Self { keys, secure }
    }

    /// The name of a cookie. With the prefix `__Host-` a browser rejects the cookie unless it is
    /// `Secure`, has no `Domain` and the path `/` (RFC 6265bis, section 4.1.3.2).
    pub(super) fn name(&self, purpose: Purpose) -> &'static str {
        match (purpose, self.secure) {
            (Purpose::Session, true) => "__Host-promptdb",
            (Purpose::Session, false) => "promptdb",
            (Purpose::SignIn, true) => "__Host-promptdb-sign-in",
            (Purpose::SignIn, false) => "promptdb-sign-in",
        }
    }

    /// Seals a value into a `Set-Cookie` header. Returns `None` if the cookie is too large for
    /// browsers.
    pub fn seal(
        &self,
        purpose: Purpose,
        content: &impl Serialize,
        max_age: Duration,
    ) -> Option<HeaderValue> {
        let content = serde_json::to_string(content).ok()?;
        let mut jar = CookieJar::new();
        jar.private_mut(self.keys.first()?).add(self.build_cookie(purpose, content, max_age));
        let sealed = jar.get(self.name(purpose))?;
        let size = sealed.name().len() + sealed.value().len();
        (size <= COOKIE_MAX_BYTES).then(|| sealed.to_string().try_into().ok())?
    }

    /// Builds the `Set-Cookie` header that removes a cookie.
    pub fn build_removal(&self, purpose: Purpose) -> Option<HeaderValue> {
        self.build_cookie(purpose, String::new(), Duration::ZERO).to_string().try_into().ok()
    }

    fn build_cookie(&self, purpose: Purpose, value: String, max_age: Duration) -> Cookie<'static> {
        Cookie::build((self.name(purpose), value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            // `Lax` and not `Strict`: the browser comes back from WorkOS by a navigation from
            // another site, and must bring the cookie of its sign-in.
            .same_site(SameSite::Lax)
            .max_age(max_age)
            .build()
    }

    /// Opens the cookie of a request. Returns `None` without one, or if it does not open.
    pub fn open<T: DeserializeOwned>(&self, purpose: Purpose, headers: &HeaderMap) -> Option<T> {
        let name = self.name(purpose);
        // HTTP/2 clients may split the cookies over several headers (RFC 9113, section 8.2.3).
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| Cookie::split_parse(text.to_owned()))
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == name)
            // A name can occur more than once, as another application on the same host may set it.
            // The limit bounds the number of decryptions.
            .take(CANDIDATES_MAX)
            .find_map(|cookie| self.open_cookie(cookie))
    }

    fn open_cookie<T: DeserializeOwned>(&self, cookie: Cookie<'static>) -> Option<T> {
        let name = cookie.name().to_owned();
        let mut jar = CookieJar::new();
        jar.add_original(cookie);
        let opened = self.keys.iter().find_map(|key| jar.private(key).get(&name))?;
        serde_json::from_str(opened.value()).ok()
    }
}
