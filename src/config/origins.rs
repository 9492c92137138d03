//! The origins whose pages may call `/mcp`.

use std::net::Ipv6Addr;

use axum::http::uri::Authority;

use super::{ConfigError, fault};

/// Parses a list of https origins, and returns them as browsers write them (RFC 6454, section 6.2).
pub(super) fn parse_origins(setting: &str) -> Result<Vec<String>, ConfigError> {
    let mut origins = Vec::new();
    for text in setting.split(',').map(str::trim) {
        let origin = parse_https_origin(text).ok_or_else(|| {
            let message = format!(
                "contains \"{text}\", but each must be one https origin, such as \
                 https://app.example.com, without a path or a wildcard"
            );
            fault("ALLOWED_ORIGINS", message)
        })?;
        origins.push(origin);
    }
    Ok(origins)
}

fn parse_https_origin(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let authority: Authority = text.strip_prefix("https://")?.parse().ok()?;
    let host = authority.host();
    let is_name = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    if !is_name && !is_address {
        return None;
    }
    // With a user before the host, the host is not where the text begins.
    match authority.as_str().strip_prefix(host)?.strip_prefix(':') {
        None => (authority.as_str() == host).then(|| format!("https://{host}")),
        // A browser leaves out the default port.
        Some(port) => match port.parse::<u16>().ok()? {
            443 => Some(format!("https://{host}")),
            port => Some(format!("https://{host}:{port}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_origins_are_exact_https_origins() {
        for bad in [
            "*",
            "null",
            "app.example.com",
            "http://app.example.com",
            "http://localhost:3000",
            "https://*.example.com",
            "https://app.example.com/path",
            "https://app.example.com//",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://user@app.example.com",
            "https://app.example.com@evil.example",
            "https://app.example.com:",
            "https://app.example.com:65536",
            "https://app.example.com:x",
            "https://",
            "https://[::1",
            "https://a.example https://b.example",
            "https://a.example,",
            ",https://a.example",
            "https://a.example,*",
        ] {
            let error = parse_origins(bad).unwrap_err().to_string();
            assert!(error.starts_with("ALLOWED_ORIGINS contains"), "{bad}: {error}");
        }
        let good = "https://App.example.com:443/, https://b.example:8443,https://[2001:DB8::1]:99";
        assert_eq!(
            parse_origins(good).unwrap(),
            ["https://app.example.com", "https://b.example:8443", "https://[2001:db8::1]:99"]
        );
    }
}
