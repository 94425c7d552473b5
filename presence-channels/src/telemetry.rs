//! Logs and metrics.
//!
//! # Logs
//!
//! Logs are [`tracing`]'s, at the levels that Phoenix has for them:
//!
//! | target | span and events | level | set by |
//! | --- | --- | --- | --- |
//! | `presence_channels::connect` | `connect` around [`UserSocket::connect`](crate::UserSocket::connect); `connected` or `refused a client`, with the parameters; `may connect`, for a [page that asks](crate::SocketOptions::connect_check); `refused a new token`; `disconnected`, with `reason` and `lasted` | info | [`SocketOptions::log`](crate::SocketOptions::log) |
//! | `presence_channels::join` | `join` around [`Channel::join`](crate::Channel::join); `joined` or `refused a join`, with the payload; `the client's error`, if an error refused the join | info | [`Channel::LOG_JOIN`](crate::Channel::LOG_JOIN) |
//! | `presence_channels::handle_in` | `handle_in` around [`Channel::handle_in`](crate::Channel::handle_in); `handled`, with the payload and what it was answered; `refused a message`, if an error is the client's | debug | [`Channel::LOG_HANDLE_IN`](crate::Channel::LOG_HANDLE_IN) |
//! | `presence_channels::broadcast` | `broadcast` around a broadcast by [`Socket`](crate::Socket) or [`Endpoint`](crate::Endpoint), without its payload | trace | |
//!
//! Failures of the app (a panic, a handler's error) are logged as errors where they happen,
//! whatever these levels are. Nothing that a client causes is an error: a refusal, a payload of the
//! wrong shape, and an error for which [`UserSocket::error_reply`](crate::UserSocket::error_reply)
//! chooses a reply are logged at the level of the callback. A warning tells of an event that the
//! channel does not know, of a push or a broadcast whose payload is not an object, of a message
//! that the client's version of the protocol cannot carry, of a presence whose key or meta is
//! refused, and of a limit. These warnings, and the lines of clients, joins and new tokens that are
//! refused, are written at most once a second for each mount and kind, whatever their level. A
//! client may repeat what fails, so a failure of `connect` or `refresh` is written at most once a
//! second for each mount, and a failure in a channel for each route, kind and event. The field
//! `suppressed` of such lines is the number of lines that were held back before. A connection and a
//! join that succeed always have their lines.
//!
//! Spans and events have these fields: `topic`, `event` (of a callback without one, its name;
//! absent if no callback ended the channel), `user` ([`UserSocket::id`](crate::UserSocket::id)) and
//! `address` (the client's).
//!
//! Payloads and parameters are shown through [`FilterParameters`], which hides passwords and
//! tokens. Payloads and the app's errors are cut after 2 KiB, the parameters of a connection after
//! 1 KiB. One parameter, and any other text of a client (a topic, an event, a user's id, an
//! origin), is cut after 200 bytes. None of that is done for a level without a subscriber: a
//! message then costs the look at one flag.
//!
//! # Metrics
//!
//! With the cargo feature `metrics`, counts and times go to the recorder of the
//! [`metrics`](https://docs.rs/metrics) crate. Install it before
//! [`Endpoint::builder`](crate::Endpoint::builder): sockets that were mounted before are not
//! measured. Labels are bounded by the code: a mount's path, a route's pattern, never a topic, an
//! event or a user.
//!
//! | name | kind | unit | labels | what it counts |
//! | --- | --- | --- | --- | --- |
//! | `presence_channels_sockets` | gauge | | `socket`, `transport` | clients connected to this node; a client is counted until its last channel has ended |
//! | `presence_channels_connects_total` | counter | | `socket`, `transport`, `result` | clients that connected (`ok`), and those that `connect` refused: `refused` (a status below 500), `failed` |
//! | `presence_channels_channels` | gauge | | `socket`, `route` | channels joined |
//! | `presence_channels_joins_total` | counter | | `socket`, `route`, `result` | joins that reached a channel: `ok`, `refused` (also for a presence whose key or meta is refused), `failed` (an error of yours, a panic, out of time) |
//! | `presence_channels_messages_in_total` | counter | | `socket`, `transport` | messages from clients, heartbeats included |
//! | `presence_channels_bytes_in_total` | counter | bytes | `socket`, `transport` | their sizes |
//! | `presence_channels_messages_out_total` | counter | | `socket`, `transport` | messages queued for clients: a broadcast once for each |
//! | `presence_channels_bytes_out_total` | counter | bytes | `socket`, `transport` | their sizes, with the WebSocket's header |
//! | `presence_channels_queue_bytes` | gauge | bytes | `socket`, `transport` | what waits for clients to read it; looked at about once a second, at least 20 times in the shortest idle time |
//! | `presence_channels_queue_frames` | gauge | | `socket`, `transport` | as messages |
//! | `presence_channels_drops_total` | counter | | `socket`, `transport`, `reason` | see below |
//! | `presence_channels_limits_total` | counter | | `socket`, `limit` | what a limit refused, dropped or closed; see below |
//! | `presence_channels_handler_seconds` | histogram | seconds | `socket`, `route`, `callback` | how long callbacks took: `join`, `handle_in`, `handle_info`, `handle_out` |
//! | `presence_channels_crashes_total` | counter | | `socket`, `route`, `reason` | channels that ended with `phx_error`, or whose `terminate` panicked or timed out: `panicked`, `timed_out`, `failed` |
//! | `presence_presences` | gauge | | `presence` | presences that this node's diffs have shown, by [`Presence::NAME`](crate::Presence::NAME) |
//! | `presence_messages_dropped_total` | counter | | `presence` | messages of other nodes that were dropped, because this node did not keep up |
//! | `presence_key_events_dropped_total` | counter | | `presence` | first joins and last leaves that were dropped, because [their callbacks](crate::Presence::handle_last_leaves) are too slow |
//! | `presence_diffs_total` | counter | | `presence` | diffs broadcast to this node's clients |
//! | `presence_state_parts_total` | counter | | `presence`, `source` | messages of lists sent by [`push_presence_state`](crate::Socket::push_presence_state): `encoded` for one client, or `shared` with an earlier one |
//! | `presence_replication_lag_seconds` | gauge | seconds | `presence` | for how long this node has known that it lacks changes of another node that is up, the longest of all; 0 if it lacks none. Looked at once a `broadcast_period` |
//!
//! `transport` is `websocket` or `longpoll` (clients of the test kit count as the latter). The
//! reasons of drops: `unencodable` is a broadcast that the client's version of the protocol cannot
//! carry, or a binary message for a client that polls; `malformed` a client closed for what it
//! sent.
//!
//! # Limits
//!
//! `presence_channels_limits_total` counts each time that a limit refuses, drops or closes
//! something. Its label `limit` is the setting's name. A log line names the setting, what was
//! refused, and the client's user and address where they are known, at most once a second for each
//! mount and limit. Its field `suppressed` is the number of lines that were held back before it.
//! `keep_alive_timeout` has no line: most connections end by it.
//!
//! | `limit` | setting | each time |
//! | --- | --- | --- |
//! | `max_connections`, `max_connections_per_address` | [`Config`](crate::Config) | a client is refused |
//! | `max_connections_per_user` | [`Limits`](crate::Limits) | a client is refused |
//! | `max_channels`, `max_topic_bytes`, `max_joins_under_way` | `Limits` | a join is refused |
//! | `max_event_bytes` | `Limits` | a message is refused |
//! | `max_message_bytes`, `max_ref_bytes` | `Limits` | a WebSocket is closed, or a publish refused, for a message |
//! | `max_body_bytes`, `max_batch` | [`LongpollOptions`](crate::LongpollOptions) | a publish is refused |
//! | `max_message_rate`, `max_channel_message_rate` | `Limits` | a message is refused |
//! | `route_rate`, `event_rate`, `route_user_rate` | [`Route`](crate::Route): `rate`, `event_rate`, `user_rate` | a message is refused |
//! | `user_rate` | [`Routes`](crate::Routes) | a message is refused |
//! | `max_waiting_messages`, `max_waiting_bytes` | `Limits` | a channel ends because it handles too slowly, a message of [`Notifier::notify`](crate::Notifier::notify) is refused, or a publish is answered with 408 because it waited for handlers |
//! | `timeout` | [`SocketOptions`](crate::SocketOptions) | a WebSocket is closed because no message came |
//! | `window` | [`LongpollOptions`](crate::LongpollOptions) | a session ends because its client stopped polling |
//! | `max_outgoing_bytes` | `Limits` | a broadcast is dropped for a client that reads slowly and may miss it, or a publish is answered with 408 because its client did not poll |
//! | `slow_reader_timeout` | `Limits` | a client is closed, or a channel whose handler waits for it, because it does not read |
//! | `max_queued_bytes` | `Config` | a client is closed that does not read and holds more than its share |
//! | `max_unflushed_bytes` | `Config` | a broadcast of another node is dropped for a client, while more waits, or a publish is answered with 408 because it waited for broadcasts |
//! | `channel_drain_timeout` | `Config`: `drain_timeout` | a client is closed by the endpoint's stop because its channels have not ended |
//! | `max_head_bytes` | [`Serve`](crate::Serve); `socket` is empty | a request of HTTP/1.1 is refused; over HTTP/2 it is refused without a count |
//! | `head_timeout`, `keep_alive_timeout`, `body_timeout`, `write_timeout`, `drain_timeout` | [`Serve`](crate::Serve); `socket` is empty | a connection is closed, or a request's body given up |
//!
//! Other names that begin with `presence_` are reserved.

