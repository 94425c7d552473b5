use proptest::prelude::*;
use tungstenite::{
    Message,
    protocol::{Role, WebSocketConfig, WebSocketContext, frame::coding::CloseCode},
};

use super::*;

const LIMIT: usize = 100_000;

/// A frame of a client.
fn frame(is_final: bool, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut header = FrameHeader {
        is_final,
        mask: Some([1, 2, 3, 4]),
        ..FrameHeader::default()
    };
    header.opcode = OpCode::from(opcode);
    let mut bytes = Vec::new();
    header.format(body.len() as u64, &mut bytes).unwrap();
    let start = bytes.len();
    bytes.extend_from_slice(body);
    Mask::new([1, 2, 3, 4]).apply(&mut bytes[start..]);
    bytes
}

/// The result of reading some bytes: events, answers, and the code of a violation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    events: Vec<String>,
    answers: Vec<Vec<u8>>,
    violation: Option<u16>,
}

/// Reads `bytes`, of which each part of `parts` bytes comes by itself. With `direct`, the rest of a
/// large frame is read straight into its message.
fn read(bytes: &[u8], part: usize, direct: bool) -> Outcome {
    let mut reader = WebSocketReader::new(LIMIT);
    let mut outcome = Outcome::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut now: &[u8] = &[];
        let filled = match direct.then(|| reader.direct()).flatten() {
            Some(mut place) => {
                let count = place.remaining_mut().min(part).min(rest.len());
                place.put_slice(&rest[..count]);
                count
            }
            None => 0,
        };
        if filled > 0 {
            reader.filled(filled);
            rest = &rest[filled..];
        } else {
            let count = part.min(rest.len());
            (now, rest) = rest.split_at(count);
        }
        loop {
            let answers = &mut outcome.answers;
            match reader.next(&mut now, |frame| {
                answers.push(frame.whole().unwrap().to_vec());
            }) {
                Ok(None) => break,
                Ok(Some(WebSocketEvent::Message(Data::Text(text)))) => {
                    outcome.events.push(format!("text {}", text.as_str()));
                }
                Ok(Some(WebSocketEvent::Message(Data::Binary(bytes)))) => {
                    outcome.events.push(format!("binary {bytes:?}"));
                }
                Ok(Some(WebSocketEvent::Control)) => outcome.events.push("control".to_owned()),
                Ok(Some(WebSocketEvent::Close)) => {
                    outcome.events.push("close".to_owned());
                    return outcome;
                }
                Err(violation) => {
                    outcome.violation = Some(violation.code);
                    return outcome;
                }
            }
        }
    }
    assert!(reader.header.len() < MAX_HEADER);
    outcome
}

/// As tungstenite reads them.
fn read_by_tungstenite(bytes: &[u8]) -> (Vec<String>, bool) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMIT))
        .max_frame_size(Some(LIMIT));
    let mut context = WebSocketContext::new(Role::Server, Some(config));
    let mut stream = std::io::Cursor::new(bytes.to_vec());
    let mut events = Vec::new();
    loop {
        match context.read(&mut Answered(&mut stream)) {
            Ok(Message::Text(text)) => events.push(format!("text {text}")),
            Ok(Message::Binary(bytes)) => events.push(format!("binary {bytes:?}")),
            // It reports such a close, and answers it as a violation.
            Ok(Message::Close(Some(frame))) if frame.reason.as_str() == "Protocol violation" => {
                return (events, true);
            }
            Ok(Message::Close(_)) => {
                events.push("close".to_owned());
                return (events, false);
            }
            Ok(_) => events.push("control".to_owned()),
            Err(tungstenite::Error::Io(_)) => return (events, false),
            Err(_) => return (events, true),
        }
    }
}

/// A stream that ends in silence, and whose answers nobody reads.
struct Answered<'a>(&'a mut std::io::Cursor<Vec<u8>>);

impl std::io::Read for Answered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl std::io::Write for Answered<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A sequence of frames, most of which follow the protocol.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..200),
        4 => "[a-zé€😀]{0,60}".prop_map(String::into_bytes),
        1 => (4000usize..40_000).prop_map(|length| vec![b'x'; length]),
    ];
    let opcode = prop_oneof![
        4 => Just(1u8),
        3 => Just(2u8),
        4 => Just(0u8),
        2 => Just(9u8),
        1 => Just(10u8),
        1 => Just(8u8),
        1 => 3u8..16,
    ];
    let frame = (prop::bool::weighted(0.7), opcode, body).prop_map(|(is_final, opcode, body)| {
        match opcode {
            // Most control frames are right.
            8..=15 if body.len() % 7 > 0 => frame(true, opcode, &body[..body.len().min(100)]),
            _ => frame(is_final, opcode, &body),
        }
    });
    prop::collection::vec(frame, 1..8).prop_map(|frames| frames.concat())
}

