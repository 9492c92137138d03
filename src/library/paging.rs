//! The cursors of callers. A store's cursor has positions of the whole store in it, such as the number
//! of all writes, so it leaves sealed: unreadable, and valid for the library that it was made for.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Library, LibraryError};
use crate::config::Secret;
use crate::domain::FieldError;
use crate::domain::identity::{LibraryId, Principal};
use crate::domain::paging::{Cursor, Limit, Page, PageRequest, SealedCursor};
use crate::store::StoreError;

/// Maximum length of a caller's cursor, in bytes of its text. The longest one that is sealed has 208:
/// its longest part is a name or an id.
const CURSOR_MAX_BYTES: usize = 1024;
/// A cursor is padded to a multiple of this length in bytes before it is sealed: the number of digits
/// of a position would show its magnitude.
const PADDED_TO_BYTES: usize = 64;
/// The size of a nonce of AES-GCM in bytes (RFC 5116, section 5.1).
const NONCE_BYTES: usize = 12;
/// What the keys of cursors are derived for, so that no other use of a secret has the same key.
const PURPOSE: &[u8] = b"promptdb cursor\0";

/// Seals and opens the cursors of callers. Each library has a key of its own, so that a cursor opens
/// for its own library alone.
pub(super) struct CursorSeal {
    /// The first secret seals; every one opens, so that secrets can rotate.
    secrets: Vec<Secret>,
}

