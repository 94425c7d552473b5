//! The handshake as both transports and a page's question run it: paths, parameters, refusals.

use axum::{
    Router,
    body::{Body, to_bytes},
    response::Response,
};
use http::{Method, Request, StatusCode, header};
use presence_channels::{
    CheckOrigin, Config, ConnectError, ConnectInfo, Endpoint, Limits, LongpollOptions, Params,
    PubSub, Routes, SocketOptions,
};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A socket that refuses whom its parameters say, and names what it was passed.
struct UserSocket {
    user_id: Option<String>,
}

impl presence_channels::UserSocket for UserSocket {
    type State = ();

    async fn connect(params: &Params, info: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        match params.get("refuse") {
            Some("plain") => return Err(ConnectError::new("secret")),
            Some("text") => return Err(ConnectError::new("secret").body("go away")),
            Some("stranger") if info.auth_token() != Some("ann's") => {
                return Err(ConnectError::new("no token of ours"));
            }
            Some("json") => {
                let refusal = ConnectError::new("secret").status(StatusCode::TOO_MANY_REQUESTS);
                let refusal = refusal.header(header::RETRY_AFTER, 30.into());
                return Err(refusal.json(&json!({"reason": "banned"})));
            }
            Some("echo") => {
                let all: Value = params.parse()?;
                let subprotocol = info.subprotocol();
                let echo = json!({ "params": all, "subprotocol": subprotocol });
                return Err(ConnectError::new("an echo").json(&echo));
            }
            _ => {}
        }
        let user_id = params.get("user_id").map(str::to_owned);
        Ok(Self { user_id })
    }

    fn id(&self) -> Option<String> {
        assert_ne!(self.user_id.as_deref(), Some("no id"), "asked to crash");
        self.user_id.clone()
    }

    fn channels(_: &mut Routes<Self>) {}
}

async fn start_with(options: SocketOptions, config: Config) -> Router {
    let options = options.longpoll(LongpollOptions::default());
    Endpoint::builder(PubSub::local())
        .socket_with::<UserSocket>("/socket", (), options.clone())
        .socket_with::<UserSocket>("/tenants/{tenant}", (), options)
        .start(config)
        .await
        .unwrap()
        .router()
}

async fn start() -> Router {
    start_with(SocketOptions::default(), Config::default()).await
}

/// Sends a request with these headers. Returns status and body: JSON, text, or null if empty.
async fn ask(
    app: &Router,
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
) -> (Response, Value) {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let text = || json!(String::from_utf8_lossy(&body));
    let body = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body).unwrap_or_else(|_| text()),
    };
    (Response::from_parts(parts, Body::empty()), body)
}

const JSON: (&str, &str) = ("accept", "application/json");

/// A page's question.
async fn probe(app: &Router, uri: &str) -> (u16, Value) {
    let (answer, body) = ask(app, Method::GET, uri, &[JSON]).await;
    (answer.status().as_u16(), body)
}

#[tokio::test]
async fn a_page_asks_why_it_cannot_connect() {
    let app = start().await;
    assert_eq!(probe(&app, "/socket").await, (200, json!({"status": 200})));
    let refused = async |how| probe(&app, &format!("/socket?refuse={how}")).await;
    // The reason is logged and never sent.
    assert_eq!(refused("plain").await, (403, json!({"status": 403})));
    assert_eq!(refused("text").await, (403, json!("go away")));
    assert_eq!(refused("json").await, (429, json!({"reason": "banned"})));
    assert_eq!(probe(&app, "/socket?vsn=9.9.9").await.0, 403);
    assert_eq!(probe(&app, "/socket?a=%ff").await.0, 400);

    let (answer, _) = ask(&app, Method::GET, "/socket?refuse=json", &[JSON]).await;
    assert_eq!(answer.headers()["retry-after"], "30");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let evil = [JSON, ("host", "localhost"), ("origin", "http://evil.test")];
    assert_eq!(
        ask(&app, Method::GET, "/socket", &evil).await.0.status(),
        403
    );
    let accepts = [("accept", "text/html, application/json;q=0.9")];
    assert_eq!(
        ask(&app, Method::GET, "/socket", &accepts).await.0.status(),
        200
    );
    // Phoenix has no such route, so every other request is for nobody.
    for accept in ["text/html", "*/*"] {
        let (answer, _) = ask(&app, Method::GET, "/socket", &[("accept", accept)]).await;
        assert_eq!(answer.status(), 404, "{accept}");
    }
    assert_eq!(
        ask(&app, Method::POST, "/socket", &[JSON]).await.0.status(),
        404
    );
}

