//! Waits for conditions, never without a limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

/// The time between two looks at a condition.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `is` returns true. `what` stands in the error if that takes longer than `limit`.
pub(crate) async fn until(
    limit: Duration,
    what: &str,
    mut is: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let end = Instant::now() + limit;
    while !is().await? {
        if Instant::now() >= end {
            bail!("waited {limit:?} for {what}");
        }
        sleep(POLL).await;
    }
    Ok(())
}
