//! Takes a WebSocket's incoming bytes apart.
//!
//! tungstenite does the work (framing, masks, fragments, UTF-8, pings, the closing handshake) on
//! bytes handed to it, and hands back the frames it wants written: it never sees the connection, so
//! that what it writes goes through the same queue as all else.

use std::io::{self, Read, Write};

use bytes::Bytes;
use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::{Frame, close_code};
use crate::serializer::Data;

/// The size of tungstenite's read buffer, which lasts as long as the connection. Small, because
/// most sockets are idle. A larger message gets a buffer of its size while it is read.
const READ_BUFFER: usize = 128;

pub(super) struct WebSocketReader {
    context: WebSocketContext,
}

/// An incoming message or control frame.
pub(super) enum WebSocketEvent {
    Message(Data),
    /// A ping or a pong; its answer, if it wants one, is among the frames to write.
    Control,
    /// The peer wants to close; the answer is among the frames to write.
    Close,
}

/// A violation of the WebSocket protocol by the peer, with the code and reason to close with.
pub(super) struct ProtocolViolation {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl WebSocketReader {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(max_message_bytes))
            .max_frame_size(Some(max_message_bytes));
        Self {
            context: WebSocketContext::new(Role::Server, Some(config)),
        }
    }

    /// Takes the next message out of `bytes`, and shortens `bytes` by its length. Returns `None` if
    /// the message needs more bytes. Call it until it returns `None`, because a ping's answer comes
    /// only then. `answer` gets frames that the protocol requires (pongs, the answer to a close).
    pub(super) fn next(
        &mut self,
        bytes: &mut &[u8],
        answer: impl FnMut(Frame),
    ) -> Result<Option<WebSocketEvent>, ProtocolViolation> {
        let mut stream = Fed { bytes, answer };
        match self.context.read(&mut stream) {
            Ok(Message::Text(text)) => Ok(Some(WebSocketEvent::Message(Data::Text(text.into())))),
            Ok(Message::Binary(data)) => Ok(Some(WebSocketEvent::Message(Data::Binary(data)))),
            Ok(Message::Close(_)) => {
                // The answer to the close is written on the way to the next message.
                let _ = self.context.flush(&mut stream);
                Ok(Some(WebSocketEvent::Close))
            }
            Ok(_) => Ok(Some(WebSocketEvent::Control)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(ProtocolViolation::from(error)),
        }
    }
}

impl From<Error> for ProtocolViolation {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Utf8(_) => close_code::INVALID_DATA,
            Error::Capacity(_) => close_code::TOO_BIG,
            _ => close_code::PROTOCOL,
        };
        Self {
            code,
            reason: error.to_string(),
        }
    }
}

/// A stream that holds what was read already and passes on what is written.
struct Fed<'a, 'b, F> {
    bytes: &'a mut &'b [u8],
    answer: F,
}

impl<F> Read for Fed<'_, '_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bytes.read(buffer)
    }
}

impl<F: FnMut(Frame)> Write for Fed<'_, '_, F> {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        (self.answer)(Frame::raw(Bytes::copy_from_slice(frames)));
        Ok(frames.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
