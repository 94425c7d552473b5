//! Errors of encoding and decoding frames.

use std::error::Error;

/// A frame that is not a message of this version. As in Phoenix, the connection is closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedFrame {
    /// The frame is not the JSON of a message.
    #[error("not a message in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A message of version 1 is not a JSON object.
    #[error("not a JSON object, which a message of version 1 is")]
    NoObject,
    /// The frame is shorter than its lengths say.
    #[error("a binary frame shorter than its lengths say")]
    Truncated,
    /// The first byte names a kind of frame that clients do not send.
    #[error("a binary frame of kind {0}, where clients send kind 0")]
    Kind(u8),
    /// Version 1 has no binary frames.
    #[error("this version of the protocol has no binary frames")]
    NoBinary,
    /// The frame's names are not UTF-8.
    #[error("a binary frame with text that is not UTF-8")]
    Utf8,
    /// A ref is longer than [`max_ref_bytes`](crate::Limits::max_ref_bytes).
    #[error("a ref of {0} bytes, over the limit")]
    RefTooLong(usize),
    /// The error of an app's serializer.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
    /// A serializer of yours panicked.
    #[error("the serializer panicked")]
    Panicked,
}

impl MalformedFrame {
    /// Returns the text that is logged. The error of a parser quotes its input, which may be long,
    /// or a password.
    pub(crate) fn for_log(&self) -> String {
        match self {
            Self::Json(error) => {
                format!("not a message in JSON, at column {}", error.column())
            }
            other => other.to_string(),
        }
    }

    /// Creates the error of an app's serializer, from an error or a text.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

/// A message that this version of the protocol cannot encode. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Version 1 of the protocol has no binary payloads.
    #[error("the client speaks version 1 of the protocol, which has no binary payloads")]
    NoBinary,
    /// A binary frame counts each of its names in one byte.
    #[error("the {field} of a binary message is {bytes} bytes long, over the limit of 255")]
    TooLong {
        /// `join_ref`, `ref`, `topic`, `event` or `status`.
        field: &'static str,
        /// The length of the field.
        bytes: usize,
    },
    /// An app's serializer has no form for the message. The text is its reason.
    #[error("the serializer has no form for it: {0}")]
    NoForm(String),
    /// A serializer of yours panicked.
    #[error("the serializer panicked")]
    Panicked,
}
