//! The end of a node whose engine never comes back.

use tokio::time::Instant;

use super::*;
use crate::PubSub;

/// An engine that is lost at once, and connects again for ever.
struct Away;

/// The connection, which shows by its end that the node's task has ended.
struct AwayConnection(Option<watch::Sender<()>>);

impl Engine for Away {
    const NAME: &'static str = "away";
    type Opened = watch::Sender<()>;
    type Connection = AwayConnection;

    fn connection(opened: watch::Sender<()>, _node: NodeInbox) -> AwayConnection {
        AwayConnection(Some(opened))
    }

    fn limit(&self) -> usize {
        1000
    }
}

impl Connection for AwayConnection {
    type Outlet = AwayOutlet;
    type Subscription = ();
    type Lost = ();

    fn outlet(&self) -> AwayOutlet {
        AwayOutlet
    }

    async fn begin(&mut self) -> Result<(), ()> {
        Err(())
    }

    async fn subscribe(&mut self, _buckets: Vec<u16>) -> Result<Vec<(u16, ())>, ()> {
        Err(())
    }

    async fn recover(&mut self, (): ()) {
        std::future::pending::<()>().await;
    }

    async fn close(&mut self) {
        self.0 = None;
    }
}

struct AwayOutlet;

impl Outlet for AwayOutlet {
    type Lost = ();

    fn send(
        &self,
        _class: TrafficClass,
        _frames: Vec<Item>,
    ) -> impl Future<Output = Result<(), ()>> + Send + 'static {
        std::future::pending()
    }
}

/// Returns a node, and a receiver that is closed when its task has ended.
fn node() -> (PubSub, watch::Receiver<()>) {
    let (opened, ended) = watch::channel(());
    let node = EngineNode::new("a", "test", '.', 1000).unwrap();
    (
        PubSub::with_adapter(Networked::new(node, Away, opened)),
        ended,
    )
}

async fn has_ended(ended: &mut watch::Receiver<()>, patience: Duration) -> bool {
    timeout(patience, ended.changed()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_stop_whose_caller_has_gone_ends_the_task() {
    let (pubsub, mut ended) = node();
    let begun = Instant::now();
    let stopped = timeout(STOP_PATIENCE / 3, pubsub.stop()).await;
    assert!(stopped.is_err());
    assert!(!has_ended(&mut ended, Duration::ZERO).await);
    // A further stop waits for the same end.
    pubsub.stop().await;
    assert_eq!(begun.elapsed(), STOP_PATIENCE);
    assert!(has_ended(&mut ended, Duration::from_millis(1)).await);

    let (pubsub, mut ended) = node();
    let stopped = timeout(STOP_PATIENCE / 3, pubsub.stop()).await;
    assert!(stopped.is_err());
    assert!(has_ended(&mut ended, STOP_PATIENCE).await);
    drop(pubsub);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_dropped_ends_its_task() {
    let (pubsub, mut ended) = node();
    drop(pubsub);
    assert!(has_ended(&mut ended, 2 * STOP_PATIENCE).await);
}
