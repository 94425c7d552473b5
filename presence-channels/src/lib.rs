//! Phoenix Channels and Presence for axum: unmodified phoenix.js, and every other client that
//! speaks the Phoenix channel protocol, connects to it.
//!
//! A [`UserSocket`] is a connected client, a [`Channel`] is that client in one topic, a
//! [`Presence`] is who is there, and an [`Endpoint`] runs them all within your axum app.
//! `cargo phx gen` writes each of them.
//!
//! Beside them: [`testing`] tests channels without a network, [`token`] signs users in,
//! [`telemetry`] lists logs and metrics, [`serializer`] adds encodings, [`pubsub`] carries messages
//! to code that is no channel, and [`adapters`] are engines that carry messages between nodes.
//! Features, all off: `zenoh`, `nats`, `redis`, `metrics`, `http2`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod channel;
mod clock;
mod endpoint;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod limits;
mod message;
mod node;
mod option_error;
mod origin;
mod outgoing;
pub mod serializer;
mod serve;
mod socket;
pub mod telemetry;
pub mod testing;
pub mod token;
mod topic;
mod transport;
mod wakers;

pub use channel::{
    Accepted, Channel, ChannelError, FromBroadcast, HandleFuture, HandleResult, InfoFuture,
    InfoResult, JoinError, JoinFuture, JoinResult, Notifier, NotifyError, PresenceWatch, PushError,
    Reply, ReplyRef, Socket, TerminateReason, Timer, no_reply, reply, reply_error, reply_ok, stop,
    stop_with_error, stop_with_reply, unhandled,
};
pub use clock::unix_seconds;
pub use endpoint::{EndpointBuilder, StartError};
pub use failure::{Cause, ErrorReply};
pub use ipnet::IpNet;
pub use limits::{Limits, Rate, SlowReader};
pub use node::{BroadcastError, Config, Endpoint};
pub use option_error::OptionError;
pub use origin::{CheckOrigin, InvalidOrigin, Origin, OriginCheck};
pub use presence_core::{
    Presence, PubSub, Tracker, adapters,
    presence::{
        self, Current, Diff, FieldError, Meta, MetaError, PhxRef, PresenceEntry, Presences,
        StatefulPresence, WithState,
    },
    pubsub::{
        self, Broadcast, DecodeError, EncodeError, EngineState, IntoPayload, Payload, PeerHint,
        SubscriberId,
    },
    strict_json,
    tracker::{self, DisconnectGrace},
};
pub use serializer::FrameError;
pub use serve::{Serve, ServeFuture, serve};
pub use socket::{
    ChannelOf, ConnectError, ConnectInfo, HasPresence, LongpollOptions, Params, ParamsError, Route,
    Routes, SocketOptions, UserSocket,
};
pub use token::{SecretKeyBase, TokenError, Tokens};
pub use topic::Topic;

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
