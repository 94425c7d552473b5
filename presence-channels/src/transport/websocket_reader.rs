//! Takes a WebSocket's incoming bytes apart: frames, masks, fragments, UTF-8, pings and the closing
//! handshake of RFC 6455.
//!
//! The reader keeps nothing between messages but its own few words. It lets a message grow as its
//! bytes come, so that an announced length reserves nothing, and hands it on without a copy. The
//! rest of a large frame is read straight into the message. tungstenite parses the headers; its own
//! reader keeps a buffer of the largest frame for as long as the connection lasts.

mod mask;
#[cfg(test)]
mod tests;
mod text;

use std::io::Cursor;

use bytes::{BufMut, Bytes};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data as DataOpcode, OpCode},
};

use crate::{
    outgoing::close_code,
    serializer::{Data, Frame, Text},
};
use mask::Mask;
use text::TextCheck;

/// The longest header: two bytes, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;
/// The most that a message grows by before it has bytes to show for it.
const GROWTH: usize = 16 * 1024;
/// A frame of which more than this is missing is read straight into its message.
const DIRECT: usize = 4 * 1024;
/// The most that is read at once: it is unmasked while the processor's cache has it.
const DIRECT_AT_MOST: usize = 64 * 1024;

pub(super) struct WebSocketReader {
    max_message_bytes: usize,
    /// The beginning of a header whose rest has not come.
    header: Vec<u8>,
    frame: Option<OpenFrame>,
    message: Option<OpenMessage>,
    /// The body of a control frame, which may come in the middle of a message.
    control: Vec<u8>,
}

/// A frame whose header has come.
struct OpenFrame {
    opcode: OpCode,
    is_final: bool,
    mask: Mask,
    /// The bytes that have not come.
    missing: usize,
}

/// A message whose last frame has not ended.
struct OpenMessage {
    body: Vec<u8>,
    /// Set for a text.
    text: Option<TextCheck>,
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
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProtocolViolation {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

/// The result of a step of the reader.
enum Step {
    Event(WebSocketEvent),
    /// Nothing yet, and there may be more to do.
    GoOn,
}

impl WebSocketReader {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        Self {
            max_message_bytes,
            header: Vec::new(),
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// Takes the next message out of `bytes`, and shortens `bytes` by its length. Returns `None` if
    /// the message needs more bytes. `answer` gets frames that the protocol requires (pongs, the
    /// answer to a close).
    pub(super) fn next(
        &mut self,
        bytes: &mut &[u8],
        mut answer: impl FnMut(Frame),
    ) -> Result<Option<WebSocketEvent>, ProtocolViolation> {
        loop {
            if self.frame.is_none() && !self.take_header(bytes)? {
                return Ok(None);
            }
            self.take_body(bytes);
            if self.missing() > 0 {
                self.check_first_part()?;
                return Ok(None);
            }
            if let Step::Event(event) = self.end_frame(&mut answer)? {
                return Ok(Some(event));
            }
        }
    }

    /// Returns the place for the next bytes, if enough of the frame is missing to read them without
    /// a detour. Call [`filled`](Self::filled) after that, and then [`next`](Self::next).
    pub(super) fn direct(&mut self) -> Option<impl BufMut + Send + '_> {
        let missing = self.missing();
        let message = self.message.as_mut()?;
        if missing < DIRECT {
            return None;
        }
        let body = &mut message.body;
        grow(body, missing);
        let room = body.capacity() - body.len();
        Some(body.limit(room.min(missing).min(DIRECT_AT_MOST)))
    }

    /// Handles `count` bytes that were put into the place of [`direct`](Self::direct).
    pub(super) fn filled(&mut self, count: usize) {
        if let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) {
            let start = message.body.len() - count;
            frame.mask.apply(&mut message.body[start..]);
            frame.missing -= count;
        }
    }

    fn missing(&self) -> usize {
        self.frame.as_ref().map_or(0, |frame| frame.missing)
    }

    /// Takes a header. Returns whether it is whole.
    fn take_header(&mut self, bytes: &mut &[u8]) -> Result<bool, ProtocolViolation> {
        let (header, length, used) = if self.header.is_empty() {
            match parse(bytes)? {
                Some(parsed) => parsed,
                None => {
                    self.header.extend_from_slice(bytes);
                    *bytes = &[];
                    return Ok(false);
                }
            }
        } else {
            let before = self.header.len();
            let more = bytes.len().min(MAX_HEADER - before);
            self.header.extend_from_slice(&bytes[..more]);
            match parse(&self.header)? {
                Some((header, length, used)) => {
                    self.header = Vec::new();
                    (header, length, used - before)
                }
                None => {
                    *bytes = &bytes[more..];
                    return Ok(false);
                }
            }
        };
        *bytes = &bytes[used..];
        self.begin_frame(&header, length)?;
        Ok(true)
    }

    fn begin_frame(&mut self, header: &FrameHeader, length: u64) -> Result<(), ProtocolViolation> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(protocol("reserved bits are set"));
        }
        let Some(mask) = header.mask else {
            return Err(protocol("a frame without a mask"));
        };
        let held = self
            .message
            .as_ref()
            .map_or(0, |message| message.body.len());
        match header.opcode {
            OpCode::Control(_) if !header.is_final => {
                return Err(protocol("a control frame in fragments"));
            }
            OpCode::Control(_) if length > 125 => {
                return Err(protocol("a control frame over 125 bytes"));
            }
            OpCode::Control(_) => {}
            OpCode::Data(DataOpcode::Continue) if self.message.is_none() => {
                return Err(protocol("a continuation of no message"));
            }
            OpCode::Data(DataOpcode::Text | DataOpcode::Binary) if self.message.is_some() => {
                return Err(protocol("a message within another"));
            }
            OpCode::Data(kind) => {
                if length > (self.max_message_bytes - held) as u64 {
                    return Err(ProtocolViolation {
                        code: close_code::TOO_BIG,
                        reason: "a message over the limit",
                    });
                }
                self.message.get_or_insert_with(|| OpenMessage {
                    body: Vec::new(),
                    text: (kind == DataOpcode::Text).then(TextCheck::default),
                });
            }
        }
        self.frame = Some(OpenFrame {
            opcode: header.opcode,
            is_final: header.is_final,
            mask: Mask::new(mask),
            // Below the limit, or below 126.
            missing: length as usize,
        });
        Ok(())
    }

    /// Takes what there is of the frame's body.
    fn take_body(&mut self, bytes: &mut &[u8]) {
        let Some(frame) = &mut self.frame else { return };
        let body = match (frame.opcode, &mut self.message) {
            (OpCode::Data(_), Some(message)) => &mut message.body,
            _ => &mut self.control,
        };
        let count = bytes.len().min(frame.missing);
        if count == 0 {
            return;
        }
        let (taken, rest) = bytes.split_at(count);
        *bytes = rest;
        let start = body.len();
        if body.capacity() - start < count {
            grow(body, frame.missing);
        }
        body.extend_from_slice(taken);
        frame.mask.apply(&mut body[start..]);
        frame.missing -= count;
    }

    /// Refuses a text that begins wrong before the rest of its frame comes. The rest of a large
    /// frame is checked once, at the frame's end.
    fn check_first_part(&mut self) -> Result<(), ProtocolViolation> {
        match &self.message {
            Some(message) if message.body.len() <= GROWTH => self.check_text(),
            _ => Ok(()),
        }
    }

    /// Refuses a text whose bytes so far cannot be UTF-8 whatever follows.
    fn check_text(&mut self) -> Result<(), ProtocolViolation> {
        if let Some(OpenMessage {
            body,
            text: Some(text),
        }) = &mut self.message
            && !text.check(body)
        {
            return Err(not_utf8());
        }
        Ok(())
    }

    fn end_frame(&mut self, answer: &mut impl FnMut(Frame)) -> Result<Step, ProtocolViolation> {
        let Some(frame) = self.frame.take() else {
            return Ok(Step::GoOn);
        };
        match frame.opcode {
            OpCode::Control(control) => {
                let body = std::mem::take(&mut self.control);
                end_control(control, &body, answer).map(Step::Event)
            }
            OpCode::Data(_) => {
                if !frame.is_final {
                    self.check_text()?;
                    return Ok(Step::GoOn);
                }
                let Some(message) = self.message.take() else {
                    return Ok(Step::GoOn);
                };
                let body = Bytes::from(message.body);
                let data = match message.text {
                    Some(_) => Data::Text(Text::try_from(body).map_err(|_| not_utf8())?),
                    None => Data::Binary(body),
                };
                Ok(Step::Event(WebSocketEvent::Message(data)))
            }
        }
    }
}

