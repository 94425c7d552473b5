//! The token that a client passes as a subprotocol.

use presence_channels::SocketOptions;
use sample_app::{Client, Server};
use tokio_tungstenite::tungstenite::{
    ClientRequestBuilder,
    http::{Uri, header::SEC_WEBSOCKET_PROTOCOL},
};

use crate::{
    eventually,
    handshake::{HANDSHAKE, PATH},
    raw::http_status,
};

/// "alice" in base64.
const BEARER: &str = "base64url.bearer.phx.YWxpY2U";

async fn server(auth_token: bool) -> Server {
    Server::start_with(SocketOptions::default().auth_token(auth_token)).await
}

/// Offers `protocols`; gives the status of the answer.
async fn offer(server: &Server, protocols: &str) -> u16 {
    let offer = format!("sec-websocket-protocol: {protocols}");
    let headers = [&HANDSHAKE[..], &[&offer]].concat();
    http_status(server, &format!("GET {PATH}"), &headers).await
}

/// Connects with the token, and says whom the app takes the client for, and the protocol chosen.
async fn user_id(server: &Server, protocols: &[&str]) -> (String, Option<String>) {
    let url = format!("ws://{}{PATH}", server.address);
    let request = ClientRequestBuilder::new(url.parse::<Uri>().unwrap());
    let request = protocols.iter().fold(request, |request, protocol| {
        request.with_sub_protocol(*protocol)
    });
    let (mut client, response) = Client::open_with(server, request).await;
    client.join("lobby:1").await;
    drop(client);
    eventually("the channel's end", || {
        !server.probe.departures().is_empty()
    })
    .await;
    let chosen = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let chosen = chosen.map(|chosen| chosen.to_str().unwrap().to_owned());
    (server.probe.departures()[0].user_id.clone(), chosen)
}

#[tokio::test]
async fn connect_sees_the_token_and_phoenix_is_chosen() {
    let server = server(true).await;
    let (user_id, chosen) = user_id(&server, &["phoenix", BEARER]).await;
    assert_eq!(user_id, "alice");
    assert_eq!(chosen.as_deref(), Some("phoenix"));
}

#[tokio::test]
async fn no_token_is_no_subprotocol() {
    let server = server(true).await;
    let (user_id, chosen) = user_id(&server, &[]).await;
    assert_eq!((&*user_id, chosen), ("nobody", None));
}

#[tokio::test]
async fn what_is_not_ours_or_malformed_is_403() {
    let server = server(true).await;
    for refused in [
        "graphql-ws",
        "phoenix, base64url.bearer.phx.%",
        "phoenix, base64url.bearer.phx.\u{e9}",
        &format!("{BEARER}, {BEARER}"),
    ] {
        assert_eq!(offer(&server, refused).await, 403, "{refused}");
    }
    assert_eq!(server.endpoint.connections(), 0);
    for taken in ["phoenix", BEARER, &format!("{BEARER},graphql-ws,phoenix")] {
        assert_eq!(offer(&server, taken).await, 101, "{taken}");
    }
}

#[tokio::test]
async fn a_mount_that_does_not_ask_overlooks_subprotocols() {
    let server = server(false).await;
    for protocols in [BEARER, "graphql-ws", "phoenix, base64url.bearer.phx.%"] {
        assert_eq!(offer(&server, protocols).await, 101, "{protocols}");
    }
}
