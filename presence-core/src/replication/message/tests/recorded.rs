//! Messages as versions 1 and 2 wrote them. They must be read for as long as a neighbouring version
//! is; what writes them may change with the version.

use super::*;

/// The names of the messages, and their bytes, as version 1 wrote them. Version 2 writes the same,
/// but for its number in front.
pub(super) const RECORDED: &[(&str, &str)] = &[
    (
        "heartbeat",
        concat!(
            "01080361403180d095ffbc314d0500080001ac02f0a204000000ffffffffffffffffff010807060504030201",
            "0102030405060708",
        ),
    ),
    (
        "delta",
        concat!(
            "01080361403180d095ffbc314d050103050c03010106726f6f6d3a3103616e6e247b227068785f726566223a",
            "2241414141414141413030303030303036222c226e223a367d030003626f62247b227068785f726566223a22",
            "41414141414141413030303030303039222c226e223a397d01010003616e6e257b227068785f726566223a22",
            "41414141414141413030303030303130222c226e223a31307d00020203",
        ),
    ),
    (
        "delta of which the removals are forgotten",
        "01080361403180d095ffbc314d050100ac02ad020001020102c50100",
    ),
    (
        "request",
        "01080361403180d095ffbc314d0502070362403281d095ffbc314eac02ffffffffffffffffff01",
    ),
    (
        "part",
        concat!(
            "01080361403180d095ffbc314d0503070362403281d095ffbc314eac02ae02ffffffffffffffffff01010201",
            "02010174016b267b227068785f726566223a2241414141414141413030303030333032222c226e223a333032",
            "7d0001ac02",
        ),
    ),
    (
        "vector",
        concat!(
            "01080361403180d095ffbc314d05040101620304020009090909090909090907010101010101010101010163",
            "010203904e01",
        ),
    ),
    (
        "refusal",
        "01080361403180d095ffbc314d050580d095ffbc314d81d095ffbc314eac02",
    ),
    ("leave", "01080361403180d095ffbc314d0506904e"),
    ("ping", "01080361403180d095ffbc314d050700"),
    ("ping for another", "01080361403180d095ffbc314d050703634033"),
    ("pong", "01080361403180d095ffbc314d050800"),
    (
        "pong to be passed on",
        "01080361403180d095ffbc314d050803634033",
    ),
    ("ping for me", "01080361403180d095ffbc314d050903624032"),
    (
        "vouch",
        "01080361403180d095ffbc314d050a0362403281d095ffbc314eac02",
    ),
];

/// The messages that version 2 adds.
pub(super) const RECORDED_SINCE_2: &[(&str, &str)] = &[
    (
        "pull",
        concat!(
            "02080361403180d095ffbc314d050b070362403281d095ffbc314eac02ffffffffffffffffff018080010c02",
            "0207",
        ),
    ),
    (
        "cancel",
        "02080361403180d095ffbc314d050c07ffffffffffffffffff01",
    ),
];

fn row(step: u64, topic: Option<&'static str>, key: &'static str, n: u64) -> EntryRow<'static> {
    EntryRow {
        step,
        topic: topic.map(Cow::from),
        key: key.into(),
        meta: meta(n).into(),
        is_lost: false,
    }
}

fn cell(shard: u16, clock: u64, check: [u8; 8]) -> Cell {
    Cell {
        shard,
        clock: Clock::new(clock),
        check: u64::from_le_bytes(check),
    }
}

/// Returns the replica that messages speak of.
fn other() -> Origin {
    origin("b@2", 1_700_000_000_001, 78)
}

fn request() -> Request {
    Request {
        shard: 7,
        origin: other(),
        from: Clock::new(300),
        id: u64::MAX,
    }
}

