use std::sync::Arc;

use presence_core::pubsub::{Broadcast, Payload};
use smol_str::SmolStr;

use super::{Channel, Socket, TerminateReason};
use crate::{message::Ref, outgoing::UnhandledBroadcast, serializer::Frame};

/// A look at a channel between its callbacks.
pub(super) type Visit<C> = Box<dyn FnOnce(&mut C, &mut Socket<C>) + Send>;

/// A broadcast as one of the client that caused it, until a handler begins with it.
pub(super) type Unhandled = Option<Arc<UnhandledBroadcast>>;

/// A message that waits while its channel is busy.
pub(super) enum Letter<C: Channel> {
    /// From the client.
    In {
        reference: Ref,
        event: SmolStr,
        payload: Payload,
        /// The bytes that count as waiting until a handler begins with the message.
        bytes: usize,
    },
    /// From [`Socket::notify`](super::Socket::notify) or a [`Notifier`](super::Notifier).
    Info(C::Info),
    /// A broadcast on a topic that the channel subscribes to, made into the app's type.
    Heard {
        info: C::Info,
        /// The [size](broadcast_bytes) of the broadcast.
        bytes: usize,
        unhandled: Unhandled,
    },
    /// A broadcast that the channel intercepts.
    Out {
        broadcast: Broadcast,
        unhandled: Unhandled,
    },
    /// A broadcast that came before the join was answered, which must be answered first.
    Held { frame: Frame, unhandled: Unhandled },
    /// A test looks at the channel.
    Visit(Visit<C>),
    /// The client leaves.
    Leave { reference: Ref },
    /// The channel must end.
    Close(TerminateReason),
}

impl<C: Channel> Letter<C> {
    /// Returns whether the client has sent the letter.
    pub(super) fn is_clients(&self) -> bool {
        matches!(self, Self::In { .. } | Self::Leave { .. })
    }

    pub(super) fn is_broadcast(&self) -> bool {
        self.unhandled().is_some()
    }

    /// Returns the place of the client that has caused a broadcast. Returns `None` for another
    /// letter.
    pub(super) fn unhandled(&self) -> Option<&Unhandled> {
        match self {
            Self::Heard { unhandled, .. }
            | Self::Out { unhandled, .. }
            | Self::Held { unhandled, .. } => Some(unhandled),
            _ => None,
        }
    }

    /// A handler begins with the letter, which waits no more.
    pub(super) fn begin(&mut self) {
        match self {
            Self::Heard { unhandled, .. }
            | Self::Out { unhandled, .. }
            | Self::Held { unhandled, .. } => *unhandled = None,
            _ => {}
        }
    }
}

/// Returns the bytes that a broadcast carries.
pub(super) fn broadcast_bytes(broadcast: &Broadcast) -> usize {
    broadcast.topic.len() + broadcast.event.len() + broadcast.payload.bytes().len()
}
