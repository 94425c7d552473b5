use super::{Effort, Measured, Size, TOPIC};
use crate::{child::ServerProcess, client::BenchClient, counter::Counter};

const MEBIBYTE: usize = 1024 * 1024;

/// Messages of `mebibytes`, one after another, each of which the server answers.
pub(super) async fn measure(
    server: &ServerProcess,
    size: Size,
    mebibytes: usize,
    event: &str,
) -> anyhow::Result<Measured> {
    let counter = Counter::default();
    let mut client = BenchClient::join(server, TOPIC, &counter).await?;
    counter.reach(1).await?;
    let payload = format!(r#"{{"fill":"{}"}}"#, "x".repeat(mebibytes * MEBIBYTE));
    // The first message makes the server allocate.
    client.ask(event, &payload).await?;
    counter.reach(2).await?;
    let messages = (size.large_mebibytes / mebibytes).max(2) as u64;
    let effort = Effort::begin(server)?;
    for sent in 1..=messages {
        client.ask(event, &payload).await?;
        counter.reach(2 + sent).await?;
    }
    let (measured, _) = effort.end(server, messages * mebibytes as u64, 0, 0)?;
    Ok(Measured {
        figure: 1e3 / measured.figure,
        ..Measured::default()
    })
}
