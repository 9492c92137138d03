//! What a client prefers (RFC 9110, section 12): the coding of an answer, and the form of an error.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// A content coding of answers (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Brotli,
}

impl Coding {
    /// Selects the coding that the client accepts and prefers (RFC 9110, section 12.5.3); `None` for
    /// no coding. Of two that it prefers equally, `favorite`.
    pub(crate) fn select(headers: &HeaderMap, favorite: Self) -> Option<Self> {
        let accepted =
            |coding| weigh(headers, &header::ACCEPT_ENCODING, |range| rank(range, coding));
        if !headers.contains_key(header::ACCEPT_ENCODING) {
            return None;
        }
        // A client that says nothing about `identity` takes it, but likes what it names better.
        let identity = accepted("identity").filter(|_| names(headers, "identity")).unwrap_or(0);
        let gzip = accepted("gzip").unwrap_or(0);
        let brotli = accepted("br").unwrap_or(0);
        let is_brotli = brotli > gzip || brotli == gzip && favorite == Self::Brotli;
        let (coding, weight) = if is_brotli { (Self::Brotli, brotli) } else { (Self::Gzip, gzip) };
        (weight > 0 && weight >= identity).then_some(coding)
    }

    /// The value of `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }
}

/// Whether the client would get a long answer compressed.
pub(crate) fn accepts_coding(headers: &HeaderMap) -> bool {
    Coding::select(headers, Coding::Gzip).is_some()
}

/// How well a range of `Accept-Encoding` fits a coding: 2 by its name, 1 by `*`.
fn rank(range: &str, coding: &str) -> Option<u8> {
    // RFC 9110, section 8.4.1.3: `x-gzip` is gzip.
    let range = if range.eq_ignore_ascii_case("x-gzip") { "gzip" } else { range };
    if range.eq_ignore_ascii_case(coding) { Some(2) } else { (range == "*").then_some(1) }
}

fn names(headers: &HeaderMap, coding: &str) -> bool {
    weigh(headers, &header::ACCEPT_ENCODING, |range| {
        range.eq_ignore_ascii_case(coding).then_some(1)
    })
    .is_some()
}

/// Whether the client likes HTML better than JSON: a browser that navigates, and not a program or a
/// script of a page, which accept anything alike.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    // Nearly every request ends here, before anything is parsed.
    let is_named = |value: &HeaderValue| {
        value.as_bytes().windows(6).any(|window| {
            window.eq_ignore_ascii_case(b"t/html") || window.eq_ignore_ascii_case(b"text/*")
        })
    };
    if !headers.get_all(header::ACCEPT).iter().any(is_named) {
        return false;
    }
    let accepted = |main: &str, sub: &str| {
        weigh(headers, &header::ACCEPT, |range| {
            let (range_main, range_sub) = range.split_once('/')?;
            match (range_main, range_sub) {
                ("*", "*") => Some(1),
                (range_main, _) if !range_main.eq_ignore_ascii_case(main) => None,
                (_, "*") => Some(2),
                (_, range_sub) => range_sub.eq_ignore_ascii_case(sub).then_some(3),
            }
        })
        .unwrap_or(0)
    };
    let json = accepted("application", "json").max(accepted("application", "problem+json"));
    accepted("text", "html") > json
}

/// Whether the client asks for JSON by its name: the script of a page that reads the answer, and not
/// a program that accepts anything.
pub(crate) fn names_json(headers: &HeaderMap) -> bool {
    let rank = |range: &str| range.eq_ignore_ascii_case("application/json").then_some(1);
    weigh(headers, &header::ACCEPT, rank).is_some_and(|weight| weight > 0)
}

/// The weight of the most specific range of a header that fits, in thousandths; `None` without one.
/// `rank` returns how specifically a range fits, and `None` if it does not.
fn weigh(headers: &HeaderMap, name: &HeaderName, rank: impl Fn(&str) -> Option<u8>) -> Option<u16> {
    let mut best: Option<(u8, u16)> = None;
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    for item in values.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let weight = parts.find_map(parse_weight).unwrap_or(1000);
        if let Some(rank) = rank(range)
            && best.is_none_or(|best| (rank, weight) > best)
        {
            best = Some((rank, weight));
        }
    }
    best.map(|(_, weight)| weight)
}

/// Parses a weight, such as `q=0.8`, into thousandths; `None` for another parameter. One that is not
/// valid is 0, so that nothing is preferred by mistake.
fn parse_weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value = value.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{fraction:0<3}").parse::<u16>().unwrap_or(0);
    Some(match (whole, is_number) {
        ("0", true) => thousandths,
        ("1", true) if thousandths == 0 => 1000,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_coding_is_the_one_that_the_client_likes_best() {
        let select_as = |favorite, values: &[&str]| {
            Coding::select(&headers(&header::ACCEPT_ENCODING, values), favorite)
        };
        let select = |values: &[&str]| select_as(Coding::Gzip, values);
        for gzip in [
            &["gzip"] as &[&str],
            &["GZip"],
            &["x-gzip"],
            &["gzip, deflate, br, zstd"],
            &["br;q=0.9, gzip"],
            &["br ; q=0.5 , gzip ; Q=0.501"],
            &["*"],
            &["br;q=0, *;q=0.1"],
            &["deflate", "gzip"],
            &["identity;q=0.5, gzip;q=0.5"],
            &["identity;q=0, gzip;q=0.001"],
        ] {
            assert_eq!(select(gzip), Some(Coding::Gzip), "{gzip:?}");
        }
        for brotli in ["br", "gzip;q=0.8, br", "gzip;q=0, *", "br;q=1.000, gzip;q=0.999"] {
            assert_eq!(select(&[brotli]), Some(Coding::Brotli), "{brotli}");
        }
        for none in [
            "",
            "identity",
            "deflate, zstd",
            "gzip;q=0",
            "gzip;q=0.000, br;q=0",
            "*;q=0",
            "identity, gzip;q=0.5",
            "gzip;q=2",
            "gzip;q=x",
            "gzip;q=0.0001",
            "gzipped",
        ] {
            assert_eq!(select(&[none]), None, "{none}");
        }
        assert_eq!(select(&[]), None);
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("*", Some(Coding::Brotli)),
            ("br;q=0.9, gzip", Some(Coding::Gzip)),
            ("gzip", Some(Coding::Gzip)),
            ("br;q=0, gzip;q=0", None),
        ] {
            assert_eq!(select_as(Coding::Brotli, &[accepted]), coding, "{accepted}");
        }
    }

    #[test]
    fn a_browser_prefers_html_and_a_script_does_not() {
        let prefers = |values: &[&str]| prefers_html(&headers(&header::ACCEPT, values));
        for browser in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            "text/html",
            "TEXT/HTML;charset=utf-8",
            "text/*",
            "application/json;q=0.5, text/html;q=0.6",
            "text/html, */*;q=0",
        ] {
            assert!(prefers(&[browser]), "{browser}");
        }
        assert!(prefers(&["image/png", "text/html"]));
        for program in [
            "*/*",
            "",
            "application/json",
            "application/json, text/event-stream",
            "text/html, application/json",
            "text/html;q=0.5, application/json",
            "text/html, application/problem+json",
            "text/html;q=0",
            "text/html;q=0.5, */*",
            "text/plain",
            "html",
        ] {
            assert!(!prefers(&[program]), "{program}");
        }
        assert!(!prefers(&[]));
    }
}
