//! The protocols that the measured servers speak.

/// A protocol over WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Phoenix channels, version 2.
    Phoenix,
    /// Socket.IO 4 over engine.io 4, by WebSocket from the beginning.
    SocketIo,
}

impl Wire {
    /// Returns the target of the handshake's request.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Phoenix => "/socket/websocket?vsn=2.0.0",
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket",
        }
    }

    /// Returns the message with which a client opens the connection, if there is one, and the
    /// numbers of frames that the server sends before the message and until it has answered.
    pub(crate) fn greeting(self) -> Option<(u64, &'static str, u64)> {
        match self {
            Self::Phoenix => None,
            // The handshake of engine.io, its first ping, and the answer.
            Self::SocketIo => Some((2, "40", 3)),
        }
    }

    /// Returns the message that joins `topic`. The server answers with one frame.
    pub(crate) fn join(self, topic: &str) -> String {
        self.ask(topic, "phx_join", "{}")
    }

    /// Returns a message that the server answers with one frame.
    pub(crate) fn ask(self, topic: &str, event: &str, payload: &str) -> String {
        match self {
            Self::Phoenix => format!(r#"["1","1","{topic}","{event}",{payload}]"#),
            Self::SocketIo => format!(r#"421["{event}",{payload}]"#),
        }
    }

    /// Returns a message that the server sends to all members of the topic.
    pub(crate) fn tell(self, topic: &str, event: &str, payload: &str) -> String {
        match self {
            Self::Phoenix => self.ask(topic, event, payload),
            Self::SocketIo => format!(r#"42["{event}",{payload}]"#),
        }
    }
}

/// Returns a masked text frame, as clients send it. The mask is zero, so the body stays as it is.
pub(crate) fn masked(body: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(14 + body.len());
    frame.push(0x81);
    match body.len() {
        length @ ..=125 => frame.push(0x80 | length as u8),
        length @ ..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(body.as_bytes());
    frame
}

/// Counts the frames in a stream of bytes.
#[derive(Default)]
pub(crate) struct FrameBoundaries {
    /// The bytes of an incomplete header.
    header: Vec<u8>,
    /// The number of bytes that the current frame's body still lacks.
    body: usize,
}

impl FrameBoundaries {
    /// Returns the number of frames that `bytes` complete.
    pub(crate) fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut count = 0;
        while !bytes.is_empty() {
            let skipped = self.body.min(bytes.len());
            self.body -= skipped;
            bytes = &bytes[skipped..];
            if skipped > 0 && self.body == 0 {
                count += 1;
                continue;
            }
            while let Some((byte, rest)) = bytes.split_first().filter(|_| self.body == 0) {
                self.header.push(*byte);
                bytes = rest;
                let length = match self.header[..] {
                    [_, length @ ..126] => usize::from(length),
                    [_, 126, high, low] => usize::from(u16::from_be_bytes([high, low])),
                    [_, 127, a, b, c, d, e, f, g, h] => {
                        u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize
                    }
                    _ => continue,
                };
                self.header.clear();
                self.body = length;
                count += u64::from(length == 0);
                break;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let mut stream = vec![0x81, 0, 0x81, 3, 1, 2, 3, 0x81, 126, 0, 200];
        stream.extend([7; 200]);
        stream.extend([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5]);
        stream.extend([0x81, 1, 9]);
        for size in 1..=stream.len() {
            let mut boundaries = FrameBoundaries::default();
            let count: u64 = stream
                .chunks(size)
                .map(|chunk| boundaries.count(chunk))
                .sum();
            assert_eq!(count, 5, "in pieces of {size}");
        }
        // A frame counts when its last byte has come.
        let mut boundaries = FrameBoundaries::default();
        assert_eq!(boundaries.count(&stream[..6]), 1);
        assert_eq!(boundaries.count(&stream[6..7]), 1);
    }

    #[test]
    fn a_masked_frame_has_the_header_of_its_length() {
        for (length, header) in [(5, 6), (125, 6), (126, 8), (0xffff, 8), (0x1_0000, 14)] {
            let frame = masked(&"x".repeat(length));
            assert_eq!(frame.len(), header + length);
            // Without the mask bit and the mask it is a server's frame.
            let mut server = frame.clone();
            server[1] &= 0x7f;
            server.drain(header - 4..header);
            assert_eq!(FrameBoundaries::default().count(&server), 1);
        }
    }
}
