//! An issuer of access tokens: its key set on loopback, and tokens of the size that WorkOS makes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use promptdb::domain::{Clock, SystemClock};
use serde_json::json;
use tokio::net::TcpListener;

pub(crate) const CLIENT_ID: &str = "client_bench";
pub(crate) const WORKOS_KEY: &str = "sk_bench";
pub(crate) const COOKIE_SECRET: &str = "0123456789abcdef0123456789abcdef";
const KEY_ID: &str = "key_01KBENCH0000000000000000";
/// For how many seconds tokens are valid.
const VALID_FOR: i64 = 3600;

/// An issuer that serves its keys on a thread of this process.
pub(crate) struct Issuer {
    pub(crate) url: String,
    /// The same port under another name, for web tokens have another issuer.
    pub(crate) api_url: String,
    key: KeyPair,
    fetches: Arc<AtomicUsize>,
}

impl Issuer {
    pub(crate) fn start() -> Result<Self, String> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|error| error.to_string())?;
        let components = PublicKeyComponents::<Vec<u8>>::from(key.public_key());
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let keys = json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": encode(&components.n), "e": encode(&components.e),
        }] });
        let fetches = Arc::new(AtomicUsize::new(0));
        let state = (Arc::clone(&fetches), keys.to_string());
        let router = Router::new()
            .route("/oauth2/jwks", get(answer_keys))
            .route("/sso/jwks/{client}", get(answer_keys))
            .with_state(state);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
        let listener = listener.map_err(|error| error.to_string())?;
        listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        // It serves until the process ends; where it cannot, no token is good.
        std::thread::spawn(|| {
            crate::block_on(async { axum::serve(TcpListener::from_std(listener)?, router).await })
        });
        let url = format!("http://{address}");
        Ok(Self { api_url: url.replace("127.0.0.1", "localhost"), url, key, fetches })
    }

    /// The settings of a server whose users sign in here.
    pub(crate) fn settings(&self) -> [(&'static str, &str); 5] {
        [
            ("WORKOS_CLIENT_ID", CLIENT_ID),
            ("WORKOS_API_KEY", WORKOS_KEY),
            ("WORKOS_API_URL", &self.api_url),
            ("AUTHKIT_DOMAIN", &self.url),
            ("COOKIE_SECRET", COOKIE_SECRET),
        ]
    }

    /// How often its keys were asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// A token for the server at `public_url`, of a user and a number that tells it from others.
    pub(crate) fn token(&self, public_url: &str, user: &str, number: usize) -> String {
        let now = SystemClock.now().as_millis() / 1000;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID });
        let claims = json!({
            "iss": self.url,
            "aud": format!("{public_url}/mcp"),
            "sub": user,
            "sid": format!("app_consent_01K{user}"),
            "jti": format!("01KBENCH{number:018}"),
            "org_id": "org_01KBENCH000000000000000000",
            "client_id": "client_01KBENCH0000000000000000",
            "scope": "openid profile email offline_access",
            "iat": now,
            "exp": now + VALID_FOR,
        });
        let encode = |text: &serde_json::Value| URL_SAFE_NO_PAD.encode(text.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("a generated key signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Checks nothing of a token but its signature.
    pub(crate) fn check_signature(&self, token: &str) -> Result<(), String> {
        let (signed, signature) = token.rsplit_once('.').ok_or("a token without a signature")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|error| error.to_string())?;
        let key = PublicKeyComponents::<Vec<u8>>::from(self.key.public_key());
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
            .map_err(|_| "a wrong signature".to_owned())
    }
}

async fn answer_keys(
    State((fetches, keys)): State<(Arc<AtomicUsize>, String)>,
) -> impl axum::response::IntoResponse {
    fetches.fetch_add(1, Ordering::SeqCst);
    ([(header::CONTENT_TYPE, "application/json")], keys)
}
