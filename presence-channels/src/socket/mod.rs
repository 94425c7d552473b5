//! A client's connection and what it is allowed to join: `Phoenix.Socket`.

mod any_connection;
mod client_ip;
mod connect;
mod connection;
mod has_presence;
mod mount;
mod options;
mod params;
mod routes;
mod shared;

use std::future::Future;

pub use connect::{ConnectError, ConnectInfo};
pub use has_presence::HasPresence;
pub use options::SocketOptions;
pub use params::{Params, ParamsError};
pub use routes::{ChannelOf, Routes};

pub(crate) use any_connection::AnyConnection;
pub(crate) use connection::Connection;
pub(crate) use mount::{Mount, Mounted};
pub(crate) use shared::{Shared, reason_payload};

/// One kind of client, and the channels it may join.
///
/// The value is one connected client; its fields are what Phoenix calls assigns, with types.
/// `cargo phx gen socket User` writes one.
///
/// ```
/// # use presence_channels::*;
/// # struct RoomChannel;
/// # impl Channel for RoomChannel {
/// #     type Socket = UserSocket;
/// #     type Info = ();
/// #     async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
/// #         Ok(RoomChannel.into())
/// #     }
/// # }
/// pub struct UserSocket {
///     pub user_id: String,
/// }
///
/// impl presence_channels::UserSocket for UserSocket {
///     type State = ();
///
///     async fn connect(params: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
///         let user_id = params.get("user_id").ok_or(ConnectError::new("no user_id"))?;
///         Ok(Self { user_id: user_id.to_owned() })
///     }
///
///     fn id(&self) -> Option<String> {
///         Some(format!("user_socket:{}", self.user_id))
///     }
///
///     fn channels(routes: &mut Routes<Self>) {
///         routes.channel::<RoomChannel>("room:*");
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a socket",
    note = "implement `presence_channels::UserSocket` for `{Self}`; `cargo phx gen socket` writes one"
)]
pub trait UserSocket: Sized + Send + Sync + 'static {
    /// What the application shares with every channel: a pool, a client, its presences. Handed to
    /// [`socket`](crate::EndpointBuilder::socket) when the socket is mounted.
    type State: Send + Sync + 'static;

    /// Lets a client in or refuses it. `params` are those of the connection's URL, `info` is the
    /// request: headers, peer address, and the extensions that tower layers put there.
    ///
    /// # Errors
    /// A [`ConnectError`] refuses the client with an HTTP status, 403 unless it says another.
    fn connect(
        params: &Params,
        info: &ConnectInfo,
        state: &Self::State,
    ) -> impl Future<Output = Result<Self, ConnectError>> + Send;

    /// A name for all connections of one user. [`Endpoint::disconnect`](crate::Endpoint::disconnect)
    /// with it closes them. None by default.
    fn id(&self) -> Option<String> {
        None
    }

    /// Says which channel serves which topics. Called once, when the socket is mounted.
    fn channels(routes: &mut Routes<Self>);
}
