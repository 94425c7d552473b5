//! The params of a test reach `connect` as those of phoenix.js do.

use presence_channels::{
    Config, ConnectError, ConnectInfo, Endpoint, Params, PubSub, Routes,
    testing::{self, TestSocket},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A client with the params that `connect` got.
struct Client {
    user: User,
    /// Those of the URL, in its order.
    pairs: Vec<(String, String)>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct User {
    id: u64,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    user: User,
}

impl presence_channels::UserSocket for Client {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        let Query { user } = params.parse()?;
        let pairs = params.iter();
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self {
            user,
            pairs: pairs.collect(),
        })
    }

    fn channels(_: &mut Routes<Self>) {}
}

async fn connect(params: impl Serialize) -> Result<TestSocket, ConnectError> {
    let endpoint = Endpoint::builder(PubSub::local())
        .socket::<Client>("/socket", ())
        .start(Config::default());
    testing::connect::<Client>(&endpoint.await.unwrap(), params).await
}

#[tokio::test(start_paused = true)]
async fn an_object_in_the_params_is_read_as_a_struct() {
    let params = json!({ "user": { "id": 7, "name": "Ann & Bob=[?]" } });
    let socket = connect(params).await.unwrap();
    let expected = User {
        id: 7,
        name: Some("Ann & Bob=[?]".to_owned()),
    };
    socket.user(|client: &Client| assert_eq!(client.user, expected));
    let refused = connect(json!({ "user": { "id": "Ann" } })).await;
    assert_eq!(refused.unwrap_err().http_status(), 403);
}

/// The texts are those of `new Socket(url, {params}).endPointURL()` in phoenix.js 1.8.
#[tokio::test(start_paused = true)]
async fn params_are_written_as_phoenix_js_writes_them() {
    let nothing: &[(&str, &str)] = &[];
    for (params, expected) in [
        (
            json!({ "tags": ["a", "b"] }),
            &[("tags[0]", "a"), ("tags[1]", "b")][..],
        ),
        (
            json!({ "h": [{ "x": 1 }, [2, 3]] }),
            &[("h[0][x]", "1"), ("h[1][0]", "2"), ("h[1][1]", "3")],
        ),
        (
            json!({ "e": true, "f": 7.0, "g": 1.5, "i": -1 }),
            &[("e", "true"), ("f", "7"), ("g", "1.5"), ("i", "-1")],
        ),
        (json!({ "ü&=": "[&]" }), &[("ü&=", "[&]")]),
        (json!({ "a": null, "c": [], "d": {} }), nothing),
        (Value::Null, nothing),
        // No params of phoenix.js, but a URL may hold a name several times.
        (
            json!([["tags[]", "a"], ["tags[]", "b"]]),
            &[("tags[]", "a"), ("tags[]", "b")],
        ),
    ] {
        let socket = connect(&params).await.unwrap();
        let pairs = socket.user(|client: &Client| client.pairs.clone());
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(pairs, expected, "{params}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_array_keeps_its_order() {
    let tags: Vec<_> = (0..12).map(|index| index.to_string()).collect();
    let socket = connect(json!({ "tags": tags })).await.unwrap();
    let pairs = socket.user(|client: &Client| client.pairs.clone());
    let values: Vec<_> = pairs.into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, tags);
}

#[tokio::test(start_paused = true)]
#[should_panic = "neither an object nor a list of pairs"]
async fn a_text_is_no_params() {
    let _ = connect("user_id=ann").await;
}

#[tokio::test(start_paused = true)]
#[should_panic = "nested too deep"]
async fn params_that_the_server_refuses_are_no_params() {
    let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
    let _ = connect(deep).await;
}