/// A page of another origin that shows its token as phoenix.js does: the browser asks first whether
/// it may send that header.
#[tokio::test]
async fn a_page_with_an_auth_token_asks_why_it_cannot_connect() {
    let allowed = CheckOrigin::Only(vec!["https://app.test".into()]);
    let options = SocketOptions::default().auth_token(true);
    let app = start_with(options.check_origin(allowed), Config::default()).await;
    let uri = "/socket?refuse=stranger";
    let origin = ("origin", "https://app.test");

    let preflight = [
        origin,
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "x-phoenix-authtoken"),
    ];
    let (answer, _) = ask(&app, Method::OPTIONS, uri, &preflight).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(
        headers["access-control-allow-headers"],
        "x-phoenix-authtoken"
    );
    let methods = headers["access-control-allow-methods"].to_str().unwrap();
    assert!(methods.contains("get"), "{methods}");

    for (token, status) in [("ann's", 200), ("bob's", 403)] {
        let headers = [JSON, origin, ("x-phoenix-authtoken", token)];
        let (answer, body) = ask(&app, Method::GET, uri, &headers).await;
        assert_eq!(body, json!({ "status": status }), "{token}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    }

    let mut evil = preflight;
    evil[0].1 = "https://evil.test";
    let (answer, body) = ask(&app, Method::OPTIONS, uri, &evil).await;
    assert_eq!(
        (answer.status().as_u16(), body),
        (403, json!({"status": 403}))
    );
    assert!(
        !answer
            .headers()
            .contains_key("access-control-allow-headers")
    );
}

/// A panic in `id` is one of `connect`: it is this client's, whose request is answered.
#[tokio::test]
async fn a_user_whose_id_panics_is_refused() {
    let app = start().await;
    assert_eq!(probe(&app, "/socket?user_id=no%20id").await.0, 500);
    let uri = "/socket/websocket?user_id=no%20id";
    let (answer, body) = ask(&app, Method::GET, uri, &[]).await;
    assert_eq!((answer.status().as_u16(), body), (500, Value::Null));
    let uri = "/socket/longpoll?user_id=no%20id";
    let (answer, body) = ask(&app, Method::GET, uri, &[]).await;
    let answered = (answer.status().as_u16(), body);
    assert_eq!(answered, (200, json!({"status": 500})));
}

#[tokio::test]
async fn a_question_takes_no_place() {
    let config = Config::default().max_connections(1);
    let limits = Limits::default().max_connections_per_user(1);
    let app = start_with(SocketOptions::default().limits(limits), config).await;
    for _ in 0..3 {
        assert_eq!(probe(&app, "/socket?user_id=ann").await.0, 200);
    }
    let open = async |uri| ask(&app, Method::GET, uri, &[]).await;
    let opened = open("/socket/longpoll?vsn=2.0.0&user_id=ann").await;
    assert_eq!(opened.1["status"], 410);
    // The node is full.
    assert_eq!(probe(&app, "/socket?user_id=bob").await.0, 503);
    assert_eq!(open("/socket/longpoll?vsn=2.0.0").await.0.status(), 503);
}

#[tokio::test]
async fn a_refusals_headers_and_body_reach_each_transport() {
    let app = start().await;
    let (answer, body) = ask(&app, Method::GET, "/socket/websocket?refuse=json", &[]).await;
    assert_eq!(
        (answer.status().as_u16(), body),
        (429, json!({"reason": "banned"}))
    );
    assert_eq!(answer.headers()["retry-after"], "30");
    assert_eq!(
        answer.headers()["content-type"],
        "application/json; charset=utf-8"
    );
    let (answer, body) = ask(&app, Method::GET, "/socket/websocket?refuse=plain", &[]).await;
    assert_eq!((answer.status().as_u16(), body), (403, Value::Null));

    // phoenix.js reads the status of the body.
    let polled = async |how| {
        let uri = format!("/socket/longpoll?refuse={how}");
        let (answer, body) = ask(&app, Method::GET, &uri, &[]).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers()["content-type"],
            "application/json; charset=utf-8"
        );
        (answer, body)
    };
    assert_eq!(polled("plain").await.1, json!({"status": 403}));
    assert_eq!(
        polled("text").await.1,
        json!({"status": 403, "response": "go away"})
    );
    let (answer, body) = polled("json").await;
    assert_eq!(
        body,
        json!({"status": 403, "response": {"reason": "banned"}})
    );
    assert_eq!(answer.headers()["retry-after"], "30");
}

