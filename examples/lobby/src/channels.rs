//! The socket, the lobby, and the matches.

use presence_channels::{
    Channel, ChannelError, ConnectError, ConnectInfo, HandleResult, JoinResult, Params, Payload,
    PresenceWatch, Routes, Socket, TerminateReason, Topic, Tracker, WithState, no_reply, reply_ok,
    unhandled,
};
use serde::Deserialize;
use serde_json::json;

use crate::players::Players;

#[derive(Deserialize)]
pub(crate) struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = Tracker<WithState<Players>>;

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
pub(crate) struct MatchChannel {
    plays: bool,
}

#[derive(Deserialize)]
struct JoinParams {
    #[serde(default)]
    play: bool,
}

#[derive(Deserialize)]
struct Position {
    x: f64,
    y: f64,
}

impl Channel for MatchChannel {
    type Socket = UserSocket;
    type Info = ();

    // A client that reads too slowly misses old positions, and nothing else.
    const DROPPABLE: &'static [&'static str] = &["moved"];

    async fn join(_: &Topic, params: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let JoinParams { play } = params.json()?;
        let players = socket.state().clone();
        // From the reply on, this member gets the count, and no diff.
        socket.watch_presence(&players, PresenceWatch::Count)?;
        if play {
            let user_id = &socket.user().user_id;
            players.track(socket, user_id, json!({})).await?;
        }
        Ok(MatchChannel { plays: play }.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "move" if self.plays => {
                let Position { x, y } = payload.json()?;
                let player = &socket.user().user_id;
                let moved = json!({ "player": player, "x": x, "y": y });
                socket.broadcast_from("moved", moved)?;
                no_reply()
            }
            "move" => Err(ChannelError::new("a watcher cannot move")),
            _ => unhandled(event),
        }
    }

    /// A player who leaves gives up. One whose connection ends may come back.
    async fn terminate(&mut self, reason: &TerminateReason, socket: &mut Socket<Self>) {
        if self.plays && *reason == TerminateReason::Left {
            let gave_up = json!({ "player": socket.user().user_id });
            if let Err(error) = socket.broadcast_from("gave_up", gave_up) {
                tracing::warn!(%error, "the match did not get that a player gave up");
            }
        }
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
