mod agreed;
mod recorded;

use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::replication::set::{
    Clock, Delta, Entry, Gone, Incarnation, Meta, Origin, Ownership, ReplicaName, Run, Tag,
};

use recorded::{RECORDED, recorded};

/// The number of a variant that there is not yet: the one after the last.
const UNKNOWN: u8 = 13;

fn header() -> Header {
    Header {
        pool_size: 8,
        sender: origin("a@1", 1_700_000_000_000, 77),
        number: 5,
    }
}

fn origin(name: &str, started_ms: u64, nonce: u64) -> Origin {
    Origin {
        name: ReplicaName::new(name),
        incarnation: Incarnation { started_ms, nonce },
    }
}

fn meta(n: u64) -> String {
    format!("{{\"phx_ref\":\"AAAAAAAA{n:08}\",\"n\":{n}}}")
}

fn delta() -> Delta {
    let origin = Arc::new(header().sender);
    let entry = |clock, topic: &str, key: &str| {
        Arc::new(Entry {
            tag: Tag {
                origin: Arc::clone(&origin),
                clock: Clock::new(clock),
            },
            topic: topic.into(),
            key: key.into(),
            owner: Ownership::ELSEWHERE,
            meta: Meta::from_text(meta(clock)).unwrap(),
        })
    };
    Delta {
        adds: vec![
            entry(6, "room:1", "ann"),
            entry(9, "room:1", "bob"),
            entry(10, "", "ann"),
        ],
        origin,
        from: Clock::new(5),
        to: Clock::new(12),
        gone: Gone::Tags(vec![Clock::new(2), Clock::new(5)]),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_delta_comes_back_as_it_was() {
    let sent = delta();
    let bytes = encode(&header(), &body_of_delta(3, &sent)).unwrap();
    let (speaker, body) = decode(&bytes).unwrap();
    assert_eq!(speaker, header());
    let Body::Delta(read) = body else {
        panic!("it came back as {body:?}");
    };
    assert_eq!((read.shard, read.from, read.to), (3, sent.from, sent.to));
    let adds = EntryRow::entries(&read.adds, &sent.origin, sent.from);
    assert_eq!(adds.unwrap(), sent.adds);
    assert_eq!(read.gone.gone().unwrap(), sent.gone);

    let runs = [(1, 3), (5, 5)].map(|(first, last)| Run {
        first: Clock::new(first),
        last: Clock::new(last),
    });
    let sent = Delta {
        gone: Gone::Except(runs.to_vec()),
        ..sent
    };
    let Body::Delta(written) = body_of_delta(0, &sent) else {
        unreachable!()
    };
    assert_eq!(written.gone.gone().unwrap(), sent.gone);
}

/// The delta, with entries of which the owners' connections were lost.
fn delta_with_losses() -> Delta {
    let mut delta = delta();
    for place in [0, 2] {
        let lost = Entry {
            owner: Ownership::LOST,
            ..(*delta.adds[place]).clone()
        };
        delta.adds[place] = Arc::new(lost);
    }
    delta
}

#[test]
fn losses_come_after_the_body_where_version_1_does_not_look() {
    let whole = encode(&header(), &body_of_delta(3, &delta())).unwrap();
    let lossy = encode(&header(), &body_of_delta(3, &delta_with_losses())).unwrap();
    // Two places, 0 and 2.
    assert_eq!(to_hex(&lossy), format!("{}020002", to_hex(&whole)));

    let (_, read) = decode(&lossy).unwrap();
    assert_eq!(read, body_of_delta(3, &delta_with_losses()));
    let Body::Delta(read) = read else {
        panic!("it came back as {read:?}");
    };
    let adds = EntryRow::entries(&read.adds, &delta().origin, read.from);
    assert_eq!(adds.unwrap(), delta_with_losses().adds);

    // Version 1 reads a header and a body, and ignores what follows.
    let (_, rest) = postcard::take_from_bytes::<Header>(&lossy[1..]).unwrap();
    let (old, _) = postcard::take_from_bytes::<Body<'_>>(rest).unwrap();
    assert_eq!(old, body_of_delta(3, &delta()));
}

#[test]
fn a_loss_without_an_entry_is_refused() {
    let mut lying = encode(&header(), &body_of_delta(3, &delta()))
        .unwrap()
        .to_vec();
    lying.extend([1, 3]);
    assert_eq!(decode(&lying), Err(Malformed::Row(3)));
    lying.pop();
    assert!(matches!(decode(&lying), Err(Malformed::Encoding(_))));
}

#[test]
fn what_a_newer_version_appends_is_left_out() {
    let mut newer = encode(&header(), &recorded("leave")).unwrap().to_vec();
    newer[0] = VERSION + 1;
    newer.extend_from_slice(b"and more that nobody knows yet");
    assert_eq!(decode(&newer).unwrap().1, recorded("leave"));
    newer[0] = VERSION - 1;
    assert!(decode(&newer).is_ok());
    newer[0] = VERSION + 2;
    assert_eq!(decode(&newer), Err(Malformed::Version(VERSION + 2)));
}

#[test]
fn what_makes_no_sense_is_named() {
    assert!(matches!(decode(&[]), Err(Malformed::Encoding(_))));
    assert_eq!(
        decode(&vec![1; MAX_BYTES + 1]),
        Err(Malformed::TooLong(MAX_BYTES + 1))
    );
    let named = |name: String| {
        let header = Header {
            sender: origin(&name, 1, 2),
            ..header()
        };
        decode(&encode(&header, &recorded("leave")).unwrap()).map(drop)
    };
    assert_eq!(named(String::new()), Err(Malformed::Name(0)));
    assert_eq!(named("x".repeat(256)), Err(Malformed::Name(256)));

    let origin = delta().origin;
    let row = |step, topic: Option<&'static str>, meta: &str| EntryRow {
        step,
        topic: topic.map(Cow::from),
        key: "k".into(),
        meta: Cow::from(meta.to_owned()),
        is_lost: false,
    };
    let read = |rows: &[EntryRow<'_>]| EntryRow::entries(rows, &origin, Clock::new(5)).map(drop);
    let good = meta(1);
    assert_eq!(read(&[row(1, Some("t"), &good)]), Ok(()));
    assert_eq!(read(&[row(1, None, &good)]), Err(Malformed::Topic));
    assert_eq!(
        read(&[row(u64::MAX, Some("t"), &good)]),
        Err(Malformed::Clock)
    );
    for bad in [
        "",
        "{}",
        "[1]",
        "{\"phx_ref\":\"short\"}",
        "{\"phx_ref\":\"AAAAAAAAAAAAAAAA\",}",
        &format!("{good}x"),
    ] {
        assert_eq!(
            read(&[row(1, Some("t"), bad)]),
            Err(Malformed::Meta),
            "{bad}"
        );
    }
}

/// Every message that says something of a node: of this name, started then.
fn about(name: &str, started_ms: u64) -> Vec<Body<'static>> {
    let origin = origin(name, started_ms, 4);
    let (shard, from, id, number) = (0, Clock::new(5), 6, 7);
    let row = Row {
        origin: origin.clone(),
        shards: Vec::new(),
    };
    let left = Left {
        origin: origin.clone(),
        number,
        grace_ms: 0,
    };
    let vector = |rows, left| {
        Body::Vector(Vector {
            rows,
            left,
            answer: false,
        })
    };
    let request = Request {
        shard,
        origin: origin.clone(),
        from,
        id,
    };
    let pull = Pull {
        request: request.clone(),
        part_bytes: 1,
        upto: 1,
        again: Vec::new(),
    };
    vec![
        Body::Request(request),
        Body::Pull(pull),
        Body::Part(PartMessage {
            shard,
            origin: origin.clone(),
            from,
            to: from,
            id,
            index: 0,
            of: 1,
            adds: Vec::new(),
            gone: GoneRow::Tags(Vec::new()),
        }),
        vector(vec![row], Vec::new()),
        vector(Vec::new(), vec![left]),
        Body::Vouch { origin, number },
    ]
}

fn heard(body: &Body<'_>) -> Result<(), Malformed> {
    decode(&encode(&header(), body).unwrap()).map(drop)
}

#[test]
fn names_in_bodies_are_bounded_as_those_of_senders_are() {
    let longest = "x".repeat(MAX_NAME_BYTES);
    let longer = "x".repeat(MAX_NAME_BYTES + 1);
    let pings = |name: &str| {
        let on_behalf_of = (!name.is_empty()).then(|| ReplicaName::new(name));
        [
            Body::Ping {
                on_behalf_of: on_behalf_of.clone(),
            },
            Body::Pong { on_behalf_of },
        ]
    };
    let all = |name: &str| {
        let ping_for = Body::PingFor {
            name: ReplicaName::new(name),
        };
        let mut all = about(name, 3);
        all.push(ping_for);
        all
    };
    for body in all(&longest).iter().chain(&pings(&longest)) {
        assert_eq!(heard(body), Ok(()), "{body:?}");
    }
    for body in all(&longer).iter().chain(&pings(&longer)) {
        assert_eq!(heard(body), Err(Malformed::Name(256)), "{body:?}");
    }
    for body in all("") {
        assert_eq!(heard(&body), Err(Malformed::Name(0)), "{body:?}");
    }
    for body in pings("") {
        assert_eq!(heard(&body), Ok(()), "empty is the sender: {body:?}");
    }
}

#[test]
fn nobody_was_started_in_a_far_future() {
    let refusal = |refused, known| {
        Body::Refusal(Refusal {
            refused: origin("b", refused, 1).incarnation,
            known: origin("b", known, 2).incarnation,
            number: 3,
        })
    };
    let sender = |started_ms| {
        let header = Header {
            sender: origin("a@1", started_ms, 77),
            ..header()
        };
        decode(&encode(&header, &Body::Leave { grace_ms: 0 }).unwrap()).map(drop)
    };
    let last = STARTED_END - 1;
    for body in about("b", last).iter().chain(&[refusal(last, last)]) {
        assert_eq!(heard(body), Ok(()), "{body:?}");
    }
    assert_eq!(sender(last), Ok(()));
    for late in [STARTED_END, u64::MAX] {
        let refusals = [refusal(late, 1), refusal(1, late)];
        for body in about("b", late).iter().chain(&refusals) {
            assert_eq!(heard(body), Err(Malformed::Started(late)), "{body:?}");
        }
        assert_eq!(sender(late), Err(Malformed::Started(late)));
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_change_of_a_message_does_harm(place in any::<prop::sample::Index>(), byte in any::<u8>(), which in 0..RECORDED.len()) {
        let mut bytes = hex(RECORDED[which].1);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok((_, Body::Delta(read))) = decode(&bytes) {
            let _ = EntryRow::entries(&read.adds, &delta().origin, read.from);
            let _ = read.gone.gone();
        }
    }
}
