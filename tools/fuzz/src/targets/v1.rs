//! Text frames of version 1.

use presence_channels::fuzzing::ProtocolVersion;
use serde_json::Value;

use crate::{
    Target,
    text::{self, Fields},
};

pub(super) const TARGET: Target = Target { name: "v1", run };

fn run(input: &[u8]) {
    text::check(ProtocolVersion::V1, input, fields);
}

/// Returns the fields of a message that `serde_json` has parsed.
///
/// Returns `None` if the frame is not a message.
fn fields(mut frame: Value) -> Option<Fields> {
    let message = frame.as_object_mut()?;
    Some(Fields {
        join_ref: message.remove("join_ref").unwrap_or_default(),
        reference: message.remove("ref")?,
        topic: message.remove("topic")?,
        event: message.remove("event")?,
        payload: message.remove("payload")?,
    })
}