impl CursorSeal {
    /// Cursors that no other process opens.
    pub(super) fn random() -> Self {
        // 244 random bits.
        let secret = format!("{}{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
        Self { secrets: vec![secret.into()] }
    }

    /// Cursors that every process with one of `secrets` opens. There must be one at least.
    pub(super) fn with_secrets(secrets: &[Secret]) -> Self {
        Self { secrets: secrets.to_vec() }
    }

    fn seal(&self, library: &LibraryId, cursor: &Cursor) -> SealedCursor {
        let secret = self.secrets.first().expect("the settings refuse an empty list of secrets");
        let mut bytes = cursor.as_text().as_bytes().to_vec();
        // No part of a cursor has this byte: ids, names and numbers.
        bytes.resize(bytes.len().next_multiple_of(PADDED_TO_BYTES), b'\0');
        let nonce = derive_key(secret, library)
            .seal_in_place_append_tag(Aad::empty(), &mut bytes)
            .expect("a text of a few bytes is under the limit of AES-GCM");
        let sealed = [&nonce.as_ref()[..], &bytes].concat();
        SealedCursor::from_text(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a caller's cursor. Returns `None` for a text that was not sealed for this library.
    fn open(&self, library: &LibraryId, text: &str) -> Option<Cursor> {
        if text.len() > CURSOR_MAX_BYTES {
            return None;
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let opened = self.secrets.iter().find_map(|secret| {
            let mut bytes = sealed.to_vec();
            let key = derive_key(secret, library);
            let nonce = Nonce::assume_unique_for_key(*nonce);
            key.open_in_place(nonce, Aad::empty(), &mut bytes).ok().map(|text| text.to_vec())
        })?;
        let text = String::from_utf8(opened).ok()?;
        Some(Cursor::from_text(text.trim_end_matches('\0').to_owned()))
    }
}

/// Derives the key of a library. With a key for each, random nonces are safe for four billion cursors
/// of one library (NIST SP 800-38D, section 8.3), and not of all of them together.
fn derive_key(secret: &Secret, library: &LibraryId) -> RandomizedNonceKey {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(PURPOSE);
    mac.update(library.as_str().as_bytes());
    RandomizedNonceKey::new(&AES_256_GCM, &mac.finalize().into_bytes())
        .expect("SHA-256 has the 32 bytes of the key")
}

impl Library {
    /// Seals cursors with `secrets`, if there are any, instead of a key that ends with the process. So a
    /// cursor survives a restart, and every machine with one of them opens it.
    #[must_use]
    pub fn with_cursor_secrets(self, secrets: &[Secret]) -> Self {
        if secrets.is_empty() {
            return self;
        }
        Self { cursors: CursorSeal::with_secrets(secrets), ..self }
    }

    /// Checks the limit and opens the cursor of a caller.
    pub(super) fn page_request(
        &self,
        caller: &Principal,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<PageRequest, LibraryError> {
        let limit = limit.map(Limit::parse).transpose();
        let limit = limit.map_err(|message| FieldError::new("limit", message))?.unwrap_or_default();
        let open = |text: String| self.cursors.open(&caller.library_id, &text);
        let cursor = cursor.map(|text| open(text).ok_or(StoreError::InvalidCursor)).transpose()?;
        Ok(PageRequest { limit, cursor })
    }

    /// Seals the cursor of a page for its caller.
    pub(super) fn seal_page<T>(&self, caller: &Principal, page: Page<T>) -> Page<T, SealedCursor> {
        let next = page.next.map(|cursor| self.cursors.seal(&caller.library_id, &cursor));
        Page { items: page.items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::UserId;

    fn library(user: &str) -> LibraryId {
        LibraryId::of_user(&UserId::parse(user).unwrap())
    }

    fn seal_text(seal: &CursorSeal, user: &str, parts: &[&str]) -> String {
        seal.seal(&library(user), &Cursor::encode("recent", parts)).into_string()
    }

    #[test]
    fn a_cursor_opens_for_its_own_library_alone() {
        let seal = CursorSeal::random();
        let text = seal_text(&seal, "ann", &["7", "a b"]);
        let opened = seal.open(&library("ann"), &text).unwrap();
        assert_eq!(opened, Cursor::encode("recent", &["7", "a b"]));
        for other in ["bob", "ann2", "an", "Ann"] {
            assert_eq!(seal.open(&library(other), &text), None, "{other}");
        }
        assert_eq!(CursorSeal::random().open(&library("ann"), &text), None);
    }

    #[test]
    fn no_changed_or_invented_cursor_opens() {
        let seal = CursorSeal::random();
        let text = seal_text(&seal, "ann", &["7"]);
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(seal.open(&library("ann"), &changed), None, "{changed}");
            assert_eq!(seal.open(&library("ann"), &text[..index]), None, "{index}");
        }
        let plain = BASE64_URL_SAFE_NO_PAD.encode("recent\n7");
        for invented in [plain, format!("{text}A"), "%%%".to_owned(), "A".repeat(4096)] {
            assert_eq!(seal.open(&library("ann"), &invented), None, "{invented}");
        }
    }

    #[test]
    fn a_sealed_cursor_shows_neither_a_position_nor_its_magnitude() {
        let seal = CursorSeal::random();
        let lengths = ["1", "123456789", "9223372036854775807"]
            .map(|position| seal_text(&seal, "ann", &[position, position]).len());
        assert_eq!(lengths, [123; 3]);
        let sealed =
            BASE64_URL_SAFE_NO_PAD.decode(seal_text(&seal, "ann", &["123456789"])).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("recent"));
        let again = seal_text(&seal, "ann", &["1"]);
        assert_ne!(again, seal_text(&seal, "ann", &["1"]), "the nonce is random");
    }

    #[test]
    fn the_longest_cursor_is_far_under_the_limit_and_fits_into_a_url() {
        let seal = CursorSeal::random();
        let longest = "a".repeat(64);
        let text = seal_text(&seal, "ann", &[&longest, "9223372036854775807"]);
        assert_eq!(text.len(), 208);
        assert!(text.len() < CURSOR_MAX_BYTES);
        let is_url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(text.bytes().all(is_url_safe), "{text}");
    }

    #[test]
    fn the_secrets_of_cursors_rotate() {
        let (old, new) = ("old".repeat(11), "new".repeat(11));
        let with = |secrets: &[&String]| {
            let secrets: Vec<Secret> = secrets.iter().map(|text| (*text).clone().into()).collect();
            CursorSeal::with_secrets(&secrets)
        };
        let text = seal_text(&with(&[&old]), "ann", &["7"]);
        assert!(with(&[&new, &old]).open(&library("ann"), &text).is_some());
        assert!(with(&[&new]).open(&library("ann"), &text).is_none());
        let text = seal_text(&with(&[&new, &old]), "ann", &["7"]);
        assert!(with(&[&new]).open(&library("ann"), &text).is_some(), "the first one seals");
    }
}
