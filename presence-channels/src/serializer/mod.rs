//! How messages are written down: `Phoenix.Socket.Serializer`.
//!
//! A client chooses by the `vsn` parameter of its connection: [`V1`] for `1.0.x` and for clients
//! that send none, [`V2`] for `2.0.x`.

mod json;
mod v1;
mod v2;

use bytes::Bytes;
use presence_core::pubsub::Message as Broadcast;

pub(crate) use v1::V1;
pub(crate) use v2::V2;

use crate::{
    message::{Message, Outgoing},
    transport::Frame,
};

/// One message as it arrived.
pub(crate) enum Data {
    /// Valid UTF-8, as the transport has made sure.
    Text(Bytes),
    Binary(Bytes),
}

impl Data {
    pub(crate) fn bytes(&self) -> &Bytes {
        let (Self::Text(bytes) | Self::Binary(bytes)) = self;
        bytes
    }
}

/// Turns frames into messages and back.
pub(crate) trait Serializer: Send + Sync + 'static {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame>;

    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError>;
}

/// A frame that is no message of this version. Phoenix ends such a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MalformedFrame {
    #[error("not a message in JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not a JSON object, which a message of version 1 is")]
    NoObject,
    #[error("a binary frame shorter than its lengths say")]
    Truncated,
    #[error("a binary frame of kind {0}, where clients send kind 0")]
    Kind(u8),
    #[error("this version of the protocol has no binary frames")]
    NoBinary,
    #[error("a binary frame with text that is not UTF-8")]
    Utf8,
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
}

/// A version of the protocol that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Version {
    /// What a client asks for with its `vsn` parameter; without one it speaks version 1.
    pub(crate) fn negotiate(vsn: Option<&str>) -> Option<Self> {
        let mut parts = vsn.unwrap_or("1.0.0").split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(1)), Some(Ok(0)), Some(Ok(_)), None) => Some(Self::V1),
            (Some(Ok(2)), Some(Ok(0)), Some(Ok(_)), None) => Some(Self::V2),
            _ => None,
        }
    }

    pub(crate) fn serializer(self) -> &'static dyn Serializer {
        match self {
            Self::V1 => &V1,
            Self::V2 => &V2,
        }
    }
}

/// The frames of one broadcast, a version each, shared by all subscribers of a dispatch.
#[derive(Default)]
pub(crate) struct BroadcastFrames([Option<Result<Frame, FrameError>>; 2]);

impl BroadcastFrames {
    pub(crate) fn get(
        &mut self,
        version: Version,
        broadcast: &Broadcast,
    ) -> &Result<Frame, FrameError> {
        self.0[version as usize].get_or_insert_with(|| {
            let frame = version.serializer().encode(&Outgoing::Broadcast {
                topic: &broadcast.topic,
                event: &broadcast.event,
                payload: &broadcast.payload,
            });
            frame.map(Frame::droppable)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_negotiated_as_recorded() {
        let negotiated = |vsn| Version::negotiate(vsn);
        assert_eq!(negotiated(None), Some(Version::V1));
        assert_eq!(negotiated(Some("1.0.0")), Some(Version::V1));
        assert_eq!(negotiated(Some("1.0.7")), Some(Version::V1));
        assert_eq!(negotiated(Some("2.0.0")), Some(Version::V2));
        for unknown in ["", "2", "2.0", "2.0.0.0", "2.1.0", "3.0.0", "abc", "2.0.x"] {
            assert_eq!(negotiated(Some(unknown)), None, "{unknown:?}");
        }
    }
}
