//! Parameters as a tree, by the names that Plug and phoenix.js give to nested values.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

/// The most names that one parameter may nest. The tree is walked by recursion.
pub(super) const MAX_DEPTH: usize = 32;

/// A value, or several by name or in order.
pub(super) enum Node {
    Text(String),
    /// In reverse order.
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

/// Returns the parameters as a tree. Of two that contradict each other, as `a=1` and `a[b]=1`, the
/// last one counts.
pub(super) fn of(pairs: &[(String, String)]) -> Node {
    let mut root = BTreeMap::new();
    for (name, value) in pairs.iter().rev() {
        assign(&mut root, &parts(name), value);
    }
    Node::Map(root)
}

/// Returns the first name of a parameter: `user` of `user[name]`.
pub(super) fn root(name: &str) -> &str {
    split(name).0
}

pub(super) fn is_too_deep(name: &str) -> bool {
    let inner = split(name).1;
    inner.is_some_and(|inner| inner.split("][").count() >= MAX_DEPTH)
}

/// Returns the names of a parameter, from the outside in. An empty name stands for a list's item.
fn parts(name: &str) -> Vec<&str> {
    let (outer, inner) = split(name);
    let inner = inner.into_iter().flat_map(|inner| inner.split("]["));
    std::iter::once(outer).chain(inner).collect()
}

/// Returns the first name of a parameter, and the names in it, which `][` separates.
fn split(name: &str) -> (&str, Option<&str>) {
    let Some(nested) = name.strip_suffix(']') else {
        return (name, None);
    };
    match nested.split_once('[') {
        Some((outer, inner)) => (outer, Some(inner)),
        None => (nested, None),
    }
}

/// Adds a value, unless a later one of the query has its place.
fn assign(map: &mut BTreeMap<String, Node>, parts: &[&str], value: &str) {
    let [name, inner @ ..] = parts else { return };
    let entry = map.entry((*name).to_owned());
    match inner {
        [] => {
            entry.or_insert_with(|| Node::Text(value.to_owned()));
        }
        ["", inner @ ..] => {
            if let Node::List(list) = entry.or_insert_with(|| Node::List(Vec::new())) {
                list.push(item(inner, value));
            }
        }
        _ => {
            if let Node::Map(map) = entry.or_insert_with(|| Node::Map(BTreeMap::new())) {
                assign(map, inner, value);
            }
        }
    }
}

fn item(parts: &[&str], value: &str) -> Node {
    if parts.is_empty() {
        return Node::Text(value.to_owned());
    }
    let mut map = BTreeMap::new();
    assign(&mut map, parts, value);
    Node::Map(map)
}

/// Returns whether the names are the numbers from 0 on.
fn is_numbered(map: &BTreeMap<String, Node>) -> bool {
    !map.is_empty() && (0..map.len()).all(|number| map.contains_key(&number.to_string()))
}

impl Node {
    /// Parses a text. Any other node goes to the visitor as it is, and is its
    /// error.
    fn parse<'de, T: FromStr<Err: Display>, V: Visitor<'de>>(
        self,
        visitor: V,
        visit: impl FnOnce(V, T) -> Result<V::Value, Error>,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visit(visitor, text.parse().map_err(Error::custom)?),
            other => other.deserialize_any(visitor),
        }
    }
}

macro_rules! parse {
    ($($method:ident $visit:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.parse(visitor, V::$visit)
        })*
    };
}

impl<'de> Deserializer<'de> for Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visitor.visit_string(text),
            Self::List(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter().rev())),
            Self::Map(map) => visitor.visit_map(MapDeserializer::new(map.into_iter())),
        }
    }

    /// phoenix.js numbers the items of an array: `tags[0]=a&tags[1]=b`. A list of the app takes
    /// them in order. For anything else they are a map, as in Plug.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Map(map) if is_numbered(&map) => {
                let mut items: Vec<_> = map.into_iter().collect();
                items.sort_by_key(|(number, _)| number.parse::<usize>().ok());
                let items = items.into_iter().map(|(_, item)| item);
                visitor.visit_seq(SeqDeserializer::new(items))
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visitor.visit_enum(text.into_deserializer()),
            other => other.deserialize_any(visitor),
        }
    }

    parse! {
        deserialize_bool visit_bool
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_f32 visit_f32
        deserialize_f64 visit_f64
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
