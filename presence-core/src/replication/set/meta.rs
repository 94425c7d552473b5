//! A meta: one JSON object, held as the text that clients get.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::PhxRef;
use crate::strict_json;

const REF: &str = "{\"phx_ref\":\"";
const PREV: &str = "\",\"phx_ref_prev\":\"";

/// A value cannot be a meta. Nothing was tracked or updated.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// The value does not serialize to a JSON object.
    #[error("a meta must be a JSON object, like {{\"status\": \"away\"}}")]
    NotAnObject,
    /// The JSON is longer than the tracker takes.
    #[error("the meta is {bytes} bytes of JSON, more than the limit of {limit}")]
    TooLarge {
        /// The length of the JSON, in bytes.
        bytes: usize,
        /// The longest that the tracker takes, in bytes.
        limit: usize,
    },
    /// The value cannot be written as JSON: its `Serialize` failed, a map has keys that are not
    /// strings, or raw JSON in it is not [strict JSON](crate::strict_json).
    #[error("the meta cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
}

/// The data of one presence: a JSON object with its `phx_ref` and, after an update, its
/// `phx_ref_prev`.
///
/// Held as JSON text, which is encoded once, when the presence is tracked. A clone shares it.
///
/// An `Arc` rather than `Bytes`: half the size of the handle, one allocation instead of two once it
/// is shared, and a million of them are held. A `RawValue` rather than a `str`: it was checked to
/// be JSON once, and serializes without being looked at again.
#[derive(Clone)]
pub struct Meta(Arc<RawValue>);

impl Meta {
    /// Puts the references in front of the fields. So `phx_ref` has a fixed place in the text,
    /// where [`Meta::phx_ref`] finds it.
    pub(crate) fn new(phx_ref: PhxRef, prev: Option<PhxRef>, body: &MetaBody) -> Self {
        let fields = body.fields();
        let mut text = String::with_capacity(REF.len() + PREV.len() + 32 + 2 + fields.len());
        text.push_str(REF);
        text.push_str(phx_ref.as_str());
        if let Some(prev) = &prev {
            text.push_str(PREV);
            text.push_str(prev.as_str());
        }
        text.push('"');
        if !fields.trim_start().starts_with('}') {
            text.push(',');
        }
        text.push_str(fields);
        let text = RawValue::from_string(text).expect("a body is JSON without its opening brace");
        Self(text.into())
    }

    /// Reads a meta that another node sent, from the text of [`as_str`](Self::as_str). Returns
    /// `None` if the text is not a meta.
    pub(crate) fn from_text(text: String) -> Option<Self> {
        let reference = text.strip_prefix(REF)?.get(..PhxRef::LEN)?;
        PhxRef::from_text(reference)?;
        if !text[REF.len() + PhxRef::LEN..].starts_with('"') {
            return None;
        }
        strict_json::check(&text).ok()?;
        let text = RawValue::from_string(text).ok()?;
        Some(Self(text.into()))
    }

    /// Reads a meta from JSON in which the references may stand anywhere. Returns `None` if it has
    /// none.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        if let Some(meta) = Self::from_text(text.to_owned()) {
            return Some(meta);
        }
        // Values stay raw, so a number keeps all its digits.
        let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        let reference = |field: &RawValue| {
            let text: &str = serde_json::from_str(field.get()).ok()?;
            PhxRef::from_text(text)
        };
        let phx_ref = reference(fields.remove("phx_ref")?)?;
        let prev = match fields.remove("phx_ref_prev") {
            Some(field) => Some(reference(field)?),
            None => None,
        };
        let body = MetaBody::encode(&fields, usize::MAX).ok()?;
        Some(Self::new(phx_ref, prev, &body))
    }

    /// Returns the reference by which clients know this meta.
    pub fn phx_ref(&self) -> &str {
        &self.as_str()[REF.len()..][..PhxRef::LEN]
    }

    /// Returns the reference of the meta that an update replaced with this one.
    pub fn phx_ref_prev(&self) -> Option<&str> {
        let rest = self.as_str()[REF.len() + PhxRef::LEN..].strip_prefix(PREV)?;
        rest.get(..PhxRef::LEN)
    }

    /// Returns [`Meta::phx_ref`] as a value that can be copied and compared.
    pub(crate) fn reference(&self) -> PhxRef {
        PhxRef::from_text(self.phx_ref()).expect("a meta begins with its reference")
    }

    /// Returns the object as JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Decodes the object into a type of your choice.
    ///
    /// # Errors
    ///
    /// [`serde_json::Error`] if the object does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Meta {}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Meta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The meta that an owner gave: a JSON object without references, within the limit.
#[derive(Clone, Debug)]
pub(crate) struct MetaBody(String);

impl MetaBody {
    /// Encodes `meta`, which may be at most `limit` bytes of JSON.
    ///
    /// A `phx_ref` and a `phx_ref_prev` in `meta` are left out: a meta that was read from a list
    /// and is tracked again gets new references.
    ///
    /// # Errors
    ///
    /// [`MetaError`] if `meta` is not a JSON object, is too long, or cannot be encoded.
    pub(crate) fn encode<M: Serialize + ?Sized>(meta: &M, limit: usize) -> Result<Self, MetaError> {
        let mut out = Capped {
            kept: Vec::new(),
            written: 0,
            limit,
        };
        serde_json::to_writer(&mut out, meta).map_err(MetaError::Encode)?;
        if out.kept.first().is_some_and(|byte| *byte != b'{') {
            return Err(MetaError::NotAnObject);
        }
        if out.written > limit {
            return Err(MetaError::TooLarge {
                bytes: out.written,
                limit,
            });
        }
        let text = String::from_utf8(out.kept).expect("serde_json writes UTF-8");
        // All clients of the topic get the meta. Raw JSON in it may hold what some cannot read.
        strict_json::check(&text).map_err(|error| MetaError::Encode(Error::custom(error)))?;
        // An escape could spell the names. Only raw JSON that is passed through has escapes.
        if text.contains("phx_ref") || text.contains("\\u") {
            return without_references(text);
        }
        Ok(Self(text))
    }

    /// Returns the object's text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the object's text after its opening brace.
    fn fields(&self) -> &str {
        &self.0[1..]
    }
}

fn without_references(text: String) -> Result<MetaBody, MetaError> {
    // Values stay raw, so a number keeps all its digits.
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(&text).map_err(MetaError::Encode)?;
    let own = [fields.remove("phx_ref"), fields.remove("phx_ref_prev")];
    if own.iter().all(Option::is_none) {
        return Ok(MetaBody(text));
    }
    let rest = serde_json::to_string(&fields).map_err(MetaError::Encode)?;
    Ok(MetaBody(rest))
}

/// Keeps no more than the limit in memory, and counts the rest for the error.
struct Capped {
    kept: Vec<u8>,
    written: usize,
    limit: usize,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // At least one byte, whatever the limit: the first byte shows whether it is an object.
        let room = self.limit.max(1).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
