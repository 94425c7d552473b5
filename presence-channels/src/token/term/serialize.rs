//! Values of Rust's to terms.

use std::cmp::Ordering;

use serde::{
    Serialize, Serializer,
    de::value::Error,
    ser::{
        Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
        SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
    },
};

use super::Term;
use crate::token::SignError;

impl Term {
    pub(in super::super) fn from_data<T: Serialize + ?Sized>(data: &T) -> Result<Self, SignError> {
        data.serialize(ToTerm)
            .map_err(|error| SignError::Data(error.to_string()))
    }

    fn text(text: &str) -> Self {
        Self::Binary(text.into())
    }

    fn atom(name: &str) -> Self {
        Self::Atom(name.to_owned())
    }

    /// A map in Erlang's order of keys, so that a value has one token only.
    fn map(mut entries: Vec<(Self, Self)>) -> Result<Self, Error> {
        entries.sort_by(|(one, _), (other, _)| one.order(other));
        if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::custom("a map with a key that comes twice"));
        }
        Ok(Self::Map(entries))
    }

    /// Erlang's order, among what is used as a key; others stay as they came.
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            (Self::Atom(one), Self::Atom(other)) => one.cmp(other),
            (Self::Binary(one), Self::Binary(other)) => one.cmp(other),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Integer(_) | Self::Float(_) => 0,
            Self::Atom(_) => 1,
            Self::Tuple(_) => 2,
            Self::Map(_) => 3,
            Self::List(_) => 4,
            Self::Binary(_) => 5,
        }
    }

    /// This, or the data of an enum's variant: a map of one.
    fn of_variant(self, variant: Option<&str>) -> Self {
        match variant {
            None => self,
            Some(variant) => Self::Map(vec![(Self::text(variant), self)]),
        }
    }
}

struct ToTerm;

/// Elements on their way into a list or tuple.
struct Elements {
    elements: Vec<Term>,
    whole: fn(Vec<Term>) -> Term,
    variant: Option<&'static str>,
}

/// Entries on their way into a map.
struct Entries {
    entries: Vec<(Term, Term)>,
    /// The key whose value is to come.
    key: Option<Term>,
    variant: Option<&'static str>,
}

impl Elements {
    fn new(whole: fn(Vec<Term>) -> Term, variant: Option<&'static str>) -> Result<Self, Error> {
        Ok(Self {
            elements: Vec::new(),
            whole,
            variant,
        })
    }

    fn add<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Error> {
        self.elements.push(element.serialize(ToTerm)?);
        Ok(())
    }

    fn finish(self) -> Result<Term, Error> {
        Ok((self.whole)(self.elements).of_variant(self.variant))
    }
}

impl Entries {
    fn new(variant: Option<&'static str>) -> Result<Self, Error> {
        Ok(Self {
            entries: Vec::new(),
            key: None,
            variant,
        })
    }

    fn add<T: Serialize + ?Sized>(&mut self, key: Term, value: &T) -> Result<(), Error> {
        self.entries.push((key, value.serialize(ToTerm)?));
        Ok(())
    }

    fn finish(self) -> Result<Term, Error> {
        Ok(Term::map(self.entries)?.of_variant(self.variant))
    }
}

impl Serializer for ToTerm {
    type Ok = Term;
    type Error = Error;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, value: bool) -> Result<Term, Error> {
        Ok(Term::atom(if value { "true" } else { "false" }))
    }

    fn serialize_i8(self, value: i8) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<Term, Error> {
        Ok(Term::Integer(value))
    }

    fn serialize_u8(self, value: u8) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Term, Error> {
        self.serialize_i128(value.into())
    }

    fn serialize_u128(self, value: u128) -> Result<Term, Error> {
        let value = i128::try_from(value);
        self.serialize_i128(value.map_err(|_| Error::custom("an integer of over 127 bits"))?)
    }

    fn serialize_f32(self, value: f32) -> Result<Term, Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Term, Error> {
        if !value.is_finite() {
            return Err(Error::custom(format!("the float {value}")));
        }
        Ok(Term::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Term, Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Term, Error> {
        Ok(Term::text(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Term, Error> {
        Ok(Term::Binary(value.into()))
    }

    fn serialize_none(self) -> Result<Term, Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Term, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Term, Error> {
        Ok(Term::atom("nil"))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Term, Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Term, Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Term, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Term, Error> {
        Ok(value.serialize(self)?.of_variant(Some(variant)))
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Elements, Error> {
        Elements::new(Term::List, None)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Elements, Error> {
        Elements::new(Term::Tuple, None)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Elements, Error> {
        Elements::new(Term::Tuple, None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Elements, Error> {
        Elements::new(Term::Tuple, Some(variant))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Entries, Error> {
        Entries::new(None)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Entries, Error> {
        Entries::new(None)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Entries, Error> {
        Entries::new(Some(variant))
    }
}

macro_rules! impl_elements {
    ($($of:ident by $add:ident),*) => {$(
        impl $of for Elements {
            type Ok = Term;
            type Error = Error;

            fn $add<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Error> {
                self.add(element)
            }

            fn end(self) -> Result<Term, Error> {
                self.finish()
            }
        }
    )*};
}

impl_elements! {
    SerializeSeq by serialize_element,
    SerializeTuple by serialize_element,
    SerializeTupleStruct by serialize_field,
    SerializeTupleVariant by serialize_field
}

macro_rules! impl_fields {
    ($($of:ident),*) => {$(
        impl $of for Entries {
            type Ok = Term;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.add(Term::text(key), value)
            }

            fn end(self) -> Result<Term, Error> {
                self.finish()
            }
        }
    )*};
}

impl_fields! { SerializeStruct, SerializeStructVariant }

impl SerializeMap for Entries {
    type Ok = Term;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(key.serialize(ToTerm)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take();
        let key = key.ok_or_else(|| Error::custom("a map's value without its key"))?;
        self.add(key, value)
    }

    fn end(self) -> Result<Term, Error> {
        self.finish()
    }
}
