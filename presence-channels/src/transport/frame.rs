//! WebSocket frames, built whole before they are queued.

use bytes::Bytes;

/// The longest header of a frame from a server: two bytes and a length of eight.
const MAX_HEADER: usize = 10;

/// The memory beside the bytes of a waiting frame: its place in a queue that has grown by doubling,
/// the spare capacity of its buffer, the allocator's. Measured (`hostile`'s `floods.rs`).
const BESIDE: usize = 160;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Pong = 0xa,
}

/// An encoded message to a client, as [`Serializer::encode`](crate::serializer::Serializer::encode)
/// returns it. A clone shares the bytes: a broadcast's frame is built once and queued for every
/// subscriber.
// One unmasked, unfragmented frame of a WebSocket, header included.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Header and body in one piece, so that a frame is one slice of a gathered write.
    bytes: Bytes,
    /// The beginning of the body. Transports without WebSocket headers send only the body.
    body: u8,
    opcode: Opcode,
    /// Set if the frame may be dropped for a slow reader.
    droppable: bool,
    /// Set if a client that polls gets the binary frame in base64.
    base64_for_polls: bool,
}

impl Frame {
    /// Creates a text frame.
    #[must_use]
    pub fn text(body: &str) -> Self {
        Self::build(Opcode::Text, body.len(), |frame| {
            frame.extend_from_slice(body.as_bytes());
        })
    }

    /// Creates a binary frame, which long-polling sends as base64.
    #[must_use]
    pub fn binary(body: &[u8]) -> Self {
        let frame = Self::build(Opcode::Binary, body.len(), |frame| {
            frame.extend_from_slice(body);
        });
        Self {
            base64_for_polls: true,
            ..frame
        }
    }

    /// Builds a frame whose body is what `write` appends. `capacity` is a guess at the body's size.
    pub(crate) fn build(opcode: Opcode, capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut buffer = Vec::with_capacity(MAX_HEADER + capacity);
        buffer.resize(MAX_HEADER, 0);
        write(&mut buffer);
        let length = buffer.len() - MAX_HEADER;
        let fin_and_opcode = 0x80 | opcode as u8;
        // The header's size is known only now: it is written backwards from the body.
        let start = match length {
            0..=125 => {
                buffer[8..10].copy_from_slice(&[fin_and_opcode, length as u8]);
                8
            }
            126..=0xffff => {
                buffer[6..8].copy_from_slice(&[fin_and_opcode, 126]);
                buffer[8..10].copy_from_slice(&(length as u16).to_be_bytes());
                6
            }
            _ => {
                buffer[..2].copy_from_slice(&[fin_and_opcode, 127]);
                buffer[2..10].copy_from_slice(&(length as u64).to_be_bytes());
                0
            }
        };
        let mut bytes = Bytes::from(buffer);
        let bytes = bytes.split_off(start);
        Self {
            bytes,
            body: (MAX_HEADER - start) as u8,
            opcode,
            droppable: false,
            base64_for_polls: false,
        }
    }

    /// The frame of a broadcast, which a slow reader may miss if its socket says so.
    pub(crate) fn droppable(mut self) -> Self {
        self.droppable = true;
        self
    }

    pub(crate) fn is_droppable(&self) -> bool {
        self.droppable
    }

    /// A close frame. A `reason` over 123 bytes is cut, at a character's end.
    pub(crate) fn close(code: u16, reason: &str) -> Self {
        let reason = &reason[..reason.floor_char_boundary(123)];
        Self::build(Opcode::Close, 2 + reason.len(), |body| {
            body.extend_from_slice(&code.to_be_bytes());
            body.extend_from_slice(reason.as_bytes());
        })
    }

    /// The answer to a close frame, which repeats its body.
    pub(crate) fn close_body(body: &[u8]) -> Self {
        Self::build(Opcode::Close, body.len(), |frame| {
            frame.extend_from_slice(body);
        })
    }

    /// The answer to a ping, which repeats its body.
    pub(crate) fn pong(body: &[u8]) -> Self {
        Self::build(Opcode::Pong, body.len(), |frame| {
            frame.extend_from_slice(body);
        })
    }

    /// Returns whether the frame is a message, and not a part of the WebSocket protocol.
    pub(crate) fn is_message(&self) -> bool {
        matches!(self.opcode, Opcode::Text | Opcode::Binary)
    }

    /// The memory that the frame takes while it waits, in bytes: its own, and what is kept beside
    /// it. A frame that several clients wait for counts for each of them.
    pub(crate) fn cost(&self) -> usize {
        self.bytes.len() + BESIDE
    }

    /// Header and body.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The body alone.
    pub(crate) fn body(&self) -> Bytes {
        self.bytes.slice(usize::from(self.body)..)
    }

    pub(crate) fn opcode(&self) -> Opcode {
        self.opcode
    }

    pub(crate) fn is_base64_for_polls(&self) -> bool {
        self.base64_for_polls
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tungstenite::protocol::frame::FrameHeader;

    use super::*;

    /// Each of the three forms of a length, and their edges, as another implementation reads them.
    #[test]
    fn headers_are_what_tungstenite_parses() {
        for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 200_000] {
            let frame = Frame::build(Opcode::Binary, 0, |body| {
                body.resize(body.len() + length, 7);
            });
            let mut cursor = Cursor::new(&frame.bytes()[..]);
            let (header, parsed) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            assert_eq!(parsed, length as u64);
            assert!(header.is_final && header.mask.is_none());
            assert_eq!(cursor.position() as usize, usize::from(frame.body));
            assert_eq!(frame.body().len(), length);
            assert!(frame.body().iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn a_long_close_reason_is_cut_at_a_character() {
        let frame = Frame::close(1013, &"é".repeat(100));
        assert_eq!(frame.body().len(), 2 + 122);
        assert!(std::str::from_utf8(&frame.body()[2..]).is_ok());
    }
}
