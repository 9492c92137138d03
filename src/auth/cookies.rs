//! Sealed cookies: encrypted and authenticated, readable by this server alone.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Secret;

/// Most bytes of name and value that every browser keeps (RFC 6265, section 6.1).
const COOKIE_MAX_BYTES: usize = 4096;

/// What a cookie is for; each is sealed under its own name, so one cannot pass as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session of a signed-in browser.
    Session,
    /// A sign-in on its way.
    SignIn,
}

/// Seals and opens cookies. What it opens was sealed with one of its secrets, for the same purpose,
/// and is unchanged since then to the last bit.
pub struct CookieSeal {
    /// The first one seals; each of them opens.
    keys: Vec<Key>,
    secure: bool,
}

impl CookieSeal {
    /// `secrets` are of at least 32 bytes each; `secure` where the public URL is https.
    pub fn new(secrets: &[Secret], secure: bool) -> Self {
        let key = |secret: &Secret| Key::derive_from(secret.expose().as_bytes());
        Self { keys: secrets.iter().map(key).collect(), secure }
    }

    /// The name; its prefix has browsers refuse the cookie from any other host or path.
    fn name(&self, purpose: Purpose) -> &'static str {
        match (purpose, self.secure) {
            (Purpose::Session, true) => "__Host-promptdb",
            (Purpose::Session, false) => "promptdb",
            (Purpose::SignIn, true) => "__Host-promptdb-sign-in",
            (Purpose::SignIn, false) => "promptdb-sign-in",
        }
    }

    /// A `Set-Cookie` header; `None` if no browser would keep a cookie of this size.
    pub fn seal(
        &self,
        purpose: Purpose,
        content: &impl Serialize,
        max_age: Duration,
    ) -> Option<HeaderValue> {
        let content = serde_json::to_string(content).ok()?;
        let mut jar = CookieJar::new();
        jar.private_mut(self.keys.first()?).add(self.cookie(purpose, content, max_age));
        let sealed = jar.get(self.name(purpose))?;
        let size = sealed.name().len() + sealed.value().len();
        (size <= COOKIE_MAX_BYTES).then(|| sealed.to_string().try_into().ok())?
    }

    /// A `Set-Cookie` header that removes the cookie.
    pub fn removal(&self, purpose: Purpose) -> Option<HeaderValue> {
        self.cookie(purpose, String::new(), Duration::ZERO).to_string().try_into().ok()
    }

    fn cookie(&self, purpose: Purpose, value: String, max_age: Duration) -> Cookie<'static> {
        Cookie::build((self.name(purpose), value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(max_age)
            .build()
    }

    /// What the request's cookie holds. One that is foreign, cut or tampered with is none.
    pub fn open<T: DeserializeOwned>(&self, purpose: Purpose, headers: &HeaderMap) -> Option<T> {
        let name = self.name(purpose);
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let named = texts
            .flat_map(|text| Cookie::split_parse(text.to_owned()))
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == name);
        named.take(4).find_map(|cookie| {
            let mut jar = CookieJar::new();
            jar.add_original(cookie);
            let open = |key: &Key| jar.private(key).get(name);
            let opened = self.keys.iter().find_map(open)?;
            serde_json::from_str(opened.value()).ok()
        })
    }
}
