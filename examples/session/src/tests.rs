use std::{net::SocketAddr, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Request, StatusCode, header},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tower::ServiceExt;

use super::*;

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves the app on a free port. Returns the address, and the routes to post to.
async fn serve() -> (SocketAddr, Router) {
    let (_, app) = start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.clone()).into_future());
    (address, app)
}

/// Posts with a cookie, and returns the cookie that the response sets.
async fn post_to(app: &Router, path: &str, cookie: &str, body: &'static str) -> String {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, cookie)
        .body(Body::from(body));
    let response = app.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let set = response.headers().get(header::SET_COOKIE);
    let set = set.map_or("", |cookie| cookie.to_str().unwrap());
    set.split(';').next().unwrap().to_owned()
}

/// Returns the CSRF token in the page that the app shows for a cookie.
async fn token_of(app: &Router, cookie: &str) -> String {
    let request = Request::get("/").header(header::COOKIE, cookie);
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap());
    let response = response.await.unwrap();
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let page = to_bytes(response.into_body(), 100_000).await.unwrap();
    let page = str::from_utf8(&page).unwrap();
    let (_, token) = page
        .split_once(r#"<meta name="csrf-token" content=""#)
        .expect("a token in the page");
    token.split_once('"').unwrap().0.to_owned()
}

/// Opens a WebSocket. Returns the status of the response if the app rejects the client.
async fn open(address: SocketAddr, cookie: &str, token: &str) -> Result<Client, StatusCode> {
    let url = format!("ws://{address}/socket/websocket?vsn=2.0.0&_csrf_token={token}");
    let mut request = url.into_client_request().unwrap();
    let cookie = HeaderValue::from_str(cookie).unwrap();
    request.headers_mut().insert(header::COOKIE, cookie);
    match connect_async(request).await {
        Ok((client, _)) => Ok(client),
        Err(Error::Http(refusal)) => Err(refusal.status()),
        Err(error) => panic!("{error}"),
    }
}

async fn receive(client: &mut Client) -> Message {
    let message = timeout(Duration::from_secs(5), client.next()).await;
    message.expect("a message in time").unwrap().unwrap()
}

#[tokio::test]
async fn who_has_logged_in_may_connect_until_logged_out() {
    let (address, app) = serve().await;
    let cookie = post_to(&app, "/login", "", r#""alice""#).await;
    let token = token_of(&app, &cookie).await;
    let mut client = open(address, &cookie, &token).await.expect("101");

    let join = r#"["1", "1", "room:lobby", "phx_join", {}]"#;
    client.send(Message::text(join)).await.unwrap();
    let reply =
        r#"["1","1","room:lobby","phx_reply",{"status":"ok","response":{"welcome":"alice"}}]"#;
    assert_eq!(receive(&mut client).await, Message::text(reply));

    post_to(&app, "/logout", &cookie, "").await;
    assert!(matches!(
        receive(&mut client).await,
        Message::Close(Some(CloseFrame {
            code: CloseCode::Away,
            ..
        }))
    ));
    assert_eq!(open(address, &cookie, &token).await.unwrap_err(), 403);
}

#[tokio::test]
async fn a_cookie_without_the_token_of_its_session_is_refused() {
    let (address, app) = serve().await;
    let alice = post_to(&app, "/login", "", r#""alice""#).await;
    let mallory = post_to(&app, "/login", "", r#""mallory""#).await;
    let (own, others) = (token_of(&app, &alice).await, token_of(&app, &mallory).await);
    assert_ne!(own, others);
    for token in ["", "made-up", &others] {
        let refused = open(address, &alice, token).await;
        assert_eq!(refused.unwrap_err(), 403, "{token:?}");
    }
    open(address, &alice, &own).await.expect("101");

    // A login is a new session with a new token.
    let again = post_to(&app, "/login", &alice, r#""alice""#).await;
    assert_eq!(open(address, &again, &own).await.unwrap_err(), 403);
    let token = token_of(&app, &again).await;
    open(address, &again, &token).await.expect("101");
}

#[tokio::test]
async fn strangers_are_refused() {
    let (address, app) = serve().await;
    assert_eq!(token_of(&app, "").await, "");
    for cookie in ["", "id=made-up", "id=AAAAAAAAAAAAAAAAAAAAAA"] {
        let refused = open(address, cookie, "").await;
        assert_eq!(refused.unwrap_err(), 403, "{cookie:?}");
    }
}
