//! The `ConnectInfo` of a request, by WebSocket and by long-polling, behind a proxy and layers.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{Extension, Router, extract::Request, middleware::Next, serve::ListenerExt};
use parking_lot::Mutex;
use presence_channels::{
    Config, ConnectError, ConnectInfo, Endpoint, LongpollOptions, Params, PubSub, Routes,
    SocketOptions, UserSocket,
};
use sample_app::{Client as WebSocketClient, SampleApp};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::handshake::HANDSHAKE;

/// The request that `connect` was called with.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    peer: Option<IpAddr>,
    client: Option<IpAddr>,
    uri: String,
    user_agent: Option<String>,
    x_headers: Vec<(String, String)>,
    custom_header: Option<String>,
    cookie: Option<String>,
    session: Option<Session>,
    region: Option<Region>,
}

/// A session that a layer reads from a cookie.
#[derive(Clone, Debug, PartialEq)]
struct Session(String);

/// A value of the app's own.
#[derive(Clone, Debug, PartialEq)]
struct Region(&'static str);

struct Client;

impl UserSocket for Client {
    type State = Arc<Mutex<Vec<Seen>>>;

    async fn connect(
        _: &Params,
        info: &ConnectInfo,
        seen: &Self::State,
    ) -> Result<Self, ConnectError> {
        let custom = info.headers().get("accept-language");
        seen.lock().push(Seen {
            peer: info.peer_addr().map(|address| address.ip()),
            client: info.client_ip(),
            uri: info.uri().to_string(),
            user_agent: info.user_agent().map(str::to_owned),
            x_headers: info
                .x_headers()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            custom_header: custom.map(|value| value.to_str().unwrap().to_owned()),
            cookie: info.cookie("theme").map(str::to_owned),
            session: info.extensions().get().cloned(),
            region: info.extensions().get().cloned(),
        });
        Ok(Self)
    }

    fn channels(_: &mut Routes<Self>) {}
}

/// Takes the session of a cookie, as a session layer does.
async fn session(mut request: Request, next: Next) -> axum::response::Response {
    let cookie = request.headers().get("cookie");
    let session = cookie
        .and_then(|cookie| cookie.to_str().ok()?.split("session=").nth(1))
        .map(|rest| rest.split(';').next().unwrap_or_default().to_owned());
    if let Some(session) = session {
        request.extensions_mut().insert(Session(session));
    }
    next.run(request).await
}

/// Connects at `path`, and gives what was seen.
async fn connect(proxies: &[&str], path: &str, headers: &[&str]) -> Seen {
    let seen = Arc::default();
    let options = SocketOptions::default().longpoll(LongpollOptions::default());
    let proxies = proxies.iter().map(|net| net.parse().unwrap());
    let endpoint = Endpoint::builder(PubSub::local())
        .socket_with::<Client>("/socket", Arc::clone(&seen), options)
        .start(Config::default().trusted_proxies(proxies))
        .await
        .unwrap();
    let app: Router = endpoint.router();
    let app = app
        .layer(axum::middleware::from_fn(session))
        .layer(Extension(Region("north")))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());

    let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n");
    for header in headers {
        request += &format!("{header}\r\n");
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all((request + "\r\n").as_bytes())
        .await
        .unwrap();
    stream.read_u8().await.expect("an answer");
    let seen = seen.lock();
    let [seen] = &seen[..] else {
        panic!("not one client: {seen:?}");
    };
    seen.clone()
}

fn ip(address: &str) -> Option<IpAddr> {
    Some(address.parse().unwrap())
}

#[tokio::test]
async fn all_of_the_request_is_there_by_websocket_and_by_long_polling() {
    let headers = [
        "user-agent: tests/1.0",
        "x-one: 1",
        "X-Two: 2",
        "accept-language: cs",
        "cookie: session=abc; theme=dark",
    ];
    for (transport, handshake) in [("websocket", &HANDSHAKE[..]), ("longpoll", &[])] {
        let path = format!("/socket/{transport}?vsn=2.0.0&user_id=1");
        let seen = connect(&[], &path, &[handshake, &headers].concat()).await;
        let expected = Seen {
            peer: ip("127.0.0.1"),
            client: ip("127.0.0.1"),
            uri: path,
            user_agent: Some("tests/1.0".into()),
            x_headers: vec![("x-one".into(), "1".into()), ("x-two".into(), "2".into())],
            custom_header: Some("cs".into()),
            cookie: Some("dark".into()),
            session: Some(Session("abc".into())),
            region: Some(Region("north")),
        };
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is_and_nobody_else() {
    let forwarded = "x-forwarded-for: 6.6.6.6, 198.51.100.7";
    for (transport, handshake) in [("websocket", &HANDSHAKE[..]), ("longpoll", &[])] {
        let path = format!("/socket/{transport}?vsn=2.0.0");
        let headers = [handshake, &[forwarded]].concat();
        let seen = connect(&["127.0.0.0/8"], &path, &headers).await;
        assert_eq!(
            (seen.peer, seen.client),
            (ip("127.0.0.1"), ip("198.51.100.7"))
        );
        let seen = connect(&["10.0.0.0/8"], &path, &headers).await;
        assert_eq!((seen.peer, seen.client), (ip("127.0.0.1"), ip("127.0.0.1")));
        assert_eq!(seen.session, None);
    }
}

/// That server leaves Nagle's algorithm on, by which a frame would wait until the client has
/// acknowledged the one before.
#[tokio::test]
async fn a_websocket_on_the_server_of_axum_has_tcp_nodelay() {
    let app = SampleApp::builder().mount("/socket", SocketOptions::default());
    let endpoint = app.start().await.unwrap().endpoint;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, mut sockets) = mpsc::unbounded_channel();
    let listener = listener.tap_io(move |stream| {
        assert!(!stream.nodelay().unwrap(), "this server does not set it");
        let socket = SockRef::from(&*stream).try_clone();
        accepted.send(socket.unwrap()).unwrap();
    });
    let router: Router = endpoint.router();
    tokio::spawn(axum::serve(listener, router).into_future());

    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/socket/websocket?vsn=2.0.0");
    let (mut client, _) = WebSocketClient::handshake(url, stream).await;
    // Its answer comes from what has taken the stream over.
    client.assert_alive().await;
    let socket = std::net::TcpStream::from(sockets.recv().await.unwrap());
    assert!(socket.nodelay().unwrap());
}
