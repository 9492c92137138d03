//! Conditions on entity tags (RFC 9110, sections 8.8.3 and 13), as every resource reads them.

use axum::http::{HeaderMap, HeaderValue, header};

/// The `Vary` of an answer whose coding and tag depend on what the client accepts.
pub(crate) const VARY_BY_CODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// Finds the current tag in `If-None-Match`, by the weak comparison of RFC 9110, section 8.8.3.2.
/// Returns its prefix there: `W/`, or nothing.
pub(crate) fn find_tag(headers: &HeaderMap, current: &str) -> Option<&'static str> {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let lists = values.filter_map(|value| value.to_str().ok());
    for list in lists {
        let mut rest = list.trim();
        if rest == "*" {
            return Some("");
        }
        while let Some((tag, weak, after)) = split_tag(rest) {
            if tag == current {
                return Some(weak);
            }
            rest = after;
        }
    }
    None
}

/// Splits the first entity tag off a list (RFC 9110, sections 5.6.1 and 8.8.3), as its opaque part, its
/// prefix and what follows. A comma inside quotes belongs to the tag.
pub(crate) fn split_tag(list: &str) -> Option<(&str, &'static str, &str)> {
    let list = list.trim_start_matches([' ', '\t', ',']);
    let (weak, quoted) = match list.strip_prefix("W/") {
        Some(quoted) => ("W/", quoted),
        None => ("", list),
    };
    let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
    let after = after.trim_start_matches([' ', '\t']);
    (after.is_empty() || after.starts_with(',')).then_some((tag, weak, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_tag(lists: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(header::IF_NONE_MATCH, list.parse().unwrap());
        }
        let found = find_tag(&headers, "3f").map(|weak| format!("{weak}\"3f\""));
        assert_eq!(found.as_deref(), expected, "{lists:?}");
    }

    #[test]
    fn if_none_match_is_a_list_of_tags_that_are_compared_weakly() {
        let (strong, weak) = (Some("\"3f\""), Some("W/\"3f\""));
        for list in ["\"3f\"", "*", " * ", "\"1\",\"3f\"", "\"a,b\" , \"3f\"", ",, \"3f\" ,"] {
            check_tag(&[list], strong);
        }
        for list in ["W/\"3f\"", "\"1\", W/\"3f\"", "W/\"2\"\t,W/\"3f\""] {
            check_tag(&[list], weak);
        }
        check_tag(&["\"1\"", "\"3f\""], strong);
        for list in ["\"3\"", "3f", "\"3f", "\"1\" \"3f\"", "\"1,3f\"", "w/\"3f\"", "", "\"*\""] {
            check_tag(&[list], None);
        }
        check_tag(&[], None);
    }
}
