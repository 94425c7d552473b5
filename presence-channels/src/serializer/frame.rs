//! WebSocket frames, built whole before they are queued.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use presence_core::pubsub::compact;

use super::Text;

/// The longest header of a frame from a server: two bytes and a length of eight.
const MAX_HEADER: usize = 10;

/// The memory beside the bytes of a waiting frame: its place in a queue that has grown by doubling,
/// the spare capacity of its buffer, the allocator's. Measured (`hostile`'s `floods.rs`).
const BESIDE: usize = 160;

/// A body of more bytes than this is not copied behind its header: the frame refers to it. Below, a
/// copy costs less than another slice in each of the frame's writes.
const COPIED: usize = 16 * 1024;

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
    content: Content,
    /// The beginning of the body. Transports without WebSocket headers send only the body.
    body: u8,
    opcode: Opcode,
    /// Set if the frame may be dropped for a slow reader.
    droppable: bool,
    /// Set if a client that polls gets the binary frame in base64.
    base64_for_polls: bool,
}

/// Header and body.
#[derive(Clone, Debug)]
enum Content {
    /// One slice of a gathered write, as most frames are.
    Whole(Bytes),
    Chain(Arc<Chain>),
}

/// A large body that was not copied.
#[derive(Debug)]
struct Chain {
    /// The header and the beginning of the body.
    head: Bytes,
    payload: Bytes,
    suffix: &'static [u8],
}

impl Chain {
    fn parts(&self) -> [&[u8]; 3] {
        [&self.head, &self.payload, self.suffix]
    }

    fn len(&self) -> usize {
        self.parts().map(<[u8]>::len).iter().sum()
    }
}

impl Frame {
    /// Creates a text frame. A large text is not copied if it is a `String` or a [`Text`].
    ///
    /// # Examples
    /// ```
    /// use presence_channels::serializer::{Frame, Text};
    ///
    /// let borrowed = Frame::text("hi");
    /// let owned = Frame::text(format!("hi {}", "x".repeat(100_000)));
    /// let shared = Frame::text(Text::from("hi"));
    /// # let _ = (borrowed, owned, shared);
    /// ```
    #[must_use]
    pub fn text(body: impl Into<Text>) -> Self {
        let body = compact(body.into().into_bytes());
        Self::around(Opcode::Text, 0, |_| {}, &body, b"")
    }

    /// Creates a binary frame, which long-polling sends as base64. A large body is not copied. It
    /// counts with its length in the limits on what waits for a client, so it should not be a small
    /// slice of a large buffer.
    ///
    /// # Examples
    /// ```
    /// use bytes::Bytes;
    /// use presence_channels::serializer::Frame;
    ///
    /// let owned = Frame::binary(vec![7; 100_000]);
    /// let constant = Frame::binary(&b"hi"[..]);
    /// let borrowed: &[u8] = &[1, 2, 3];
    /// let copied = Frame::binary(Bytes::copy_from_slice(borrowed));
    /// # let _ = (owned, constant, copied);
    /// ```
    #[must_use]
    pub fn binary(body: impl Into<Bytes>) -> Self {
        Self::binary_with_payload(&[], body)
    }

    /// As [`binary`](Self::binary), for a body that is `head` and then `payload`. A large payload
    /// is not copied behind the envelope of your format.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::{Payload, serializer::Frame};
    ///
    /// fn enveloped(event: &str, payload: &Payload) -> Frame {
    ///     let head = format!("{event}\n");
    ///     Frame::binary_with_payload(head.as_bytes(), payload.bytes().clone())
    /// }
    /// # let _ = enveloped;
    /// ```
    #[must_use]
    pub fn binary_with_payload(head: &[u8], payload: impl Into<Bytes>) -> Self {
        let payload = compact(payload.into());
        let write = |body: &mut Vec<u8>| body.extend_from_slice(head);
        Self {
            base64_for_polls: true,
            ..Self::around(Opcode::Binary, head.len(), write, &payload, b"")
        }
    }

    /// Builds a frame whose body is what `write` appends, then `payload`, then `suffix`. `capacity`
    /// is a guess at the size of the first part. A large payload is not copied.
    pub(crate) fn around(
        opcode: Opcode,
        capacity: usize,
        write: impl FnOnce(&mut Vec<u8>),
        payload: &Bytes,
        suffix: &'static [u8],
    ) -> Self {
        if payload.len() > COPIED {
            return Self::chain(opcode, capacity, write, payload, suffix);
        }
        let capacity = capacity + payload.len() + suffix.len();
        Self::build(opcode, capacity, |body| {
            write(body);
            body.extend_from_slice(payload);
            body.extend_from_slice(suffix);
        })
    }

    /// As [`around`](Self::around), without a copy of the payload, whatever its size.
    pub(crate) fn chain(
        opcode: Opcode,
        capacity: usize,
        write: impl FnOnce(&mut Vec<u8>),
        payload: &Bytes,
        suffix: &'static [u8],
    ) -> Self {
        let (head, body) = assemble(opcode, capacity, write, payload.len() + suffix.len());
        let payload = payload.clone();
        let chain = Chain {
            head,
            payload,
            suffix,
        };
        Self::new(opcode, Content::Chain(Arc::new(chain)), body)
    }