/// Returns the body of the message of this name.
pub(super) fn recorded(name: &str) -> Body<'static> {
    match name {
        "heartbeat" => Body::Heartbeat(Heartbeat {
            clocks: [0, 1, 300, 70_000, 0, 0, 0, u64::MAX]
                .map(Clock::new)
                .to_vec(),
            check: u64::from_le_bytes([8, 7, 6, 5, 4, 3, 2, 1]),
            digest: u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8]),
        }),
        "delta" => Body::Delta(DeltaMessage {
            shard: 3,
            from: Clock::new(5),
            to: Clock::new(12),
            adds: vec![
                row(1, Some("room:1"), "ann", 6),
                row(3, None, "bob", 9),
                row(1, Some(""), "ann", 10),
            ],
            gone: GoneRow::Tags(vec![2, 3]),
        }),
        // Of the tags up to 300, 1 to 3 live and 200.
        "delta of which the removals are forgotten" => Body::Delta(DeltaMessage {
            shard: 0,
            from: Clock::new(300),
            to: Clock::new(301),
            adds: Vec::new(),
            gone: GoneRow::Except(vec![(1, 2), (197, 0)]),
        }),
        "request" => Body::Request(request()),
        "part" => Body::Part(PartMessage {
            shard: 7,
            origin: other(),
            from: Clock::new(300),
            to: Clock::new(302),
            id: u64::MAX,
            index: 1,
            of: 2,
            adds: vec![row(2, Some("t"), "k", 302)],
            gone: GoneRow::Tags(vec![300]),
        }),
        "vector" => Body::Vector(Vector {
            rows: vec![Row {
                origin: origin("b", 3, 4),
                shards: vec![cell(0, 9, [9; 8]), cell(7, 1, [1; 8])],
            }],
            left: vec![Left {
                origin: origin("c", 1, 2),
                number: 3,
                grace_ms: 10_000,
            }],
            answer: true,
        }),
        "refusal" => Body::Refusal(Refusal {
            refused: header().sender.incarnation,
            known: other().incarnation,
            number: 300,
        }),
        "leave" => Body::Leave { grace_ms: 10_000 },
        "ping" => Body::Ping { on_behalf_of: None },
        "ping for another" => Body::Ping {
            on_behalf_of: Some(ReplicaName::new("c@3")),
        },
        "pong" => Body::Pong { on_behalf_of: None },
        "pong to be passed on" => Body::Pong {
            on_behalf_of: Some(ReplicaName::new("c@3")),
        },
        "ping for me" => Body::PingFor { name: other().name },
        "vouch" => Body::Vouch {
            origin: other(),
            number: 300,
        },
        "pull" => Body::Pull(Pull {
            request: request(),
            part_bytes: 16_384,
            upto: 12,
            again: vec![2, 7],
        }),
        "cancel" => Body::Cancel {
            shard: 7,
            id: u64::MAX,
        },
        other => panic!("nothing is recorded of {other}"),
    }
}

#[test]
fn messages_are_written_and_read_as_recorded() {
    for (name, text) in RECORDED.iter().chain(RECORDED_SINCE_2) {
        let written = to_hex(&encode(&header(), &recorded(name)).unwrap());
        assert_eq!(written[2..], text[2..], "{name}");
        assert_eq!(written[..2], *"02");
        for text in [*text, &*written] {
            let bytes = hex(text);
            let read = decode(&bytes).unwrap();
            assert_eq!(read, (header(), recorded(name)), "{name}");
        }
    }
}

#[test]
fn a_delta_is_written_as_recorded() {
    assert_eq!(body_of_delta(3, &delta()), recorded("delta"));
}

#[test]
fn every_message_is_recorded() {
    let all = RECORDED.iter().chain(RECORDED_SINCE_2);
    let variants = all.map(|(_, text)| {
        let header = postcard::to_allocvec(&header()).unwrap();
        hex(text)[1 + header.len()]
    });
    let mut variants: Vec<_> = variants.collect();
    variants.sort_unstable();
    variants.dedup();
    assert_eq!(variants, (0..UNKNOWN).collect::<Vec<_>>());
}