#[tokio::test]
async fn parameters_of_the_path_and_nested_ones_reach_connect() {
    let app = start().await;
    let expected = json!({
        "params": {"tenant": "\u{17e} 1", "refuse": "echo", "user": {"tags": ["a", "b"]}},
        "subprotocol": null,
    });
    let query = "refuse=echo&tenant=evil&user[tags][]=a&user%5Btags%5D%5B%5D=b";
    let tenant = "/tenants/%C5%BE%201";
    assert_eq!(probe(&app, &format!("{tenant}?{query}")).await.1, expected);
    let doubled = tenant.replace('/', "//");
    for path in ["websocket", "/websocket", "websocket/"] {
        for mount in [tenant, &doubled] {
            let uri = format!("{mount}/{path}?{query}");
            assert_eq!(ask(&app, Method::GET, &uri, &[]).await.1, expected, "{uri}");
        }
    }
    let uri = format!("{doubled}//longpoll?{query}");
    assert_eq!(
        ask(&app, Method::GET, &uri, &[]).await.1["response"],
        expected
    );
    let not_text = ask(&app, Method::GET, "/tenants/%ff/websocket?refuse=echo", &[]).await;
    assert_eq!(not_text.0.status(), 400);
}

#[tokio::test]
async fn a_query_that_is_not_utf8_is_400_for_pollers_too() {
    let app = start().await;
    for method in [Method::GET, Method::POST] {
        let (answer, _) = ask(&app, method, "/socket/longpoll?user_id=%ff", &[]).await;
        assert_eq!(answer.status(), 400);
    }
}

#[tokio::test]
async fn over_http2_a_page_of_the_same_host_may_poll() {
    let app = start().await;
    // Without a `Host` header: the authority is the URI's.
    let uri = "http://localhost:4000/socket/longpoll?vsn=2.0.0";
    let status =
        async |uri, headers: &[_]| ask(&app, Method::GET, uri, headers).await.1["status"].take();
    assert_eq!(
        status(uri, &[("origin", "http://localhost:4000")]).await,
        410
    );
    assert_eq!(
        status(uri, &[("origin", "http://localhost:4001")]).await,
        403
    );
    let misled = [("host", "evil.test"), ("origin", "http://evil.test")];
    assert_eq!(status(uri, &misled).await, 403);
    let path = "/socket/longpoll?vsn=2.0.0";
    let rebound = [
        ("host", "evil.test:4000"),
        ("origin", "http://evil.test:4000"),
    ];
    assert_eq!(status(path, &rebound).await, 403);
}

#[tokio::test]
async fn behind_a_host_name_the_configured_host_lets_its_pages_in() {
    let config = Config::default().host("chat.example.com");
    let app = start_with(SocketOptions::default(), config).await;
    let status = async |origin| {
        let headers = [("host", "10.0.0.7:4000"), ("origin", origin)];
        let uri = "/socket/longpoll?vsn=2.0.0";
        ask(&app, Method::GET, uri, &headers).await.1["status"].take()
    };
    assert_eq!(status("https://chat.example.com").await, 410);
    assert_eq!(status("http://10.0.0.7:4000").await, 403);
}

#[tokio::test]
async fn a_subprotocol_of_the_app_is_chosen_or_refused() {
    let options = SocketOptions::default().subprotocols(["v2.chat", "v1.chat"]);
    let app = start_with(options, Config::default()).await;
    let uri = "/socket/websocket?vsn=2.0.0&refuse=echo";
    let offered = async |offer| {
        let headers = [("sec-websocket-protocol", offer)];
        ask(&app, Method::GET, uri, &headers).await.1
    };
    assert_eq!(offered("v1.chat, v2.chat").await["subprotocol"], "v2.chat");
    assert_eq!(
        offered("graphql-ws").await,
        Value::Null,
        "403 before connect"
    );
    assert_eq!(
        ask(&app, Method::GET, uri, &[]).await.1["subprotocol"],
        Value::Null
    );
    let invalid = SocketOptions::default().subprotocols(["v 2"]);
    let endpoint = Endpoint::builder(PubSub::local());
    let endpoint = endpoint.socket_with::<UserSocket>("/socket", (), invalid);
    let error = endpoint.start(Config::default()).await.unwrap_err();
    assert!(
        error.to_string().contains("SocketOptions::subprotocols"),
        "{error}"
    );
}

#[tokio::test]
async fn an_app_may_name_other_origins() {
    let allowed = CheckOrigin::Only(vec!["https://app.test".into()]);
    let app = start_with(
        SocketOptions::default().check_origin(allowed),
        Config::default(),
    )
    .await;
    let headers = [JSON, ("origin", "https://app.test")];
    assert_eq!(
        ask(&app, Method::GET, "/socket", &headers).await.0.status(),
        200
    );
}

#[tokio::test]
async fn an_app_may_serve_the_path_of_the_mount_itself() {
    let options = SocketOptions::default().connect_check(false);
    let app = start_with(options, Config::default()).await;
    for method in [Method::GET, Method::OPTIONS] {
        let (answer, _) = ask(&app, method, "/socket", &[JSON]).await;
        assert_eq!(answer.status(), 404);
    }
    let own = Router::new().route("/socket", axum::routing::get(async || "mine"));
    // axum panics if both serve it.
    let _ = own.merge(app);
}
