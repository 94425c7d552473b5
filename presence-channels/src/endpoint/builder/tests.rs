use std::time::Duration;

use presence_core::{Presence, Tracker};

use super::*;
use crate::{
    Channel, CheckOrigin, ConnectError, ConnectInfo, JoinResult, Limits, LongpollOptions, Params,
    Payload, Rate, Socket, Topic,
};

/// A socket whose channel has the topic pattern that its type says.
struct Client<const STAR: bool>;

impl<const STAR: bool> UserSocket for Client<STAR> {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Room<STAR>>(if STAR { "room:*:user" } else { "room:*" });
    }
}

struct Room<const STAR: bool>;

impl<const STAR: bool> Channel for Room<STAR> {
    type Socket = Client<STAR>;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Room.into())
    }
}

type User = Client<false>;

struct Online;

impl Presence for Online {
    const NAME: &str = "builder.online";
}

fn builder() -> EndpointBuilder {
    Endpoint::builder(PubSub::local())
}

/// Returns the error of an endpoint that does not start.
async fn refusal(builder: EndpointBuilder, config: Config) -> String {
    builder
        .start(config)
        .await
        .expect_err("it starts")
        .to_string()
}

#[tokio::test]
async fn paths_are_paths_and_differ() {
    for path in [
        "socket", "/socket/", "/", "", "/a//b", "/{}", "/{a", "/a{b}", "/{*rest}", "/*",
    ] {
        let refusal = refusal(builder().socket::<User>(path, ()), Config::default()).await;
        assert!(refusal.contains(&format!("{path:?}")), "{refusal}");
    }
    let twice = builder().socket::<User>("/a", ()).socket::<User>("/a", ());
    let refusal = self::refusal(twice, Config::default()).await;
    assert_eq!(refusal, "two sockets are mounted at \"/a\"");
    let twice = builder()
        .socket::<User>("/a/{b}", ())
        .socket::<User>("/a/{c}", ());
    let refusal = self::refusal(twice, Config::default()).await;
    assert_eq!(refusal, "two sockets are mounted at \"/a/{c}\"");
}

#[tokio::test]
async fn a_pattern_ends_with_its_star() {
    let wrong = builder().socket::<Client<true>>("/socket", ());
    let refusal = refusal(wrong, Config::default()).await;
    assert!(
        refusal.starts_with("\"room:*:user\" (socket at \"/socket\")"),
        "{refusal}"
    );
}

#[tokio::test]
async fn presences_have_names_of_their_own() {
    let pubsub = PubSub::local();
    let trackers = [
        Tracker::start(&pubsub, Online),
        Tracker::start(&pubsub, Online),
    ];
    let twice = Endpoint::builder(pubsub)
        .supervise(&trackers[0])
        .supervise(&trackers[1]);
    let refusal = refusal(twice, Config::default()).await;
    assert!(refusal.contains("\"builder.online\""), "{refusal}");
}

#[tokio::test]
async fn origins_and_the_host_are_what_they_should_be() {
    let with = |check| {
        let options = SocketOptions::default().check_origin(check);
        builder().socket_with::<User>("/socket", (), options)
    };
    let list = |entry: &str| CheckOrigin::Only(vec!["//good.test".into(), entry.into()]);
    assert_eq!(
        refusal(with(list("shop.test")), Config::default()).await,
        "the origins of the socket at \"/socket\": \"shop.test\" is no origin: \
         it begins with a scheme, as https://, or with //"
    );
    assert_eq!(
        refusal(with(CheckOrigin::ConfiguredHost), Config::default()).await,
        "the socket at \"/socket\" lets pages of `Config::host` in, which is not set"
    );
    let url = Config::default().host("https://shop.test");
    let refusal = refusal(with(CheckOrigin::SameHost), url).await;
    assert!(
        refusal.ends_with("\"https://shop.test\" is not"),
        "{refusal}"
    );

    let host = Config::default().host("shop.test:8443");
    assert!(with(CheckOrigin::ConfiguredHost).start(host).await.is_ok());
}

#[tokio::test]
async fn an_option_that_makes_no_sense_is_an_error_that_names_it() {
    let with = |options| builder().socket_with::<User>("/socket", (), options);
    let limited = |limits| with(SocketOptions::default().limits(limits));
    let polled = |longpoll| with(SocketOptions::default().longpoll(longpoll));
    let none = Duration::ZERO;
    let limits = Limits::default;
    let cases = [
        (
            limited(limits().max_message_bytes(0)),
            "Limits::max_message_bytes",
        ),
        (limited(limits().max_channels(0)), "Limits::max_channels"),
        (
            limited(limits().max_topic_bytes(0)),
            "Limits::max_topic_bytes",
        ),
        (
            limited(limits().max_event_bytes(0)),
            "Limits::max_event_bytes",
        ),
        (limited(limits().max_ref_bytes(0)), "Limits::max_ref_bytes"),
        (
            limited(limits().max_outgoing_bytes(0)),
            "Limits::max_outgoing_bytes",
        ),
        (
            limited(limits().max_waiting_messages(0)),
            "Limits::max_waiting_messages",
        ),
        (
            limited(limits().max_waiting_bytes(0)),
            "Limits::max_waiting_bytes",
        ),
        (
            limited(limits().max_joins_under_way(0)),
            "Limits::max_joins_under_way",
        ),
        (
            limited(limits().max_message_rate(Rate::per_second(0))),
            "Limits::max_message_rate",
        ),
        (
            limited(limits().max_channel_message_rate(Rate::per_second(9).burst(0))),
            "Limits::max_channel_message_rate",
        ),
        (
            with(SocketOptions::default().timeout(none)),
            "SocketOptions::timeout",
        ),
        (
            polled(LongpollOptions::default().window(none)),
            "LongpollOptions::window",
        ),
        (
            polled(LongpollOptions::default().window(Duration::from_secs(3601))),
            "LongpollOptions::window",
        ),
        (
            polled(LongpollOptions::default().max_body_bytes(0)),
            "LongpollOptions::max_body_bytes",
        ),
        (
            polled(LongpollOptions::default().max_batch(0)),
            "LongpollOptions::max_batch",
        ),
    ];
    for (builder, expected) in cases {
        let error = builder.start(Config::default()).await.unwrap_err();
        let StartError::InvalidOption(error) = error else {
            panic!("{expected}: {error}");
        };
        assert_eq!(
            (error.option(), error.socket()),
            (expected, Some("/socket"))
        );
    }
    let configs = [
        (
            Config::default().max_connections(0),
            "Config::max_connections",
        ),
        (
            Config::default().max_connections_per_address(0),
            "Config::max_connections_per_address",
        ),
        (
            Config::default().handler_timeout(none),
            "Config::handler_timeout",
        ),
        (
            Config::default().drain_spread(Duration::from_secs(24 * 60 * 60 + 1)),
            "Config::drain_spread",
        ),
    ];
    for (config, expected) in configs {
        let error = builder().start(config).await.unwrap_err();
        let StartError::InvalidOption(error) = error else {
            panic!("{expected}: {error}");
        };
        assert_eq!((error.option(), error.socket()), (expected, None));
    }
    let short = SocketOptions::default().timeout(Duration::from_millis(99));
    assert_eq!(
        refusal(with(short), Config::default()).await,
        "`SocketOptions::timeout` of the socket at \"/socket\" is 99ms, and must be at least 100ms"
    );
    let least = SocketOptions::default().timeout(Duration::from_millis(100));
    assert!(with(least).start(Config::default()).await.is_ok());
}
