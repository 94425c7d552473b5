//! Errors of encoding and decoding frames.

use std::error::Error;

use presence_core::strict_json::InvalidJson;

/// A frame that is not a message of this version. As in Phoenix, the connection is closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedFrame {
    /// The frame is not JSON that all clients could read if the message were sent on to them (see
    /// [`strict_json`](presence_core::strict_json)), or not an array (version 2) or an object
    /// (version 1).
    #[error("not a message in JSON: {0}")]
    Json(#[from] InvalidJson),
    /// A message of version 2 is an array of at least five elements.
    #[error("an array of {0} elements, where a message has five")]
    TooShort(usize),
    /// A message of version 1 lacks a member.
    #[error("an object without the member `{0}`")]
    Missing(&'static str),
    /// The frame is shorter than its lengths say.
    #[error("a binary frame shorter than its lengths say")]
    Truncated,
    /// The first byte names a kind of frame that clients do not send.
    #[error("a binary frame of kind {0}, where clients send kind 0")]
    Kind(u8),
    /// This version of the protocol has no binary frames.
    #[error("this version of the protocol has no binary frames")]
    NoBinary,
    /// A binary frame has a ref, a topic or, in version 1, a text that is not UTF-8.
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
    /// Returns the text that is logged. The error of an app's serializer may quote its input, which
    /// may be long.
    pub(crate) fn for_log(&self) -> String {
        let mut text = self.to_string();
        text.truncate(text.floor_char_boundary(200));
        text
    }

    /// Creates the error of an app's serializer, from an error or a text.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

/// The error of an app's serializer that parses JSON. The text of the parser's error would quote
/// the frame, and is left out.
impl From<serde_json::Error> for MalformedFrame {
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!(
            "not a message in JSON, at column {}",
            error.column()
        ))
    }
}

/// A message that this version of the protocol cannot encode. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Version 1 of the protocol has no binary payloads.
    #[error("the client speaks version 1 of the protocol, which has no binary payloads")]
    NoBinary,
    /// The payload of a push or a broadcast is neither a JSON object nor bytes. Clients of Phoenix
    /// rely on an object. A reply may have any payload.
    #[error("the payload is not a JSON object, which every push and broadcast has")]
    NotAnObject,
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
