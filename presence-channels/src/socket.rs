//! A client's connection and what it is allowed to join: `Phoenix.Socket`.

mod any_connection;
mod client_ip;
mod client_rates;
mod connect;
mod connect_error;
mod connection;
mod connection_shared;
pub(crate) mod handshake;
mod has_presence;
mod joined_channels;
mod longpoll_options;
mod mount;
mod options;
mod params;
mod refresh;
mod routes;
mod user_rates;

use std::{future::Future, time::SystemTime};

use crate::{Cause, ErrorReply};

pub use connect::ConnectInfo;
pub use connect_error::ConnectError;
pub use has_presence::HasPresence;
pub use longpoll_options::LongpollOptions;
pub use options::SocketOptions;
pub use params::{Params, ParamsError};
pub use routes::{ChannelOf, Route, Routes};

pub(crate) use any_connection::AnyConnection;
pub(crate) use connect::LONGPOLL_TOKEN_HEADER;
pub(crate) use connection::Connection;
pub(crate) use connection_shared::{ConnectionShared, Joining};
pub(crate) use handshake::Refusal;
pub(crate) use mount::{Mount, Mounted};
pub(crate) use params::BadQuery;
pub(crate) use user_rates::UserRates;

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
    /// The state that the application shares with every channel: a pool, a client, its presences.
    /// The app passes it to [`socket`](crate::EndpointBuilder::socket) when it mounts the socket.
    type State: Send + Sync + 'static;

    /// Accepts a client or refuses it. `params` are those of the connection's URL, `info` is the
    /// request: headers, peer address, and the extensions that tower layers put there.
    ///
    /// # Errors
    /// A [`ConnectError`] refuses the client with an HTTP status, 403 unless it says another.
    fn connect(
        params: &Params,
        info: &ConnectInfo,
        state: &Self::State,
    ) -> impl Future<Output = Result<Self, ConnectError>> + Send;

    /// Returns a name for all connections of one user.
    /// [`Endpoint::disconnect`](crate::Endpoint::disconnect) with this name closes them. Returns
    /// `None` by default.
    fn id(&self) -> Option<String> {
        None
    }

    /// Returns the time at which the client's token expires, as
    /// [`Tokens::verify_with_expiry`](crate::Tokens::verify_with_expiry) returns it. Called once,
    /// after [`connect`](Self::connect). Returns `None` by default: the connection outlives the
    /// token.
    ///
    /// [Some time before](crate::SocketOptions::token_expiry_notice) the client is sent
    /// `token_expiring` on the topic `phoenix`, with `{"expires_in_ms": n}`. It may answer with
    /// `refresh_token` there, with `{"token": "..."}`, as often as it likes;
    /// [`refresh`](Self::refresh) checks the token. At the time, give or take a second, the
    /// connection is closed with the code 1008. phoenix.js then connects again, and
    /// [`connect`](Self::connect) sees whether it has a new token. `docs/clients.md` has the
    /// client's half.
    fn expires_at(&self) -> Option<SystemTime> {
        None
    }

    /// Checks the new token of a client whose connection [expires](Self::expires_at). Returns the
    /// time at which the new token expires, and `None` if it never does. By default every token is
    /// refused.
    ///
    /// The value that [`connect`](Self::connect) made does not change, because channels were joined
    /// with it. Refuse a token of another user, or with other rights; the client then connects
    /// again. A connection has one call under way at a time, for at most
    /// [`Config::handler_timeout`](crate::Config::handler_timeout).
    ///
    /// # Errors
    /// A [`ConnectError`] is logged, and the client's `refresh_token` is answered with the error
    /// `token refused` (`internal error` for a status of 500 and above). An error that `?` converts
    /// has the status that [`error_reply`](Self::error_reply) chooses, as in
    /// [`connect`](Self::connect). The expiry stays as it was.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// # use std::time::SystemTime;
    /// struct UserSocket {
    ///     user_id: String,
    ///     expires_at: Option<SystemTime>,
    /// }
    ///
    /// impl presence_channels::UserSocket for UserSocket {
    ///     type State = Tokens;
    ///
    ///     async fn connect(
    ///         params: &Params,
    ///         _: &ConnectInfo,
    ///         tokens: &Tokens,
    ///     ) -> Result<Self, ConnectError> {
    ///         let (user_id, expires_at) = tokens.verify_with_expiry(params.get("token"))?;
    ///         Ok(Self { user_id, expires_at })
    ///     }
    ///
    ///     fn expires_at(&self) -> Option<SystemTime> {
    ///         self.expires_at
    ///     }
    ///
    ///     async fn refresh(
    ///         &self,
    ///         token: &str,
    ///         tokens: &Tokens,
    ///     ) -> Result<Option<SystemTime>, ConnectError> {
    ///         let (user_id, expires_at) = tokens.verify_with_expiry::<String>(token)?;
    ///         if user_id != self.user_id {
    ///             return Err(ConnectError::new("another user's token"));
    ///         }
    ///         Ok(expires_at)
    ///     }
    /// #   fn channels(_: &mut Routes<Self>) {}
    /// }
    /// ```
    fn refresh(
        &self,
        token: &str,
        state: &Self::State,
    ) -> impl Future<Output = Result<Option<SystemTime>, ConnectError>> + Send {
        let _ = (token, state);
        std::future::ready(Err(ConnectError::new("this socket takes no new tokens")))
    }

    /// Returns the reply to an error of the app, in one place for all channels of the socket. The
    /// error comes from `join`, `handle_in`, `connect` or `refresh`, by `?`, whatever it is wrapped
    /// in: [`Cause::find`] looks into an `anyhow::Error` and into sources, too. For `connect` and
    /// `refresh` only the [status](ErrorReply::status) counts.
    ///
    /// Such an error is the client's, and is logged as a refusal. Returns `None` for an error that
    /// the client must not know: it is logged as an error, and the client gets the reason
    /// `internal error` (status 500 in `connect` and `refresh`). By default every error is such an
    /// error, but for [`DecodeError`](crate::DecodeError), [`TokenError`](crate::TokenError) and
    /// [`ParamsError`].
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::*;
    /// #[derive(Debug, thiserror::Error)]
    /// enum AppError {
    ///     #[error("room {0} does not exist")]
    ///     NoSuchRoom(String),
    ///     #[error("the name {0} is taken")]
    ///     NameTaken(String),
    ///     #[error("the database failed")]
    ///     Database(#[from] std::io::Error),
    /// }
    ///
    /// struct UserSocket;
    ///
    /// impl presence_channels::UserSocket for UserSocket {
    ///     type State = ();
    ///
    ///     async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
    ///         Ok(Self)
    ///     }
    ///
    ///     fn error_reply(cause: &Cause) -> Option<ErrorReply> {
    ///         match cause.find::<AppError>()? {
    ///             AppError::NoSuchRoom(_) => Some(ErrorReply::new("no such room")),
    ///             AppError::NameTaken(_) => Some(ErrorReply::new("name taken")),
    ///             AppError::Database(_) => None,
    ///         }
    ///     }
    /// #   fn channels(_: &mut Routes<Self>) {}
    /// }
    /// ```
    fn error_reply(cause: &Cause) -> Option<ErrorReply> {
        let _ = cause;
        None
    }

    /// Maps topics to channels. Called once, when the socket is mounted.
    fn channels(routes: &mut Routes<Self>);
}