fn end_control(
    control: Control,
    body: &[u8],
    answer: &mut impl FnMut(Frame),
) -> Result<WebSocketEvent, ProtocolViolation> {
    match control {
        Control::Ping => answer(Frame::pong(body)),
        Control::Close => {
            answer(Frame::close(close_answer(body)?, ""));
            return Ok(WebSocketEvent::Close);
        }
        // The parser of headers refuses those that are reserved.
        Control::Pong | Control::Reserved(_) => {}
    }
    Ok(WebSocketEvent::Control)
}

/// Checks the body of a close frame: nothing, or a code and a reason. Returns the code that answers
/// it, which is 1000 for each code that a client may have, as recorded from Phoenix.
fn close_answer(body: &[u8]) -> Result<u16, ProtocolViolation> {
    match body {
        [] => Ok(close_code::NORMAL),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() {
                return Err(protocol("a close with a code that is not allowed"));
            }
            match std::str::from_utf8(reason) {
                // Only servers have a use for these.
                Ok(_) if (1012..=1014).contains(&code) => Ok(close_code::PROTOCOL),
                Ok(_) => Ok(close_code::NORMAL),
                Err(_) => Err(not_utf8()),
            }
        }
        [_] => Err(protocol("a close with half a code")),
    }
}

/// Parses a header. Returns it with the length of the body and its own.
fn parse(bytes: &[u8]) -> Result<Option<(FrameHeader, u64, usize)>, ProtocolViolation> {
    let mut cursor = Cursor::new(bytes);
    let parsed = FrameHeader::parse(&mut cursor);
    let parsed = parsed.map_err(|_| protocol("a frame of an unknown kind"))?;
    Ok(parsed.map(|(header, length)| (header, length, cursor.position() as usize)))
}

/// Makes room for a part of what is missing: no more than there is already, beyond the first
/// [`GROWTH`].
fn grow(body: &mut Vec<u8>, missing: usize) {
    if body.len() == body.capacity() || body.capacity() - body.len() < missing.min(DIRECT) {
        body.reserve_exact(missing.min(body.len().max(GROWTH)));
    }
}

fn protocol(reason: &'static str) -> ProtocolViolation {
    ProtocolViolation {
        code: close_code::PROTOCOL,
        reason,
    }
}

fn not_utf8() -> ProtocolViolation {
    ProtocolViolation {
        code: close_code::INVALID_DATA,
        reason: "a text that is not UTF-8",
    }
}
