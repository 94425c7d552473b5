//! The messages in the body of a publish.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::{
    serializer::{Data, Text},
    telemetry::Limit,
};

/// The format of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// One text message: how phoenix.js published before it had batches.
    Message,
    /// Messages in lines: JSON, or the base64 of a binary message.
    Batch,
}

/// The limits on a publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    pub(super) body_bytes: usize,
    pub(super) message_bytes: usize,
    pub(super) messages: usize,
}

/// A body that is not read. No message of it was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadBody {
    #[error("a body, a message or a batch over the limit")]
    TooLarge(Limit),
    #[error("neither UTF-8 nor base64")]
    Malformed,
    /// Its client was too slow, or went away.
    #[error("a body that ends before its end")]
    Incomplete,
}

impl BadBody {
    /// Returns the status that answers the body.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Incomplete => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

impl BodyKind {
    /// Returns the format that the request's headers name.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next());
        match media_type.map(str::trim) {
            Some("application/x-ndjson") => Self::Batch,
            _ => Self::Message,
        }
    }

    /// Takes a body apart.
    pub(super) fn read(self, body: Bytes, limits: BatchLimits) -> Result<Vec<Data>, BadBody> {
        if body.len() > limits.body_bytes {
            return Err(BadBody::TooLarge(Limit::BodyBytes));
        }
        let text = Text::try_from(body).map_err(|_| BadBody::Malformed)?;
        if self == Self::Message {
            if text.len() > limits.message_bytes {
                return Err(BadBody::TooLarge(Limit::MessageBytes));
            }
            return Ok(vec![Data::Text(text)]);
        }
        let mut batch = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let data = read_line(line)?;
            if data.bytes().len() > limits.message_bytes {
                return Err(BadBody::TooLarge(Limit::MessageBytes));
            }
            if batch.len() == limits.messages {
                return Err(BadBody::TooLarge(Limit::Batch));
            }
            batch.push(data);
        }
        Ok(batch)
    }
}

/// A message of its own memory: what is kept of it must not keep the whole batch.
fn read_line(line: &str) -> Result<Data, BadBody> {
    // Version 2 writes arrays, version 1 objects; neither is in base64's alphabet.
    if line.starts_with(['[', '{']) {
        return Ok(Data::Text(line.into()));
    }
    match BASE64_STANDARD.decode(line) {
        Ok(bytes) => Ok(Data::Binary(bytes.into())),
        Err(_) => Err(BadBody::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits {
        body_bytes: 100,
        message_bytes: 10,
        messages: 3,
    };

    /// Texts as they are, binaries in brackets.
    fn batch(body: &str) -> Result<Vec<String>, BadBody> {
        let batch = BodyKind::Batch.read(Bytes::copy_from_slice(body.as_bytes()), LIMITS)?;
        let show = |data| match data {
            Data::Text(text) => text.to_string(),
            Data::Binary(bytes) => format!("<{bytes:?}>"),
        };
        Ok(batch.into_iter().map(show).collect())
    }

    #[test]
    fn lines_are_json_or_base64_with_either_line_end() {
        assert_eq!(
            batch("[1]\n{\"a\":1}\r\nAAH/\n").unwrap(),
            ["[1]", "{\"a\":1}", "<b\"\\0\\x01\\xff\">"]
        );
        assert_eq!(batch("").unwrap(), [""; 0]);
        for malformed in ["[1]\nnonsense!", "AAH", "\u{e9}"] {
            assert_eq!(batch(malformed), Err(BadBody::Malformed), "{malformed}");
        }
    }

    #[test]
    fn too_much_is_refused_whole() {
        assert!(batch("[1]\n[2]\n[3]").is_ok());
        assert_eq!(
            batch("[1]\n[2]\n[3]\n[4]"),
            Err(BadBody::TooLarge(Limit::Batch))
        );
        assert!(batch("[34567890]").is_ok());
        assert_eq!(
            batch("[345678901]"),
            Err(BadBody::TooLarge(Limit::MessageBytes))
        );
        // Twelve letters for the limit of ten bytes is too much, by what they stand for it is not.
        assert!(batch("AAAAAAAAAAAA").is_ok());
        assert_eq!(
            batch(&"[1]\n".repeat(26)),
            Err(BadBody::TooLarge(Limit::BodyBytes))
        );
    }

    #[test]
    fn what_is_no_batch_is_one_message() {
        let read = |body: &'static [u8]| BodyKind::Message.read(Bytes::from_static(body), LIMITS);
        assert!(
            matches!(&read(b"[1]\n[2]").unwrap()[..], [Data::Text(text)] if *text == "[1]\n[2]")
        );
        assert!(matches!(&read(b"").unwrap()[..], [Data::Text(text)] if text.is_empty()));
        assert!(matches!(read(b"\xff"), Err(BadBody::Malformed)));
        assert!(matches!(
            read(b"[345678901]"),
            Err(BadBody::TooLarge(Limit::MessageBytes))
        ));
    }

    #[test]
    fn the_content_type_says_which() {
        let kind = |value: Option<&'static str>| {
            let headers = value.map(|value| (header::CONTENT_TYPE, value.parse().unwrap()));
            BodyKind::of(&headers.into_iter().collect())
        };
        assert_eq!(kind(None), BodyKind::Message);
        assert_eq!(kind(Some("application/json")), BodyKind::Message);
        assert_eq!(kind(Some("application/x-ndjson")), BodyKind::Batch);
        assert_eq!(
            kind(Some("application/x-ndjson; charset=utf-8")),
            BodyKind::Batch
        );
    }
}
