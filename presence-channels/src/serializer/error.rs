//! What goes wrong between frames and messages.

use std::error::Error;

/// A frame that is no message of this version. As in Phoenix, it ends the connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedFrame {
    /// It is not the JSON that a message is.
    #[error("not a message in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Version 1 writes objects.
    #[error("not a JSON object, which a message of version 1 is")]
    NoObject,
    /// It ends too soon.
    #[error("a binary frame shorter than its lengths say")]
    Truncated,
    /// Its first byte is that of another kind of frame.
    #[error("a binary frame of kind {0}, where clients send kind 0")]
    Kind(u8),
    /// Version 1 knows text alone.
    #[error("this version of the protocol has no binary frames")]
    NoBinary,
    /// Its names are no text.
    #[error("a binary frame with text that is not UTF-8")]
    Utf8,
    /// A ref of it is over [`max_ref_bytes`](crate::Limits::max_ref_bytes).
    #[error("a ref of {0} bytes, over the limit")]
    RefTooLong(usize),
    /// What a serializer of yours says.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
    /// A serializer of yours panicked.
    #[error("the serializer panicked")]
    Panicked,
}

impl MalformedFrame {
    /// What is logged: the error of a parser quotes what it met, which may be a password, and long.
    pub(crate) fn for_log(&self) -> String {
        match self {
            Self::Json(error) => {
                format!("not a message in JSON, at column {}", error.column())
            }
            other => other.to_string(),
        }
    }

    /// What a serializer of yours has to say about a frame: an error of yours, or a text.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

/// A message that this version of the protocol cannot write down. Nothing was sent.
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
        /// How long it is.
        bytes: usize,
    },
    /// A serializer of yours has no form for the message, and says why.
    #[error("the serializer has no form for it: {0}")]
    NoForm(String),
    /// A serializer of yours panicked.
    #[error("the serializer panicked")]
    Panicked,
}
