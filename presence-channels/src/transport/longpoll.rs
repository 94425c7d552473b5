//! Long-polling: `Phoenix.Transports.LongPoll`, for clients whose network lets no WebSocket
//! through.
//!
//! - A GET without a session opens one: 410 in the answer's body, with the session's token.
//! - A GET with the token is a poll: 200 with what is there, else it waits a window, then 204. One
//!   poll of a session waits at a time; a newer one ends it.
//! - A POST with the token publishes: 200 when all messages were handled as far as they go without
//!   waiting, 410 if the session has ended, 408 if a window was not enough, a message is malformed,
//!   or the body breaks off.
//! - A session that is not polled for one and a half windows ends, and its channels with it. The
//!   time counts from the end of the last poll, or from when its answer was read. A client that has
//!   begun to read an answer may take nothing of it for six windows.
//! - An answer counts as unread until its bytes are dropped (`unread.rs`).
//!
//! A session is held by the node that opened it. Requests that reach another node are passed on
//! (`peers.rs`).

mod answer;
mod batch;
mod bell;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod peers;
mod publish_turns;
mod request;
mod session;
mod session_token;
#[cfg(test)]
mod tests;
mod unread;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use presence_core::pubsub::{PubSub, Subscription};
use tokio::runtime::Handle;

pub(crate) use answer::{for_browsers, preflight};
pub(crate) use request::serve;

use crate::{
    LongpollOptions,
    node::Admission,
    socket::{AnyConnection, Mounted},
    telemetry::LimitMeters,
    token::SecretKeyBase,
};
use batch::BatchLimits;
use publish_turns::PublishTurns;
use session::Session;
use session_token::{SessionKey, SessionTokens};
use unread::UnreadElsewhere;

/// The sessions of one mounted socket on this node, and the way to those on others.
pub(crate) struct Longpoll {
    options: LongpollOptions,
    limits: BatchLimits,
    meters: Arc<LimitMeters>,
    tokens: SessionTokens,
    /// Of publishes to other nodes' sessions.
    publish_turns: PublishTurns,
    /// Answers to polls of other nodes' sessions.
    unread: UnreadElsewhere,
    sessions: Mutex<HashMap<u64, Arc<Session>>>,
    /// Numbers sessions, and requests to other nodes.
    next_id: AtomicU64,
    /// Names this start of the mount, and is no more guessed than a secret: other nodes' requests
    /// come in on a topic of this name.
    instance: String,
    pubsub: PubSub,
    runtime: Handle,
    /// Other nodes' requests. Set once, at the start.
    peers: OnceLock<Subscription>,
}

impl Longpoll {
    /// Starts long-polling for a mount, if its options ask for it.
    pub(crate) fn start(
        mount: &dyn Mounted,
        secret: Option<&SecretKeyBase>,
        pubsub: &PubSub,
        runtime: &Handle,
    ) -> Option<Arc<Self>> {
        let options = mount.options();
        let limits = &options.limits;
        let options = options.longpoll.clone()?;
        let longpoll = Arc::new(Self {
            limits: BatchLimits {
                body_bytes: options.max_body_bytes,
                message_bytes: limits.max_message_bytes,
                messages: options.max_batch,
            },
            options,
            meters: mount.meters().limits().clone(),
            tokens: SessionTokens::new(secret, mount.path()),
            publish_turns: PublishTurns::default(),
            unread: UnreadElsewhere::new(limits.max_outgoing_bytes),
            sessions: Mutex::default(),
            next_id: AtomicU64::new(0),
            instance: session_token::random(),
            pubsub: pubsub.clone(),
            runtime: runtime.clone(),
            peers: OnceLock::new(),
        });
        let _ = longpoll.peers.set(peers::listen(&longpoll));
        Some(longpoll)
    }

    /// Opens a session, and returns its token.
    fn open(self: &Arc<Self>, connection: Box<dyn AnyConnection>, admission: Admission) -> String {
        let session = Arc::new(Session::new(connection, &self.options));
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.sessions.lock().insert(id, session.clone());
        let longpoll = Arc::downgrade(self);
        self.runtime.spawn(async move {
            session.keep().await;
            drop(admission);
            if let Some(longpoll) = longpoll.upgrade() {
                longpoll.sessions.lock().remove(&id);
            }
        });
        self.tokens.sign(&SessionKey {
            node: self.pubsub.node_name().to_owned(),
            instance: self.instance.clone(),
            id,
        })
    }

    /// Returns the session `id` of this node, unless it is over.
    fn find(&self, id: u64) -> Option<Arc<Session>> {
        let session = self.sessions.lock().get(&id).cloned();
        session.filter(|session| !session.is_over())
    }

    /// Returns whether the session, if it still exists, is on this node.
    fn is_here(&self, key: &SessionKey) -> bool {
        key.node == self.pubsub.node_name()
    }

    fn find_here(&self, key: &SessionKey) -> Option<Arc<Session>> {
        (key.instance == self.instance).then(|| self.find(key.id))?
    }
}
