use super::{Effort, Measured, TOPIC, room_of};
use crate::{child::ServerProcess, counter::Counter};

/// With a presence a client gets the reply, the state of its room, and the diff of its own join.
const FRAMES_OF_A_PRESENCE: u64 = 3;

/// Connects clients that join one room, or, tracked, each a room of its own.
pub(super) async fn measure(
    server: &ServerProcess,
    joins: u64,
    is_tracked: bool,
) -> anyhow::Result<Measured> {
    let counter = Counter::default();
    let effort = Effort::begin(server)?;
    let clients = match is_tracked {
        true => {
            let topic = |n| format!("lobby:{n}");
            room_of(server, joins, &counter, FRAMES_OF_A_PRESENCE, topic).await?
        }
        false => room_of(server, joins, &counter, 1, |_| TOPIC.into()).await?,
    };
    let (measured, _) = effort.end(server, joins, 0, 0)?;
    drop(clients);
    Ok(Measured {
        figure: measured.figure,
        ..Measured::default()
    })
}
