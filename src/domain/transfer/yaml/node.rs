//! A YAML document with its scalars as they are written: a title or a tag such as `1.50` or `007` is not a number.

use std::fmt;
use std::ops::Range;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A value.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Text(String),
    /// A number or a boolean, as the bytes of the source that it is.
    Plain(Range<usize>),
    List(Vec<Node>),
    /// Keys may be repeated.
    Map(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: Parsed(node), defined, .. } = Spanned::deserialize(deserializer)?;
        if !matches!(node, Self::Plain(_)) {
            return Ok(node);
        }
        let span = defined.span();
        let place = span.byte_offset().zip(span.byte_len());
        let place = place.and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
        place.map(Self::Plain).ok_or_else(|| de::Error::custom("a value has no place"))
    }
}

/// A stream of documents: the elements of lists, and the others as they are.
impl FromIterator<Node> for Node {
    fn from_iter<I: IntoIterator<Item = Self>>(documents: I) -> Self {
        let mut list = Vec::new();
        for document in documents {
            match document {
                Self::List(items) => list.extend(items),
                other => list.push(other),
            }
        }
        Self::List(list)
    }
}

/// A value whose place is not known yet.
struct Parsed(Node);

/// A number or a boolean without its place.
const PLAIN: Parsed = Parsed(Node::Plain(0..0));

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Parsed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Parsed, E> {
                Ok(Parsed(Node::Null))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Parsed, E> {
                Ok(PLAIN)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Parsed, E> {
                Ok(PLAIN)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Parsed, E> {
                Ok(PLAIN)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Parsed, E> {
                Ok(PLAIN)
            }

            fn visit_str<E>(self, text: &str) -> Result<Parsed, E> {
                Ok(Parsed(Node::Text(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Parsed, E> {
                Ok(Parsed(Node::Text(text)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parsed, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Parsed(Node::List(list)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Parsed, A::Error> {
                let mut map = Vec::new();
                while let Some(field) = fields.next_entry()? {
                    map.push(field);
                }
                Ok(Parsed(Node::Map(map)))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A value with the source that it was parsed from, as JSON.
pub(super) struct Written<'a> {
    pub(super) node: &'a Node,
    pub(super) source: &'a str,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let &Self { node, source } = self;
        match node {
            Node::Null => serializer.serialize_unit(),
            Node::Text(text) => serializer.serialize_str(text),
            Node::Plain(place) => {
                let text = source.get(place.clone()).unwrap_or_default();
                let value = serde_json::from_str(text).unwrap_or(Value::Null);
                let as_json = value.to_string();
                if as_json == text {
                    value.serialize(serializer)
                } else {
                    serializer.serialize_str(text)
                }
            }
            Node::List(items) => {
                serializer.collect_seq(items.iter().map(|node| Written { node, source }))
            }
            Node::Map(fields) => serializer
                .collect_map(fields.iter().map(|(key, node)| (key, Written { node, source }))),
        }
    }
}
