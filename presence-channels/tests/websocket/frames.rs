//! The frames of RFC 6455, byte by byte, against a server that returns each message. The groups
//! are those of the public test suites: lengths, pings, bits, fragments, UTF-8, closes, sizes.

use std::{net::SocketAddr, time::Duration};

use presence_channels::Endpoint;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::echo;

const FIN: u8 = 0x80;
const CONTINUE: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns a masked frame of a client, with the shortest form of its length.
fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x1b, 0x80, 0xff, 0x07];
    let mut frame = vec![first];
    match body.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(body.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

struct Echo {
    address: SocketAddr,
    _endpoint: Endpoint,
}

impl Echo {
    async fn start() -> Self {
        let (address, endpoint) = echo::start().await;
        Self {
            address,
            _endpoint: endpoint,
        }
    }

    async fn open(&self) -> RawClient {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            echo::PATH,
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        RawClient(stream)
    }

    /// Asserts that the server answers `bytes` by `answers` and a close with `code`.
    async fn assert_closed(&self, what: &str, bytes: &[u8], answers: &[(u8, &[u8])], code: u16) {
        for chop in [1, bytes.len()] {
            let mut client = self.open().await;
            client.send(bytes, chop).await;
            for (first, body) in answers {
                assert_eq!(client.next().await, (*first, body.to_vec()), "{what}");
            }
            let (first, body) = client.next().await;
            assert_eq!(first, FIN | CLOSE, "{what}");
            assert_eq!(body[..2], code.to_be_bytes(), "{what}");
            client.ends().await;
        }
    }
}

struct RawClient(TcpStream);

impl RawClient {
    /// Sends `bytes` in parts of `chop` bytes.
    async fn send(&mut self, bytes: &[u8], chop: usize) {
        for part in bytes.chunks(chop.max(1)) {
            if self.0.write_all(part).await.is_err() {
                // The server has closed on what came before.
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns the next frame: its first byte and its body.
    async fn next(&mut self) -> (u8, Vec<u8>) {
        let read = timeout(PATIENCE, async {
            let first = self.0.read_u8().await?;
            let length = match self.0.read_u8().await? {
                126 => self.0.read_u16().await?.into(),
                127 => self.0.read_u64().await?,
                length => length.into(),
            };
            let mut body = vec![0; length as usize];
            self.0.read_exact(&mut body).await?;
            std::io::Result::Ok((first, body))
        });
        read.await.expect("a frame in time").expect("a frame")
    }

    /// Asserts that no frame comes before the end.
    async fn ends(&mut self) {
        let read = timeout(PATIENCE, self.0.read_u8()).await;
        assert!(read.expect("the end in time").is_err());
    }

    async fn assert_echo(&mut self, kind: u8, body: &[u8]) {
        let (first, echo) = self.next().await;
        assert_eq!(first, FIN | kind);
        assert!(
            echo == body,
            "{} bytes came back as {}",
            body.len(),
            echo.len()
        );
    }
}

#[tokio::test]
async fn bodies_of_each_form_of_length_come_back() {
    let server = Echo::start().await;
    for kind in [TEXT, BINARY] {
        for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
            let body = vec![b'*'; length];
            for chop in [997, usize::MAX] {
                let mut client = server.open().await;
                client.send(&frame(FIN | kind, &body), chop).await;
                client.assert_echo(kind, &body).await;
            }
        }
    }
}

#[tokio::test]
async fn pings_are_answered_and_pongs_are_not() {
    let server = Echo::start().await;
    let mut client = server.open().await;
    for body in [&b""[..], b"hello", b"\x00\xff\xfe", &[0xfe; 125]] {
        for chop in [1, usize::MAX] {
            client.send(&frame(FIN | PONG, body), chop).await;
            client.send(&frame(FIN | PING, body), chop).await;
            assert_eq!(client.next().await, (FIN | PONG, body.to_vec()));
        }
    }
    let many: Vec<_> = (0..10).flat_map(|n| frame(FIN | PING, &[n])).collect();
    client.send(&many, usize::MAX).await;
    for n in 0..10 {
        assert_eq!(client.next().await, (FIN | PONG, vec![n]));
    }
    let long = frame(FIN | PING, &[0xfe; 126]);
    server.assert_closed("a long ping", &long, &[], 1002).await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_close_after_what_came_before() {
    let server = Echo::start().await;
    let before = [frame(FIN | PING, b"before")].concat();
    let answers: [(u8, &[u8]); 1] = [(FIN | PONG, b"before")];
    let bits = (1..8).flat_map(|bits| [TEXT, CLOSE, PING].map(|kind| bits << 4 | kind));
    let opcodes = (3..8).chain(11..16);
    for first in bits.chain(opcodes) {
        for body in [&b""[..], b"body"] {
            let bytes = [&before[..], &frame(FIN | first, body)].concat();
            let what = format!("{first:#x}");
            server.assert_closed(&what, &bytes, &answers, 1002).await;
        }
    }
}

#[tokio::test]
async fn fragments_make_one_message_with_control_frames_between() {
    let server = Echo::start().await;
    let bytes = [
        frame(TEXT, b"one "),
        frame(FIN | PING, b"p1"),
        frame(CONTINUE, b""),
        frame(FIN | PONG, b"unasked"),
        frame(CONTINUE, b"two "),
        frame(FIN | PING, b"p2"),
        frame(FIN, b"three"),
    ]
    .concat();
    for chop in [1, 3, usize::MAX] {
        let mut client = server.open().await;
        client.send(&bytes, chop).await;
        assert_eq!(client.next().await, (FIN | PONG, b"p1".to_vec()));
        assert_eq!(client.next().await, (FIN | PONG, b"p2".to_vec()));
        client.assert_echo(TEXT, b"one two three").await;
    }
    let refused = [
        ("a ping in fragments", frame(PING, b"")),
        ("a continuation of nothing", frame(FIN, b"x")),
        ("one that goes on", frame(CONTINUE, b"x")),
        (
            "a second beginning",
            [frame(TEXT, b"x"), frame(FIN | TEXT, b"y")].concat(),
        ),
        (
            "a second beginning that goes on",
            [frame(TEXT, b"x"), frame(BINARY, b"y")].concat(),
        ),
    ];
    for (what, bytes) in refused {
        server.assert_closed(what, &bytes, &[], 1002).await;
    }
}

#[tokio::test]
async fn text_is_utf8_wherever_it_is_cut() {
    let server = Echo::start().await;
    let text = "κόσμε \u{7ff}\u{800}\u{fffd}\u{10000}\u{10ffff}\u{0}";
    for cut in 0..=text.len() {
        let (start, end) = text.as_bytes().split_at(cut);
        let bytes = [frame(TEXT, start), frame(CONTINUE, b""), frame(FIN, end)].concat();
        let mut client = server.open().await;
        client.send(&bytes, usize::MAX).await;
        client.assert_echo(TEXT, text.as_bytes()).await;
    }
    let invalid: [&[u8]; 8] = [
        b"\x80",
        b"\xc3\x28",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
    ];
    for bad in invalid {
        let whole = [b"a", bad, b"b"].concat();
        let what = format!("{bad:x?}");
        let bytes = frame(FIN | TEXT, &whole);
        server.assert_closed(&what, &bytes, &[], 1007).await;
        // The rest of the message never comes.
        let bytes = frame(TEXT, &whole);
        server.assert_closed(&what, &bytes, &[], 1007).await;
        // The rest of the frame never comes.
        let bytes = frame(FIN | TEXT, &[&whole[..], b"the rest"].concat());
        let bytes = &bytes[..bytes.len() - 8];
        server.assert_closed(&what, bytes, &[], 1007).await;
    }
    let half = frame(FIN | TEXT, b"\xce\xba\xe1\xbd");
    server.assert_closed("half", &half, &[], 1007).await;
    let mut client = server.open().await;
    client.send(&frame(FIN | BINARY, b"\xff\xfe"), 1).await;
    client.assert_echo(BINARY, b"\xff\xfe").await;
}

#[tokio::test]
async fn closes_are_answered_by_1000_or_1002() {
    let server = Echo::start().await;
    let allowed = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    for code in allowed {
        let bytes = frame(FIN | CLOSE, &u16::to_be_bytes(code));
        let what = code.to_string();
        server.assert_closed(&what, &bytes, &[], 1000).await;
    }
    let refused = [
        0, 999, 1004, 1005, 1006, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ];
    for code in refused {
        let bytes = frame(FIN | CLOSE, &u16::to_be_bytes(code));
        let what = code.to_string();
        server.assert_closed(&what, &bytes, &[], 1002).await;
    }
    let reason = |bytes: &[u8]| frame(FIN | CLOSE, &[b"\x03\xe8", bytes].concat());
    for (what, bytes, code) in [
        ("one byte", frame(FIN | CLOSE, b"\x03"), 1002),
        ("a reason of 123 bytes", reason(&[b'*'; 123]), 1000),
        ("a reason of 124 bytes", reason(&[b'*'; 124]), 1002),
        ("no UTF-8", reason(b"\xce\xba\xed\xa0\x80"), 1007),
        (
            "frames after it",
            [
                reason(b""),
                frame(FIN | TEXT, b"late"),
                frame(FIN | PING, b""),
            ]
            .concat(),
            1000,
        ),
        (
            "a message that is open",
            [frame(TEXT, b"open"), reason(b""), frame(FIN, b"late")].concat(),
            1000,
        ),
    ] {
        server.assert_closed(what, &bytes, &[], code).await;
    }
    let mut client = server.open().await;
    client.send(&frame(FIN | CLOSE, b""), 1).await;
    assert_eq!(client.next().await, (FIN | CLOSE, vec![0x03, 0xe8]));
    client.ends().await;
}

#[tokio::test]
async fn messages_of_16_mib_come_back_whole_and_from_fragments() {
    let server = Echo::start().await;
    let body = vec![b'*'; echo::MAX_MESSAGE];
    for (kind, part) in [(TEXT, body.len()), (BINARY, 65_536), (TEXT, 4096)] {
        let parts = body.len() / part;
        let frames: Vec<_> = body
            .chunks(part)
            .enumerate()
            .flat_map(|(number, part)| {
                let opcode = if number == 0 { kind } else { CONTINUE };
                let fin = if number + 1 == parts { FIN } else { 0 };
                frame(fin | opcode, part)
            })
            .collect();
        let mut client = server.open().await;
        client.send(&frames, 1_000_000).await;
        client.assert_echo(kind, &body).await;
    }
}
