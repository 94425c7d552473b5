use proptest::prelude::*;

use super::*;

const SENDER: SendingNode<'static> = SendingNode {
    node: "a@10.0.0.1",
    start: 300,
};

fn json(topic: &str, event: &str, text: &'static str) -> Broadcast {
    Broadcast::new(topic, event, Payload::Json(text.into()))
}

fn binary(topic: &str, event: &str, bytes: &'static [u8]) -> Broadcast {
    Broadcast::new(topic, event, Payload::Binary(bytes.into()))
}

/// Frames as the first version wrote them. A change here parts nodes of two versions: write a
/// further version instead, and keep reading this one.
const RECORDED: [(&str, Kind); 3] = [
    (
        "70010a614031302e302e302e31ac02000a726f6f6d3a6c6f6262790573686f7574000d7b22626f6479223a226869227d",
        Kind::Broadcast,
    ),
    (
        "70010a614031302e302e302e31ac02010174016501030001ff",
        Kind::Direct,
    ),
    (
        "70010a614031302e302e302e31ac02000000000130",
        Kind::Broadcast,
    ),
];

fn recorded_messages() -> [Broadcast; 3] {
    [
        json("room:lobby", "shout", r#"{"body":"hi"}"#),
        binary("t", "e", &[0, 1, 255]),
        json("", "", "0"),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Bytes {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn version_1_is_written_as_recorded() {
    for ((text, kind), message) in RECORDED.iter().zip(recorded_messages()) {
        assert_eq!(hex(&encode(&SENDER, *kind, &message).unwrap()), *text);
    }
}

#[test]
fn recorded_frames_of_version_1_are_read() {
    for ((text, kind), message) in RECORDED.iter().zip(recorded_messages()) {
        let frame = unhex(text);
        let kind = *kind;
        assert_eq!(decode(&frame), Ok((SENDER, NodeFrame { kind, message })));
    }
}

#[test]
fn the_payload_is_not_copied() {
    let frame = unhex(RECORDED[0].0);
    let (_, decoded) = decode(&frame).unwrap();
    let payload = decoded.message.payload.bytes();
    assert!(frame.as_ptr_range().contains(&payload.as_ptr()));
}

/// The first two recorded frames as version 2 may write them, with something appended that is not
/// known here.
const OF_THE_NEXT_VERSION: [&str; 2] = [
    "70020a614031302e302e302e31ac02000a726f6f6d3a6c6f6262790573686f7574000d7b22626f6479223a226869227d03616263",
    "70020a614031302e302e302e31ac02010174016501030001ff00",
];

#[test]
fn what_the_next_version_appends_is_left_out() {
    let recorded = RECORDED.iter().zip(recorded_messages());
    for (text, ((_, kind), message)) in OF_THE_NEXT_VERSION.iter().zip(recorded) {
        let kind = *kind;
        assert_eq!(
            decode(&unhex(text)),
            Ok((SENDER, NodeFrame { kind, message }))
        );
    }
}

/// A kind that version 2 might add.
#[test]
fn what_the_next_version_adds_is_dropped_with_its_node_named() {
    let frame = unhex("70020a614031302e302e302e31ac02020174016501030001ff");
    let error = decode(&frame).unwrap_err();
    assert!(
        matches!(error, WireError::Newer { version: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains(SENDER.node), "{error}");
}

#[test]
fn versions_further_off_are_refused_by_number_and_node() {
    let mut frame = unhex(RECORDED[0].0).to_vec();
    frame[1] = 3;
    frame.truncate(16);
    let error = decode(&frame.into()).unwrap_err();
    let node = SENDER.node.to_owned();
    assert_eq!(error, WireError::Version { version: 3, node });
    assert_eq!(
        error.to_string(),
        "node \"a@10.0.0.1\" sends version 3, and this node reads versions 0 to 2"
    );
}

#[test]
fn what_no_node_sends_is_refused() {
    let good = unhex(RECORDED[0].0);
    assert_eq!(decode(&Bytes::new()), Err(WireError::Foreign));
    assert_eq!(
        decode(&Bytes::from_static(b"PING")),
        Err(WireError::Foreign)
    );
    let longer: Bytes = [&good[..], b"x"].concat().into();
    assert_eq!(decode(&longer), Err(WireError::Trailing(1)));

    for broken in [
        &br#"{"a":1},{"b":2}"#[..],
        b"\"\xff\"",
        b"",
        br#"{"a":"\ud83d"}"#,
        br#"{"a":1e999}"#,
    ] {
        let broken = Broadcast::new("t", "e", Payload::Json(broken.into()));
        let frame = encode(&SENDER, Kind::Broadcast, &broken).unwrap();
        assert_eq!(decode(&frame), Err(WireError::NotJson));
    }

    let name = "n".repeat(MAX_NODE_NAME + 1);
    let mut frame = vec![MAGIC, VERSION];
    frame = postcard::to_extend(
        &SendingNode {
            node: &name,
            start: 1,
        },
        frame,
    )
    .unwrap();
    assert!(matches!(decode(&frame.into()), Err(WireError::TooLong(_))));
}

/// A length says how much is to come; nothing is reserved on its word.
#[test]
fn a_length_beyond_the_frame_is_malformed() {
    let mut frame = vec![MAGIC, VERSION];
    frame.extend([0xff, 0xff, 0xff, 0xff, 0x0f, b'a']);
    assert!(matches!(
        decode(&frame.into()),
        Err(WireError::Malformed(_))
    ));
}

#[test]
fn what_is_too_long_is_not_encoded() {
    let long = "x".repeat(MAX_NAME + 1);
    let topic = encode(&SENDER, Kind::Direct, &json(&long, "e", "0"));
    assert_eq!(
        topic.unwrap_err().to_string(),
        "the topic is 65536 bytes long, over the limit of 65535"
    );
    let event = encode(&SENDER, Kind::Direct, &json("t", &long, "0"));
    assert_eq!(event.unwrap_err().part, "event");
    let payload = Payload::Binary(vec![0; MAX_FRAME].into());
    let message = encode(&SENDER, Kind::Direct, &Broadcast::new("t", "e", payload));
    assert_eq!(message.unwrap_err().part, "message");
    let name = "n".repeat(MAX_NODE_NAME + 1);
    let sender = SendingNode {
        node: &name,
        start: 1,
    };
    assert_eq!(
        encode(&sender, Kind::Direct, &json("t", "e", "0"))
            .unwrap_err()
            .limit,
        MAX_NODE_NAME
    );
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        node in "\\PC{0,30}", start: u64, direct: bool,
        topic in "\\PC{0,40}", event in "\\PC{0,40}", text: Option<String>, bytes: Vec<u8>,
    ) {
        let sender = SendingNode { node: &node, start };
        let kind = if direct { Kind::Direct } else { Kind::Broadcast };
        let payload = match &text {
            Some(text) => Payload::encode(text).unwrap(),
            None => Payload::Binary(bytes.into()),
        };
        let message = Broadcast::new(topic, event, payload);
        let frame = encode(&sender, kind, &message).unwrap();
        prop_assert_eq!(decode(&frame), Ok((sender, NodeFrame { kind, message })));
    }

    #[test]
    fn any_bytes_are_refused_or_read(mut bytes: Vec<u8>, headed: bool) {
        if headed {
            bytes.splice(0..0, [MAGIC, VERSION]);
        }
        let _ = decode(&bytes.into());
    }

    /// A cut frame never passes for a whole one.
    #[test]
    fn a_cut_frame_is_an_error(cut in 0_usize..45) {
        prop_assert!(decode(&unhex(RECORDED[0].0).slice(..cut)).is_err());
    }
}
