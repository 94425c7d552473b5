//! Text frames of version 2.

use presence_channels::fuzzing::ProtocolVersion;
use serde_json::Value;

use crate::{
    Target,
    text::{self, Fields},
};

pub(super) const TARGET: Target = Target {
    name: "v2_text",
    run,
};

fn run(input: &[u8]) {
    text::check(ProtocolVersion::V2, input, fields);
}

/// Returns the fields of a message that `serde_json` has parsed.
///
/// Returns `None` if the frame is not a message.
fn fields(frame: Value) -> Option<Fields> {
    let Value::Array(fields) = frame else {
        return None;
    };
    // Elements after the fifth are ignored.
    let mut fields = fields.into_iter();
    let mut next = || fields.next();
    let (join_ref, reference, topic) = (next()?, next()?, next()?);
    let (event, payload) = (next()?, next()?);
    Some(Fields {
        join_ref,
        reference,
        topic,
        event,
        payload,
    })
}
