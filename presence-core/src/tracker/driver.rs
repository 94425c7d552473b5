//! The task that wakes the shards in time.

use std::sync::Arc;

use super::Pool;

pub(super) async fn run(pool: Arc<Pool>) {
    loop {
        let due = async {
            match pool.next_deadline() {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = pool.closed.wait() => return,
            () = due => pool.tick(),
            () = pool.deadline_changed() => {}
        }
    }
}
