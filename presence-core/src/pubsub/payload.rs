//! The data of a message, held encoded.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::strict_json::{self, Fault, InvalidJson};

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

    /// Encodes `value` as JSON.
    ///
    /// # Errors
    /// [`EncodeError`] if `value` has no JSON form.
    pub fn encode(value: &(impl Serialize + ?Sized)) -> Result<Self, EncodeError> {
        match serde_json::to_vec(value) {
            Ok(text) => Ok(Self::Json(text.into())),
            Err(error) => Err(EncodeError(error)),
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
        Ok(Self::Json(text))
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

/// A payload could not be encoded: a map has keys that are not strings, or its `Serialize` returned
/// an error. Nothing was sent.
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
        Ok(self)
    }
}

impl IntoPayload for &Payload {
    fn into_payload(self) -> Result<Payload, EncodeError> {
        Ok(self.clone())
    }
}
