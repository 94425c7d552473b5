//! The socket, the channel that all users are in, and the channel of one friend.

use std::collections::HashMap;

use presence_channels::{
    Accepted, Channel, ConnectError, ConnectInfo, HandleResult, JoinResult, Params, Payload,
    PresenceWatch, Routes, Socket, Topic, Tracker, reply_ok, unhandled,
};
use serde::Deserialize;
use serde_json::json;

use crate::Online;

#[derive(Deserialize)]
pub(crate) struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = Tracker<Online>;

    /// Accepts everyone. As written, anyone can claim to be any user.
    async fn connect(
        params: &Params,
        _: &ConnectInfo,
        _: &Self::State,
    ) -> Result<Self, ConnectError> {
        Ok(params.parse()?)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<FriendsChannel>("friends");
        routes.channel::<FriendChannel>("friend:*");
    }
}

struct FriendsChannel;

impl Channel for FriendsChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let online = socket.state().clone();
        // Nobody needs to know of each user of the site.
        socket.watch_presence(&online, PresenceWatch::None)?;
        let user_id = &socket.user().user_id;
        online.track(socket, user_id, json!({})).await?;
        Ok(FriendsChannel.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            // The payload is a list of users. In your app, check that they are friends.
            "ask" => {
                let mut friends: Vec<String> = payload.json()?;
                friends.truncate(1000);
                let presences = socket.state().get_many("friends", &friends).await;
                let query = "SELECT * FROM seen WHERE user_id IN (SELECT value FROM json_each(?))";
                let query = sqlx::query_as(query).bind(json!(friends).to_string());
                let seen: Vec<(String, i64)> =
                    query.fetch_all(&socket.state().presence().pool).await?;
                let mut seen: HashMap<_, _> = seen.into_iter().collect();
                seen.retain(|friend, _| presences.get(friend).is_none());
                let online: Vec<_> = presences.keys().collect();
                reply_ok(json!({ "online": online, "last_seen": seen }))
            }
            _ => unhandled(event),
        }
    }
}

/// The friend whom the subtopic names. The presence sends `online` and `offline`.
struct FriendChannel;

impl Channel for FriendChannel {
    type Socket = UserSocket;
    type Info = ();

    /// Replies with the present state. In your app, check that the user is a friend.
    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let friend = socket.state().get_by_key("friends", topic.subtopic()).await;
        let state = json!({ "online": friend.is_some() });
        Ok(Accepted::with_reply(FriendChannel, state)?)
    }
}
