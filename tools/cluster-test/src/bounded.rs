//! Waiting for what can be asked, never for ever.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

/// How often is asked again.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `is` says so.
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