mod filter;
mod instrument;
mod level;
mod limits;
mod meter;
mod shown;
mod transport;

use presence_core::pubsub::Broadcast;
use tracing::span::EnteredSpan;

pub use filter::FilterParameters;
pub use tracing::Level;

pub(crate) use filter::FILTERED;
pub(crate) use instrument::{IS_ON, Stopwatch};
pub(crate) use level::{event_at, span_at};
pub(crate) use limits::{Gate, Limit, LimitMeters, LoggedClient, Refused};
pub(crate) use meter::{
    Asked, Callback, Connected, Crash, Deliveries, Drops, MountMeters, Present, RouteMeter,
    SocketMeter,
};
pub(crate) use shown::{Cut, CutError, Shown, cut};
pub(crate) use transport::Transport;

/// Targets of what can be listened to by itself.
pub(crate) mod target {
    pub(crate) const CONNECT: &str = "presence_channels::connect";
    pub(crate) const JOIN: &str = "presence_channels::join";
    pub(crate) const HANDLE_IN: &str = "presence_channels::handle_in";
    pub(crate) const BROADCAST: &str = "presence_channels::broadcast";
}

/// The span that a broadcast is delivered in, on this node.
pub(crate) fn broadcast_span(broadcast: &Broadcast) -> EnteredSpan {
    let span = tracing::trace_span!(
        target: target::BROADCAST,
        "broadcast",
        topic = Cut(&*broadcast.topic).to_string(),
        event = Cut(&*broadcast.event).to_string()
    );
    let span = span.entered();
    let bytes = broadcast.payload.bytes().len();
    tracing::trace!(target: target::BROADCAST, bytes, "broadcast");
    span
}
