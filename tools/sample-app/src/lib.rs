//! The app that the tests of `presence-channels` connect to, and a client of it.
//!
//! [`UserSocket`] connects, [`RoomChannel`] and [`QuietChannel`] are its channels, and
//! [`SampleApp`] runs them. A [`Probe`] shows a test what the channels do, and lets it hold them
//! up. [`Server`] serves the app on a TCP port, and [`Client`] speaks to it by WebSocket.
//!
//! # Clients
//!
//! | parameter of the URL | what `connect` does |
//! | --- | --- |
//! | `user_id=alice` | accepts the client with the socket id `user_socket:alice` |
//! | no `user_id` | accepts the client without a socket id |
//! | `user_id=banned` | refuses the client with the reason `banned` |
//! | `user_id=crash` | panics |
//! | `user_id=endless` | never returns |
//! | `good_for=70` | accepts the client for 70 seconds; a refreshed token is such a number, too |
//!
//! # Topics
//!
//! | topic | what its channel does |
//! | --- | --- |
//! | `room:*` | tracks no presence, so no diffs disturb a test |
//! | `lobby:*` | tracks its user, and tells the probe how it ended |
//! | `*:welcome` | replies to a join with `{"welcome": user_id}` |
//! | `*:private` | refuses a join with the reason `unauthorized` |
//! | `*:crash` | panics in a join |
//! | `*:push` | pushes in a join, which cannot work |
//! | `*:endless...` | never finishes a join |
//! | `*:held` | waits for the probe's gate when it ends |
//! | `quiet` | logs joins at `WARN` and no messages; replies `{}` to all events |
//!
//! # Events
//!
//! | event | what a channel of a room or a lobby does |
//! | --- | --- |
//! | `ping` | replies with the payload |
//! | `size` | replies with the payload's length in bytes |
//! | `number` | accepts a payload that is a number, and no other |
//! | `ignore` | does not reply |
//! | `push` | pushes the payload to its client as `pushed` |
//! | `shout` | broadcasts the payload |
//! | `whisper` | broadcasts the payload as `shout` to all others |
//! | `slow` | tells the probe, waits for the probe's gate, and replies |
//! | `endless` | never returns |
//! | `fail` | returns an error |
//! | `stop` | stops the channel |
//! | `crash` | panics |
//!
//! A slow client may miss broadcasts of the event `cursor`.
//!
//! A broadcast of the event `seen` is intercepted, and pushed with the name of the user who sees
//! it.

mod app;
mod client;
mod probe;
mod quiet_channel;
mod room_channel;
mod server;
mod user_socket;

pub use app::{AppState, Presence, SampleApp, SampleAppBuilder};
pub use client::{Client, PATIENCE, WATCH};
pub use probe::{Departure, Probe};
pub use quiet_channel::QuietChannel;
pub use room_channel::RoomChannel;
pub use server::{SYSTEM_BUFFER, Server};
pub use user_socket::UserSocket;
