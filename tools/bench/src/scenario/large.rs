use super::{Effort, Measured, Size, TOPIC};
use crate::{child::ServerProcess, client::BenchClient, counter::Counter};

const MEBIBYTE: usize = 1024 * 1024;
/// The messages before the measurement.
const WARM_UP: u64 = 3;
/// The messages of a measurement, however large. Of two, one more page fault decides.
const AT_LEAST: usize = 8;

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
    // The first messages make the server allocate: glibc maps the first large buffer, and takes the
    // next from its heap.
    for sent in 1..=WARM_UP {
        client.ask(event, &payload).await?;
        counter.reach(1 + sent).await?;
    }
    let messages = (size.large_mebibytes / mebibytes).max(AT_LEAST) as u64;
    let effort = Effort::begin(server)?;
    for sent in 1..=messages {
        client.ask(event, &payload).await?;
        counter.reach(1 + WARM_UP + sent).await?;
    }
    let (measured, _) = effort.end(server, messages * mebibytes as u64, 0, 0)?;
    Ok(Measured {
        figure: 1e3 / measured.figure,
        ..Measured::default()
    })
}
