//! The task that wakes the shards in time.

use std::sync::Arc;

use super::Host;

pub(super) async fn run(host: Arc<Host>) {
    loop {
        let due = async {
            match host.next_deadline() {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = host.closed.wait() => return,
            () = due => host.tick(),
            () = host.deadline_changed() => {}
        }
    }
}
