use presence_core::{Presence, Tracker};

/// A state that has the presence `P`.
///
/// A channel of one socket reads the field it needs (`socket.state().presence`). A channel that
/// several sockets share is generic over its socket and so over the state; it requires this trait,
/// and gets the presence by [`Socket::presence`](crate::Socket::presence).
///
/// ```
/// use presence_channels::{
///     Channel, HasPresence, InfoResult, JoinResult, Payload, Presence, Socket, Topic, Tracker,
///     UserSocket,
/// };
/// use serde_json::json;
/// use std::marker::PhantomData;
///
/// pub struct Online;
/// impl Presence for Online {
///     const NAME: &str = "docs.online";
/// }
///
/// pub struct AppState {
///     pub online: Tracker<Online>,
/// }
///
/// impl HasPresence<Online> for AppState {
///     fn presence(&self) -> &Tracker<Online> {
///         &self.online
///     }
/// }
///
/// /// Users and guests both join it.
/// pub struct Lobby<S>(PhantomData<S>);
///
/// impl<S: UserSocket<State: HasPresence<Online>>> Channel for Lobby<S> {
///     type Socket = S;
///     type Info = ();
///
///     async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
///         socket.notify(());
///         Ok(Lobby(PhantomData).into())
///     }
///
///     async fn handle_info(&mut self, _: (), socket: &mut Socket<Self>) -> InfoResult {
///         let online = socket.presence::<Online>();
///         let key = socket.user().id().unwrap_or("a guest".into());
///         online.track(socket, key, json!({})).await?;
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no presence `{P}`",
    note = "`cargo phx gen presence` writes a presence and adds it to the state as a field",
    note = "then implement `HasPresence<{P}>` for `{Self}`: return that field"
)]
pub trait HasPresence<P: Presence> {
    /// The presence.
    fn presence(&self) -> &Tracker<P>;
}
