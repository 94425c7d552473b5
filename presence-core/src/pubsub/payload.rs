//! The data of a message, held encoded.

use std::{cell::Cell, io};

use bytes::Bytes;
use serde::{Deserialize, Serialize, ser::Error as _};
use serde_json::{Serializer, Value, ser::Formatter};

use crate::strict_json::{self, Fault, InvalidJson};

/// Payloads of fewer bytes are copied into their frames.
const LARGE: usize = 16 * 1024;
/// A large payload may keep this many bytes of memory beside its own.
const SPARE: usize = 2 * 1024;

/// The data of a message, encoded. Cheap to clone, whatever its size.
///
/// ```
/// use presence_core::pubsub::{IntoPayload, Payload};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize)]
/// struct Shout {
///     body: String,
/// }
///
/// let payload = json!({ "body": "hi" }).into_payload()?;
/// let shout: Shout = payload.json()?;
/// assert_eq!(shout.body, "hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// JSON text. It is copied into frames unchanged, so code that builds this variant by hand must
    /// give it [strict JSON](crate::strict_json). [`Payload::from_json`] checks the text.
    Json(Bytes),
    /// Any bytes.
    Binary(Bytes),
}

impl Payload {
    /// Returns the empty object, which Phoenix sends where there is no data.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Json(Bytes::from_static(b"{}"))
    }

    /// Encodes `value` as JSON. Raw JSON in it, a [`RawValue`](serde_json::value::RawValue) such as
    /// a column of a database, is checked as [`from_json`](Self::from_json) checks a text. Other
    /// values need no check.
    ///
    /// # Errors
    /// [`EncodeError`] if `value` has no JSON form, or some client could not read its raw JSON.
    pub fn encode(value: &(impl Serialize + ?Sized)) -> Result<Self, EncodeError> {
        let (mut text, has_raw) = (Vec::with_capacity(128), Cell::new(false));
        let mut serializer = Serializer::with_formatter(&mut text, NotesRaw(&has_raw));
        value.serialize(&mut serializer).map_err(EncodeError)?;
        match has_raw.get() {
            true => {
                Self::from_json(text).map_err(|error| EncodeError(serde_json::Error::custom(error)))
            }
            false => Ok(Self::Json(compact(text.into()))),
        }
    }

    /// Makes a payload of JSON text that comes from elsewhere. The text is checked and kept as it
    /// is, without a copy if it is a `String`, a `Vec<u8>` or `Bytes`.
    ///
    /// # Errors
    /// [`InvalidJson`] if some client could not read the text.
    ///
    /// # Examples
    /// ```
    /// use presence_core::pubsub::Payload;
    ///
    /// let from_a_database = String::from(r#"{"body": "hi"}"#);
    /// let payload = Payload::from_json(from_a_database)?;
    /// assert_eq!(payload.bytes(), r#"{"body": "hi"}"#);
    /// assert!(Payload::from_json("{body: hi}").is_err());
    /// # Ok::<(), presence_core::strict_json::InvalidJson>(())
    /// ```
    pub fn from_json(text: impl Into<Bytes>) -> Result<Self, InvalidJson> {
        let text = text.into();
        match std::str::from_utf8(&text) {
            Ok(checked) => strict_json::check(checked)?,
            Err(error) => {
                return Err(InvalidJson {
                    at: error.valid_up_to(),
                    fault: Fault::Syntax,
                });
            }
        }
        Ok(Self::Json(compact(text)))
    }

    /// Returns whether the payload is a JSON object. Phoenix lets a channel push and broadcast
    /// objects and bytes, and no other values.
    #[must_use]
    pub fn is_object(&self) -> bool {
        match self {
            Self::Json(text) => text.trim_ascii_start().first() == Some(&b'{'),
            Self::Binary(_) => false,
        }
    }

    /// Decodes the JSON into a type of your choice.
    ///
    /// # Errors
    /// [`DecodeError`] if the payload is binary, or does not fit `T`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        match self {
            Self::Json(text) => serde_json::from_slice(text).map_err(DecodeError::Json),
            Self::Binary(_) => Err(DecodeError::Binary),
        }
    }

    /// Decodes the JSON into a tree, for payloads whose shape is not known beforehand.
    ///
    /// # Errors
    /// [`DecodeError`] if the payload is binary, or is not JSON.
    pub fn value(&self) -> Result<Value, DecodeError> {
        self.json()
    }

    /// Returns the encoded bytes, of either variant.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Json(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// Writes JSON without spaces, and notes that some of it is text that serde_json has not written.
struct NotesRaw<'a>(&'a Cell<bool>);

impl Formatter for NotesRaw<'_> {
    // Called with serde_json's feature `arbitrary_precision`, which keeps numbers as text.
    fn write_number_str<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        value: &str,
    ) -> io::Result<()> {
        self.0.set(true);
        writer.write_all(value.as_bytes())
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.0.set(true);
        writer.write_all(fragment.as_bytes())
    }
}

