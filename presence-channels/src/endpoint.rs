//! Assembles an endpoint: checks what the app mounts, and starts the node, the mounts and the watch
//! over connections.

mod builder;
mod mounts;
mod start_error;
mod watch;

pub use builder::EndpointBuilder;
pub use start_error::StartError;

use std::{any::TypeId, sync::Arc};

use axum::Router;
use presence_core::PubSub;

use crate::{Endpoint, UserSocket, socket::Mount};

impl Endpoint {
    /// Begins an endpoint over `pubsub`: [`PubSub::local`] for one node, another adapter for a
    /// cluster.
    pub fn builder(pubsub: PubSub) -> EndpointBuilder {
        EndpointBuilder::new(pubsub)
    }

    /// Returns the routes of the mounted sockets, to be merged into an app's own. A socket mounted
    /// at `/socket` takes WebSockets at `/socket/websocket`, where phoenix.js looks for it, and
    /// with [`SocketOptions::longpoll`](crate::SocketOptions::longpoll) polls at
    /// `/socket/longpoll`. A doubled slash before each part of these paths, and slashes at their
    /// ends, are served too: `new Socket("/socket/")` asks for `/socket//websocket`.
    ///
    /// A plain GET of `/socket` with `Accept: application/json` is a page's question why it cannot
    /// connect. It takes the parameters and headers of a connection, runs the same checks and
    /// [`connect`](crate::UserSocket::connect), and connects nobody. The answer has the status 200,
    /// or the status, headers and body of the [`ConnectError`](crate::ConnectError). With
    /// [`SocketOptions::auth_token`](crate::SocketOptions::auth_token) the token is in the header
    /// `X-Phoenix-AuthToken`. For a page of another origin that may connect, OPTIONS of `/socket`
    /// allows that header. Other requests of `/socket` get 404. An app that serves that path itself
    /// turns the question off by
    /// [`SocketOptions::connect_check`](crate::SocketOptions::connect_check).
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.mounts().router(self).with_state(())
    }

    /// Returns the mount of the socket type `S`: the first, if there are several.
    pub(crate) fn mount_of<S: UserSocket>(&self) -> Option<Arc<Mount<S>>> {
        let mount = self.mounts().find(TypeId::of::<Mount<S>>())?;
        mount.downcast().ok()
    }
}
