//! The socket, the lobby, and the matches.

use presence_channels::{
    Channel, ConnectError, ConnectInfo, HandleResult, JoinResult, Params, Payload, PresenceWatch,
    Routes, Socket, Topic, Tracker, reply_ok, unhandled,
};
use serde::Deserialize;
use serde_json::json;

use crate::Players;

#[derive(Deserialize)]
pub(crate) struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = Tracker<Players>;

    /// Accepts everyone. As written, anyone can claim to be any user.
    async fn connect(
        params: &Params,
        _: &ConnectInfo,
        _: &Self::State,
    ) -> Result<Self, ConnectError> {
        Ok(params.parse()?)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<LobbyChannel>("lobby");
        routes.channel::<MatchChannel>("match:*");
    }
}

/// A match. Its members are players and watchers.
pub(crate) struct MatchChannel;

#[derive(Deserialize)]
struct JoinParams {
    #[serde(default)]
    play: bool,
}

impl Channel for MatchChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, params: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let JoinParams { play } = params.json()?;
        let players = socket.state().clone();
        // From the reply on, this member gets the count, and no diff.
        socket.watch_presence(&players, PresenceWatch::Count)?;
        if play {
            let user_id = &socket.user().user_id;
            players.track(socket, user_id, json!({})).await?;
        }
        Ok(MatchChannel.into())
    }
}

/// The lobby, which knows the numbers of all matches.
pub(crate) struct LobbyChannel;

impl Channel for LobbyChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(LobbyChannel.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            // The payload is a list of matches. Each count takes constant time.
            "counts" => {
                let mut matches: Vec<String> = payload.json()?;
                matches.truncate(100);
                let count = |id: &String| socket.state().count(format!("match:{id}"));
                let counts: Vec<_> = matches.iter().map(count).collect();
                reply_ok(json!({ "counts": counts }))
            }
            _ => unhandled(event),
        }
    }
}