proptest! {
    /// Whatever comes, and in whatever parts, is read as tungstenite reads it.
    #[test]
    fn what_comes_is_read_as_another_implementation_reads_it(
        bytes in frames(),
        part in prop_oneof![1usize..20, 1000usize..20_000],
    ) {
        let (events, is_violation) = read_by_tungstenite(&bytes);
        let whole = read(&bytes, bytes.len(), false);
        prop_assert_eq!(&whole.events, &events);
        prop_assert_eq!(whole.violation.is_some(), is_violation, "{:?}", whole.violation);
        for direct in [false, true] {
            prop_assert_eq!(&read(&bytes, part, direct), &whole);
        }
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes, 7, true);
    }
}

#[test]
fn violations_have_their_codes() {
    let violation = |bytes: &[u8]| read(bytes, 1, false).violation;
    assert_eq!(violation(&frame(true, 1, b"\xff")), Some(1007));
    // As soon as nothing can make it UTF-8 any more.
    assert_eq!(
        violation(&frame(false, 1, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80")),
        Some(1007)
    );
    assert_eq!(violation(&frame(true, 1, b"\xce")), Some(1007));
    // Before its frame is whole, too.
    let frame_of_5 = frame(true, 1, b"a\xffend");
    assert_eq!(violation(&frame_of_5[..frame_of_5.len() - 3]), Some(1007));
    assert_eq!(violation(&[0x81, 0x81]), None);
    assert_eq!(violation(&[0x81, 0x01, b'a']), Some(1002));
    assert_eq!(violation(&[0xc1, 0x80, 1, 2, 3, 4]), Some(1002));
    assert_eq!(violation(&frame(true, 3, b"")), Some(1002));
    assert_eq!(violation(&frame(true, 0, b"")), Some(1002));
    assert_eq!(violation(&frame(false, 9, b"")), Some(1002));
    assert_eq!(violation(&frame(true, 9, &[0; 126])), Some(1002));
    assert_eq!(
        violation(&[frame(false, 1, b"a"), frame(true, 1, b"b")].concat()),
        Some(1002)
    );
    for (code, is_allowed) in [
        (999, false),
        (1000, true),
        (1004, false),
        (1005, false),
        (1006, false),
        (1007, true),
        (1012, true),
        (1015, false),
        (1016, false),
        (2999, false),
        (3000, true),
        (4999, true),
        (5000, false),
    ] {
        let body = u16::to_be_bytes(code);
        assert_eq!(
            violation(&frame(true, 8, &body)).is_none(),
            is_allowed,
            "{code}"
        );
        assert_eq!(CloseCode::from(code).is_allowed(), is_allowed);
    }
    assert_eq!(violation(&frame(true, 8, b"\x03")), Some(1002));
    assert_eq!(violation(&frame(true, 8, b"\x03\xe8\xff")), Some(1007));
    assert_eq!(violation(&frame(true, 8, b"")), None);
}

#[test]
fn a_message_over_the_limit_is_refused_when_it_is_announced() {
    let header = &frame(true, 2, &vec![0; LIMIT + 1])[..14];
    assert_eq!(read(header, 14, false).violation, Some(1009));
    let parts = [frame(false, 2, &vec![0; LIMIT]), frame(true, 0, b"x")].concat();
    assert_eq!(read(&parts, 8192, true).violation, Some(1009));
    let most = [frame(false, 2, &vec![0; LIMIT]), frame(true, 0, b"")].concat();
    assert_eq!(read(&most, 8192, true).violation, None);
}

#[test]
fn pings_are_answered_with_their_bodies_and_a_close_with_a_code() {
    let bytes = [
        frame(true, 9, b"one"),
        frame(true, 9, b"two"),
        frame(true, 8, b"\x03\xe8bye"),
    ]
    .concat();
    let outcome = read(&bytes, 3, false);
    let answers: [&[u8]; 3] = [b"\x8a\x03one", b"\x8a\x03two", b"\x88\x02\x03\xe8"];
    assert_eq!(outcome.answers, answers);
}

/// An announced length takes no memory, and nothing is left of a message.
#[test]
fn memory_is_held_for_what_has_come_only() {
    let mut reader = WebSocketReader::new(16 * 1024 * 1024);
    let big = frame(true, 2, &vec![7; 16 * 1024 * 1024]);
    let mut head = &big[..20];
    assert!(reader.next(&mut head, |_| {}).unwrap().is_none());
    assert!(reader.message.as_ref().unwrap().body.capacity() <= GROWTH);
    let mut rest = &big[20..];
    assert!(reader.next(&mut rest, |_| {}).unwrap().is_some());
    assert!(
        reader.message.is_none() && reader.header.capacity() == 0 && reader.control.capacity() == 0
    );
}
