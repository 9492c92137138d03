//! Comparison of origins (RFC 6454). All loopback names count as one host.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use crate::config::is_loopback_host;

/// Whether two origins have the same scheme, host and port (RFC 6454, section 5). A text that is no
/// origin, such as `null` or a URL with a user or a path, equals no other.
pub(crate) fn is_same_origin(origin: &str, own: &str) -> bool {
    let (Some((scheme, host, port)), Some((own_scheme, own_host, own_port))) =
        (split_origin(origin), split_origin(own))
    else {
        return false;
    };
    scheme == own_scheme && port == own_port && is_same_host(&host, &own_host)
}

/// Whether the browser states that a page of the server at `own` sent the request, by
/// `Sec-Fetch-Site` or `Origin`. A request with neither header is not trusted: an old browser or a
/// foreign form.
pub(super) fn is_same_origin_request(headers: &HeaderMap, own: &str) -> bool {
    let sites: Vec<_> = headers.get_all("sec-fetch-site").iter().collect();
    let origins: Vec<_> = headers.get_all(header::ORIGIN).iter().collect();
    // If both are there, or one of them twice, all of them must agree.
    (!sites.is_empty() || !origins.is_empty())
        && sites.iter().all(|site| *site == "same-origin")
        && origins
            .iter()
            .all(|origin| origin.to_str().is_ok_and(|origin| is_same_origin(origin, own)))
}

/// Whether two hosts are the same, in any case of letters. `localhost`, `127.0.0.1` and `[::1]` are.
pub(crate) fn is_same_host(host: &str, own: &str) -> bool {
    host.eq_ignore_ascii_case(own) || is_loopback_host(host) && is_loopback_host(own)
}

/// The host of an authority that is host and port alone, as `Host` and `Origin` have one.
///
/// A user before the host (RFC 3986, section 3.2.1) has no place in either header, and makes
/// `http://localhost@evil.example` look like this machine.
pub(crate) fn plain_host(authority: &Authority) -> Option<&str> {
    let host = authority.host();
    // With a user before the host, the host is not where the text begins.
    let port = authority.as_str().strip_prefix(host)?;
    let is_port = match port.strip_prefix(':') {
        None => port.is_empty(),
        // RFC 3986, section 3.2.3: a port may be empty.
        Some(digits) => digits.is_empty() || digits.parse::<u16>().is_ok(),
    };
    (is_port && !host.is_empty()).then_some(host)
}

/// Splits an origin into scheme, host and port, with the default port of the scheme filled in
/// (RFC 6454, section 4).
fn split_origin(origin: &str) -> Option<(&str, String, u16)> {
    let (scheme, authority) = origin.split_once("://")?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    // A path, a query or a fragment does not parse as part of an authority.
    let authority = Authority::try_from(authority).ok()?;
    let host = plain_host(&authority)?.to_owned();
    Some((scheme, host, authority.port_u16().unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use super::is_same_origin;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_else() {
        let own = "http://localhost:3000";
        for same in [own, "http://LOCALHOST:3000", "http://127.0.0.1:3000", "http://[::1]:3000"] {
            assert!(is_same_origin(same, own), "{same}");
        }
        for other in [
            "",
            "null",
            "localhost:3000",
            "//localhost:3000",
            "https://localhost:3000",
            "http://localhost",
            "http://localhost:3001",
            "http://localhost:x",
            "http://localhost:65536",
            "http://:3000",
            "http://localhost:3000/",
            "http://localhost:3000/x",
            "http://localhost:3000?x",
            "http://localhost:3000#x",
            "http://user@localhost:3000",
            "http://@localhost:3000",
            "http://localhost:3000@evil.example",
            "http://localhost@evil.example:3000",
            "http://evil.example:3000",
            "http://localhost.evil.example:3000",
            "http://localhost:3000, http://evil.example",
            "http://evil.example:3000\\@localhost:3000",
        ] {
            assert!(!is_same_origin(other, own), "{other}");
        }
        assert!(is_same_origin("https://prompts.example:443", "https://prompts.example"));
    }
}
