//! Comparison of origins (RFC 6454). All loopback names count as one host.

use axum::http::Uri;

use crate::config::is_loopback_host;

/// Whether two origins have the same scheme, host and port (RFC 6454, section 5). An origin that
/// cannot be parsed, such as `null`, equals no other.
pub(crate) fn is_same_origin(origin: &str, own: &str) -> bool {
    let (Some((scheme, host, port)), Some((own_scheme, own_host, own_port))) =
        (split_origin(origin), split_origin(own))
    else {
        return false;
    };
    scheme == own_scheme && port == own_port && is_same_host(&host, &own_host)
}

/// Whether two hosts are the same, in any case of letters. `localhost`, `127.0.0.1` and `[::1]` are.
pub(crate) fn is_same_host(host: &str, own: &str) -> bool {
    host.eq_ignore_ascii_case(own) || is_loopback_host(host) && is_loopback_host(own)
}

/// Splits an origin into scheme, host and port, with the default port of the scheme filled in
/// (RFC 6454, section 4).
fn split_origin(origin: &str) -> Option<(String, String, u16)> {
    let uri: Uri = origin.parse().ok()?;
    let scheme = uri.scheme_str()?.to_owned();
    let default = if scheme == "https" { 443 } else { 80 };
    Some((scheme, uri.host()?.to_owned(), uri.port_u16().unwrap_or(default)))
}