/// Gives back the spare capacity of a large buffer that nothing else refers to. A queue counts a
/// payload with its length, and the payload of a large frame is not copied.
#[doc(hidden)]
#[must_use]
pub fn compact(bytes: Bytes) -> Bytes {
    if bytes.len() < LARGE {
        return bytes;
    }
    match bytes.try_into_mut() {
        Ok(buffer) if buffer.capacity() - buffer.len() > SPARE => {
            let mut bytes = Vec::from(buffer);
            bytes.shrink_to_fit();
            bytes.into()
        }
        Ok(buffer) => buffer.freeze(),
        Err(shared) => shared,
    }
}

/// An index of a payload. Nothing is one, because a payload is encoded: it exists for the
/// compiler's message.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a payload is encoded, and has no fields to index",
    label = "read the payload first",
    note = "read it into a type of yours: `let shout: Shout = payload.json()?;`",
    note = "or into a tree: `payload.value()?[\"body\"]`"
)]
pub trait PayloadIndex {
    /// Never called.
    fn value(self) -> &'static Value;
}

/// Only for the compiler's message: see [`PayloadIndex`].
#[doc(hidden)]
impl<I: PayloadIndex> std::ops::Index<I> for Payload {
    type Output = Value;

    fn index(&self, index: I) -> &Value {
        index.value()
    }
}

/// A payload could not be encoded: a map has keys that are not strings, its `Serialize` returned an
/// error, or some client could not read the raw JSON in it. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("the payload cannot be encoded: {0}")]
pub struct EncodeError(#[source] pub serde_json::Error);

/// A payload could not be decoded. The payload itself is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The payload is binary, not JSON.
    #[error("the payload is binary, not JSON")]
    Binary,
    /// The payload is JSON of another shape.
    #[error("{0}")]
    Json(#[source] serde_json::Error),
}

/// A value that can be sent as a payload: any value that serializes, and a [`Payload`] unchanged.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as a payload",
    note = "derive `serde::Serialize` for it, or build one with `serde_json::json!`",
    note = "bytes are sent as `Payload::Binary(bytes)`",
    note = "if it is a future, such as that of `presence.list(..)`, add `.await` to it"
)]
pub trait IntoPayload {
    /// Encodes `self`.
    ///
    /// # Errors
    /// [`EncodeError`] if the value has no JSON form.
    fn into_payload(self) -> Result<Payload, EncodeError>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> IntoPayload for T {
    fn into_payload(self) -> Result<Payload, EncodeError> {
        Payload::encode(&self)
    }
}

impl IntoPayload for Payload {
    fn into_payload(self) -> Result<Payload, EncodeError> {
        Ok(match self {
            Self::Json(text) => Self::Json(compact(text)),
            Self::Binary(bytes) => Self::Binary(compact(bytes)),
        })
    }
}

impl IntoPayload for &Payload {
    fn into_payload(self) -> Result<Payload, EncodeError> {
        Ok(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn a_large_payload_keeps_no_spare_memory() {
        let roomy = |length: usize| {
            let mut text = String::with_capacity(4 * length);
            text.push('"');
            text.extend(std::iter::repeat_n('x', length - 2));
            text.push('"');
            text
        };
        let spare = |payload: Payload| {
            let bytes = payload.bytes().clone();
            drop(payload);
            let buffer = bytes.try_into_mut().expect("nothing else refers to it");
            buffer.capacity() - buffer.len()
        };
        let length = 100_000;
        let payloads = [
            Payload::encode(&"x".repeat(length - 2)),
            Payload::Binary(roomy(length).into()).into_payload(),
            Payload::Json(roomy(length).into()).into_payload(),
            Ok(Payload::from_json(roomy(length)).unwrap()),
        ];
        for payload in payloads.map(Result::unwrap) {
            assert_eq!(payload.bytes().len(), length);
            assert!(
                payload.bytes()[1..length - 1]
                    .iter()
                    .all(|byte| *byte == b'x')
            );
            assert!(spare(payload) <= SPARE);
        }
        // A slice that is alone keeps its bytes.
        let part = Bytes::from(roomy(length)).slice(1..length - 40_000);
        let Payload::Binary(part) = Payload::Binary(part).into_payload().unwrap() else {
            panic!("another kind of payload");
        };
        assert_eq!(part, "x".repeat(length - 40_001));
        assert!(spare(Payload::Binary(part)) <= SPARE);
    }

    #[test]
    fn raw_json_is_checked_and_kept() {
        let encode = |text: &str| {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            Payload::encode(&BTreeMap::from([("row", raw)]))
        };
        let kept = encode("[1.0, 1e300 ]").unwrap();
        assert_eq!(kept.bytes(), r#"{"row":[1.0, 1e300 ]}"#);
        for text in ["[1e999]", r#""\ud83d""#] {
            let error = encode(text).unwrap_err();
            assert!(error.to_string().contains("at byte"), "{error}");
        }
    }

    #[test]
    fn what_is_shared_stays_where_it_is() {
        let shared = Bytes::from(vec![7; 100_000]);
        let payload = Payload::Binary(shared.clone()).into_payload().unwrap();
        assert_eq!(payload.bytes().as_ptr(), shared.as_ptr());
    }
}
