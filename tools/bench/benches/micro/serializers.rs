use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use presence_channels::{
    Payload,
    fuzzing::ProtocolVersion,
    serializer::{Data, Outgoing, Ref, Text, TopicRef},
};

const VERSIONS: [(&str, ProtocolVersion); 2] =
    [("v1", ProtocolVersion::V1), ("v2", ProtocolVersion::V2)];
/// The sizes of the payloads, in bytes: a ping's, a chat message's, a document's.
const SIZES: [usize; 3] = [2, 100, 100_000];

fn payload(size: usize) -> String {
    match size {
        2 => "{}".to_owned(),
        size => format!(r#"{{"body":"{}"}}"#, "x".repeat(size - 11)),
    }
}

fn frame(version: ProtocolVersion, payload: &str) -> Text {
    let text = match version {
        ProtocolVersion::V1 => format!(
            r#"{{"join_ref":"1","ref":"7","topic":"room:lobby","event":"shout","payload":{payload}}}"#
        ),
        ProtocolVersion::V2 => format!(r#"["1","7","room:lobby","shout",{payload}]"#),
    };
    text.into()
}

pub(crate) fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, version) in VERSIONS {
        for size in SIZES {
            let frame = frame(version, &payload(size));
            group.throughput(Throughput::Bytes(frame.len() as u64));
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    let data = Data::Text(black_box(frame.clone()));
                    version.read(data).expect("the frame is well formed")
                });
            });
        }
    }
    group.finish();
}

pub(crate) fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let (join_ref, reference) = (Ref::from_text("1"), Ref::from_text("7"));
    for (name, version) in VERSIONS {
        for size in SIZES {
            let payload = Payload::Json(payload(size).into());
            let broadcast = Outgoing::Broadcast {
                topic: "room:lobby",
                event: "shout",
                payload: &payload,
            };
            let reply = Outgoing::Reply {
                join_ref: &join_ref,
                reference: &reference,
                topic: TopicRef::Text("room:lobby"),
                status: "ok",
                payload: &payload,
            };
            for (kind, message) in [("broadcast", broadcast), ("reply", reply)] {
                group.throughput(Throughput::Bytes(size as u64));
                group.bench_function(
                    BenchmarkId::new(format!("{name} {kind}"), size),
                    |bencher| {
                        bencher.iter(|| version.write(black_box(&message)));
                    },
                );
            }
        }
    }
    group.finish();
}
