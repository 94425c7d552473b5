use presence_core::{Presence, Tracker};

use super::*;
use crate::{
    Channel, CheckOrigin, ConnectError, ConnectInfo, JoinResult, Params, Payload, Socket, Topic,
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
    for path in ["socket", "/socket/", "/", "", "/{room}", "/*"] {
        let refusal = refusal(builder().socket::<User>(path, ()), Config::default()).await;
        assert!(refusal.contains(&format!("{path:?}")), "{refusal}");
    }
    let twice = builder().socket::<User>("/a", ()).socket::<User>("/a", ());
    let refusal = refusal(twice, Config::default()).await;
    assert_eq!(refusal, "two sockets are mounted at \"/a\"");
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
