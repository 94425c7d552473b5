//! The judgement of a message, by its sender and its number.

use std::sync::Arc;

use crate::replication::set::Origin;

/// The place of an accepted message among the messages of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// The message is newer than all before it.
    New,
    /// A newer message has overtaken the message. Its contents may still be true.
    Late,
    /// As [`Age::Late`], and its sender was down since.
    BeforeDown,
}

impl Age {
    /// Returns whether the message is newer than all before it.
    pub(crate) fn is_new(self) -> bool {
        self == Self::New
    }

    /// Returns whether the message was sent after its sender was last down.
    pub(crate) fn is_recent(self) -> bool {
        self != Self::BeforeDown
    }
}

/// The judgement of a message.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The message is accepted, and its sender is up.
    Accepted(Arc<Origin>, Age),
    /// The message is ignored.
    Ignored,
}
