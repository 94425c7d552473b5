//! From a peer's bytes to what it may mean. Nothing in them is believed.

use std::sync::Arc;

use super::{
    Body, EntryRow, GoneRow, Header, MAX_BYTES, MAX_NAME_BYTES, Pull, Refusal, STARTED_END, VERSION,
};
use crate::replication::set::{
    Clock, DeltaError, Entry, Gone, Incarnation, Meta, Origin, Ownership, ReplicaName, Run, Tag,
};

/// Why a peer's message was dropped. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Malformed {
    /// It is longer than any message is.
    #[error("a message of {0} bytes, where the longest has {MAX_BYTES}")]
    TooLong(usize),
    /// It is of a version that cannot be read here.
    #[error("version {0} of the format, where this node reads versions {low} to {high}", low = VERSION - 1, high = VERSION + 1)]
    Version(u8),
    /// Its bytes are no message.
    #[error("bytes that are no message: {0}")]
    Encoding(#[from] postcard::Error),
    /// A node without a name, or with a very long one.
    #[error("a node's name of {0} bytes, where 1 to {MAX_NAME_BYTES} are allowed")]
    Name(usize),
    /// A node that says it was started in a far future.
    #[error("a node started at {0} ms of Unix time, where less than 2^60 is allowed")]
    Started(u64),
    /// A cluster that spreads its topics otherwise.
    #[error(
        "a node with {theirs} shards, where this one has {ours}: pool_size must be the same on all nodes"
    )]
    PoolSize {
        /// The number of shards of the sender.
        theirs: u16,
        /// The number of shards of this node.
        ours: u16,
    },
    /// A shard that there is not.
    #[error("a shard numbered {0}")]
    Shard(u16),
    /// An entry of a topic that is in another shard.
    #[error("an entry in a shard that its topic is not in")]
    Place,
    /// A malformed delta.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// A meta that is no JSON object with a reference in front.
    #[error("a meta that is not a JSON object with a `phx_ref`")]
    Meta,
    /// Clocks beyond the last.
    #[error("a clock beyond the last")]
    Clock,
    /// A row that there is not.
    #[error("the loss of an entry numbered {0}")]
    Row(u32),
    /// Without the topic of its first entry.
    #[error("an entry without a topic")]
    Topic,
}

/// Reads a message.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Header, Body<'_>), Malformed> {
    if bytes.len() > MAX_BYTES {
        return Err(Malformed::TooLong(bytes.len()));
    }
    let (version, rest) = bytes.split_first().ok_or(Malformed::Encoding(
        postcard::Error::DeserializeUnexpectedEnd,
    ))?;
    if version.abs_diff(VERSION) > 1 {
        return Err(Malformed::Version(*version));
    }
    let (header, rest) = postcard::take_from_bytes::<Header>(rest)?;
    check_origin(&header.sender)?;
    let (mut body, rest) = postcard::take_from_bytes::<Body<'_>>(rest)?;
    // A newer version may have appended the bytes that follow.
    if body.may_have_a_tail() && !rest.is_empty() {
        let (tail, _) = postcard::take_from_bytes::<Vec<u32>>(rest)?;
        body.set_tail(&tail).map_err(Malformed::Row)?;
    }
    check(&body)?;
    Ok((header, body))
}

/// Returns the sender of a message that cannot be read, if its header can: a header is the same in
/// every version.
pub(crate) fn sender(bytes: &[u8]) -> Option<ReplicaName> {
    let (_, rest) = bytes.split_first()?;
    let (header, _) = postcard::take_from_bytes::<Header>(rest).ok()?;
    let name = header.sender.name;
    check_name(&name).is_ok().then_some(name)
}

/// Checks what a message says of nodes, before any of it is kept: a name that one peer may say is
/// one that this node may have to say itself, in a message that all others take.
fn check(body: &Body<'_>) -> Result<(), Malformed> {
    match body {
        Body::Request(request) | Body::Pull(Pull { request, .. }) => check_origin(&request.origin),
        Body::Part(part) => check_origin(&part.origin),
        Body::Vouch { origin, .. } => check_origin(origin),
        Body::Vector(vector) => {
            let rows = vector.rows.iter().map(|row| &row.origin);
            let left = vector.left.iter().map(|left| &left.origin);
            rows.chain(left).try_for_each(check_origin)
        }
        Body::Refusal(Refusal { refused, known, .. }) => {
            check_started(*refused).and_then(|()| check_started(*known))
        }
        Body::PingFor { name }
        | Body::Ping {
            on_behalf_of: Some(name),
        }
        | Body::Pong {
            on_behalf_of: Some(name),
        } => check_name(name),
        Body::Ping { on_behalf_of: None }
        | Body::Pong { on_behalf_of: None }
        | Body::Heartbeat(_)
        | Body::Delta(_)
        | Body::Leave { .. }
        | Body::Cancel { .. } => Ok(()),
    }
}

fn check_origin(origin: &Origin) -> Result<(), Malformed> {
    check_name(&origin.name)?;
    check_started(origin.incarnation)
}

fn check_name(name: &ReplicaName) -> Result<(), Malformed> {
    match name.as_str().len() {
        1..=MAX_NAME_BYTES => Ok(()),
        bytes => Err(Malformed::Name(bytes)),
    }
}

/// Rejects a start that no clock shows. A node must be able to continue above the incarnation that
/// refuses it ([`Incarnation::above`]). Above the last possible number there is no other, so the
/// node would be refused for ever.
fn check_started(incarnation: Incarnation) -> Result<(), Malformed> {
    if incarnation.started_ms < STARTED_END {
        return Ok(());
    }
    Err(Malformed::Started(incarnation.started_ms))
}

impl EntryRow<'_> {
    /// The entries that rows stand for.
    pub(crate) fn entries(
        rows: &[Self],
        origin: &Arc<Origin>,
        from: Clock,
    ) -> Result<Vec<Arc<Entry>>, Malformed> {
        let (mut last, mut topic) = (from.get(), None);
        let entries = rows.iter().map(|row| {
            last = last.checked_add(row.step).ok_or(Malformed::Clock)?;
            if let Some(named) = &row.topic {
                topic = Some(Arc::<str>::from(&**named));
            }
            Ok(Arc::new(Entry {
                tag: Tag {
                    origin: Arc::clone(origin),
                    clock: Clock::new(last),
                },
                topic: topic.clone().ok_or(Malformed::Topic)?,
                key: Arc::from(&*row.key),
                owner: match row.is_lost {
                    true => Ownership::LOST,
                    false => Ownership::ELSEWHERE,
                },
                meta: Meta::from_text(row.meta.to_string()).ok_or(Malformed::Meta)?,
            }))
        });
        entries.collect()
    }
}

impl GoneRow {
    /// Returns the removed tags.
    pub(crate) fn gone(&self) -> Result<Gone, Malformed> {
        let mut last = 0_u64;
        let mut above = |step: u64| {
            last = last.checked_add(step).ok_or(Malformed::Clock)?;
            Ok(Clock::new(last))
        };
        match self {
            Self::Tags(steps) => {
                let tags: Result<_, Malformed> = steps.iter().map(|step| above(*step)).collect();
                Ok(Gone::Tags(tags?))
            }
            Self::Except(runs) => {
                let runs: Result<_, Malformed> = runs
                    .iter()
                    .map(|(step, length)| {
                        let first = above(*step)?;
                        let last = above(*length)?;
                        Ok(Run { first, last })
                    })
                    .collect();
                Ok(Gone::Except(runs?))
            }
        }
    }
}
