use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use presence_channels::{
    Channel, ConnectError, ConnectInfo, HandleResult, JoinResult, Params, Payload, Routes, Socket,
    Topic, UserSocket, fuzzing::RouteTable, unhandled,
};

/// A socket with as many channels as a large app has.
struct Client;

struct Silent;

impl UserSocket for Client {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        for number in 0..20 {
            routes.channel::<Silent>(&format!("kind{number}:*"));
        }
        routes.channel::<Silent>("system");
    }
}

impl Channel for Silent {
    type Socket = Client;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }

    async fn handle_in(&mut self, event: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        unhandled(event)
    }
}

/// The search for a topic's channel, which each join is.
pub(crate) fn topic_match(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("topic match");
    let routes = RouteTable::<Client>::new();
    let topics = [
        ("first of 21", "kind0:lobby"),
        ("last of 21", "system"),
        ("none of 21", "unknown:lobby"),
    ];
    for (name, topic) in topics {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| routes.has(black_box(topic)));
        });
    }
    group.finish();
}