    /// Builds a frame whose body is what `write` appends. `capacity` is a guess at the body's size.
    pub(crate) fn build(opcode: Opcode, capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let (bytes, body) = assemble(opcode, capacity, write, 0);
        Self::new(opcode, Content::Whole(bytes), body)
    }

    fn new(opcode: Opcode, content: Content, body: u8) -> Self {
        Self {
            content,
            body,
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
        self.len() + BESIDE
    }

    /// The length of header and body, in bytes.
    pub(crate) fn len(&self) -> usize {
        match &self.content {
            Content::Whole(bytes) => bytes.len(),
            Content::Chain(chain) => chain.len(),
        }
    }

    /// Header and body, if they are in one piece.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Whole(bytes) => Some(bytes),
            Content::Chain(_) => None,
        }
    }

    /// Header and body, in their order. A part may be empty.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        match &self.content {
            Content::Whole(bytes) => [bytes, &[], &[]],
            Content::Chain(chain) => chain.parts(),
        }
    }

    /// The body alone. Copies the body of a large frame, unless that is all of its payload.
    pub(crate) fn body(&self) -> Bytes {
        let begin = usize::from(self.body);
        match &self.content {
            Content::Whole(bytes) => bytes.slice(begin..),
            Content::Chain(chain) => match (&chain.head[begin..], chain.suffix) {
                ([], []) => chain.payload.clone(),
                (begin, end) => [begin, &chain.payload, end].concat().into(),
            },
        }
    }

    pub(crate) fn opcode(&self) -> Opcode {
        self.opcode
    }

    pub(crate) fn is_base64_for_polls(&self) -> bool {
        self.base64_for_polls
    }
}

/// Writes the header and, by `write`, the beginning of a body that ends with `missing` more bytes.
/// Returns them with the position of the body.
fn assemble(
    opcode: Opcode,
    capacity: usize,
    write: impl FnOnce(&mut Vec<u8>),
    missing: usize,
) -> (Bytes, u8) {
    let mut buffer = Vec::with_capacity(MAX_HEADER + capacity);
    buffer.resize(MAX_HEADER, 0);
    write(&mut buffer);
    let length = buffer.len() - MAX_HEADER + missing;
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
    // A text with escapes was longer than foreseen, and has doubled the buffer.
    if buffer.capacity() - buffer.len() > BESIDE {
        buffer.shrink_to_fit();
    }
    let mut bytes = Bytes::from(buffer);
    bytes.advance(start);
    (bytes, (MAX_HEADER - start) as u8)
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
            let whole = Frame::build(Opcode::Binary, 0, |body| {
                body.resize(body.len() + length, 7);
            });
            let in_parts = (length > 2).then(|| {
                let payload = Bytes::from(vec![7; length - 2]);
                Frame::chain(Opcode::Binary, 1, |body| body.push(7), &payload, &[7])
            });
            for frame in [whole].into_iter().chain(in_parts) {
                let bytes = frame.parts().concat();
                assert_eq!(bytes.len(), frame.len());
                let mut cursor = Cursor::new(&bytes);
                let (header, parsed) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
                assert_eq!(parsed, length as u64);
                assert!(header.is_final && header.mask.is_none());
                assert_eq!(cursor.position() as usize, usize::from(frame.body));
                assert_eq!(bytes[usize::from(frame.body)..], frame.body());
                assert_eq!(frame.body().len(), length);
                assert!(frame.body().iter().all(|byte| *byte == 7));
            }
        }
    }

    /// Owned bytes of a large message are in the frame as they are.
    #[test]
    fn a_large_body_is_not_copied_and_a_small_one_is_a_single_slice() {
        let large = "x".repeat(COPIED + 1);
        let at = large.as_ptr();
        let text = Frame::text(large);
        assert!(text.whole().is_none());
        assert_eq!(text.body().as_ptr(), at);
        let large = vec![7; COPIED + 1];
        let at = large.as_ptr();
        assert_eq!(Frame::binary(large).body().as_ptr(), at);
        let payload = Bytes::from(vec![b'1'; COPIED + 1]);
        let write = |body: &mut Vec<u8>| body.push(b'[');
        let around = Frame::around(Opcode::Text, 1, write, &payload, b"]");
        assert_eq!(around.parts()[1].as_ptr(), payload.as_ptr());
        assert_eq!(around.body(), [b"[", &payload[..], b"]"].concat());
        let payload = Bytes::from(vec![b'1'; COPIED]);
        let around = Frame::around(Opcode::Text, 1, write, &payload, b"]");
        assert!(around.whole().is_some());
        assert_eq!(around.body(), [b"[", &payload[..], b"]"].concat());
    }

    #[test]
    fn a_long_close_reason_is_cut_at_a_character() {
        let frame = Frame::close(1013, &"é".repeat(100));
        assert_eq!(frame.body().len(), 2 + 122);
        assert!(std::str::from_utf8(&frame.body()[2..]).is_ok());
    }
}
