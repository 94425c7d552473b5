//! The routes of the mounted sockets.

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::any,
};
use http::{Request, StatusCode};

use super::{Endpoint, MountPoint};
use crate::transport::{handshake, longpoll};

impl Endpoint {
    /// Returns the routes of the mounted sockets, to be merged into an app's own. A socket mounted
    /// at `/socket` takes WebSockets at `/socket/websocket`, where phoenix.js looks for it, and
    /// with [`SocketOptions::longpoll`](crate::SocketOptions::longpoll) polls at
    /// `/socket/longpoll`. A doubled slash before each part of these paths, and slashes at their
    /// ends, are served too: `new Socket("/socket/")` asks for `/socket//websocket`.
    ///
    /// A plain GET of `/socket` with `Accept: application/json` is a page's question why it cannot
    /// connect. It takes the parameters and headers of a connection, runs the same checks and
    /// [`connect`](crate::UserSocket::connect), and connects nobody. The answer has the status 200,
    /// or the status, headers and body of the [`ConnectError`](crate::ConnectError). Other requests
    /// of `/socket` get 404. An app that serves that path itself turns the question off by
    /// [`SocketOptions::connect_check`](crate::SocketOptions::connect_check).
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let mut router = Router::new();
        for MountPoint { mount, longpoll } in &self.inner.mounts {
            let (endpoint, socket) = (self.clone(), mount.clone());
            let ask = async move |request: Request<Body>| -> Response {
                let (parts, _) = request.into_parts();
                match handshake::is_probe(&parts) {
                    true => handshake::probe(socket.clone(), endpoint.clone(), parts).await,
                    false => StatusCode::NOT_FOUND.into_response(),
                }
            };
            if mount.options().connect_check {
                router = router.route(mount.path(), any(ask));
            }
            let (endpoint, socket) = (self.clone(), mount.clone());
            let open = move |request: Request<Body>| socket.clone().open(endpoint.clone(), request);
            for path in spellings(mount.path(), "websocket") {
                router = router.route(&path, any(open.clone()));
            }
            let Some(longpoll) = longpoll else { continue };
            let (longpoll, mount, endpoint) = (longpoll.clone(), mount.clone(), self.clone());
            let path = mount.path().to_owned();
            let serve = move |request: Request<Body>| {
                longpoll::serve(longpoll.clone(), mount.clone(), endpoint.clone(), request)
            };
            for path in spellings(&path, "longpoll") {
                router = router.route(&path, any(serve.clone()));
            }
        }
        router
    }
}

/// Returns the path of a transport with slashes as clients write them. Phoenix ignores empty
/// segments. A route with a wildcard would do so, too, but forbid the app routes below the mount.
fn spellings(mount: &str, transport: &str) -> impl Iterator<Item = String> {
    ["", "/"].into_iter().flat_map(move |before| {
        ["/", "//"].into_iter().flat_map(move |between| {
            let end = |after| format!("{before}{mount}{between}{transport}{after}");
            ["", "/", "//"].map(end)
        })
    })
}
