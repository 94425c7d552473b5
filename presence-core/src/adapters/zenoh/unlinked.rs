//! The search for the reason why a listed node is not linked, for the log.

use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{net::TcpStream, time::timeout};

use super::{ZenohOptions, config};

/// The longest that an attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Logs once, for each listed node that cannot be linked, the reason.
///
/// zenoh tries for ever without a log line, and does not show to which of the listed nodes its
/// links lead. So when links have been missing for a while, a session of its own connects to each
/// listed node, and ends at once.
#[derive(Debug, Default)]
pub(super) struct Unlinked {
    /// The number of looks in a row at which links were missing.
    looks: u32,
    /// The nodes that were logged since all were linked.
    told: Arc<Mutex<HashSet<String>>>,
}

impl Unlinked {
    /// Compares the number of links with the nodes that this node connects to or waits for. The log
    /// line comes some time later.
    pub(super) fn look(&mut self, others: Vec<String>, links: usize, options: &ZenohOptions) {
        if links >= others.len() {
            self.looks = 0;
            self.told.lock().clear();
            return;
        }
        self.looks = self.looks.saturating_add(1);
        // At the second look, the fourth, the eighth: a node that is away for long is tried rarely.
        if self.looks < 2 || !self.looks.is_power_of_two() {
            return;
        }
        for address in others {
            if !self.told.lock().contains(&address) {
                let (options, told) = (options.clone(), self.told.clone());
                tokio::spawn(async move {
                    if let Err(reason) = try_link(&options, &address).await {
                        tracing::warn!("cannot link to the node at {address}: {reason}");
                        told.lock().insert(address);
                    }
                });
            }
        }
    }
}

/// Connects to the node and closes the connection. An error says what an operator can do.
async fn try_link(options: &ZenohOptions, address: &str) -> Result<(), String> {
    let late = || format!("no answer within {} s", PATIENCE.as_secs());
    // First without zenoh, whose errors tell a node that is not there from one that refuses only in
    // their text.
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(format!("it cannot be reached: {error}")),
        Err(_) => return Err(late()),
    }
    let config = config::config_of_attempt(options, address).to_string();
    let config = zenoh::Config::from_json5(&config).map_err(|error| error.to_string())?;
    let of = match options.tls {
        Some(_) => "with TLS",
        None => "without TLS",
    };
    let hint =
        "this node links {}; nodes link only where all have TLS, of one authority, or none has";
    let hint = hint.replace("{}", of);
    match timeout(PATIENCE, zenoh::open(config)).await {
        Ok(Ok(session)) => {
            // A dropped session would log an error itself.
            let _ = session.close().await;
            Ok(())
        }
        Ok(Err(error)) => Err(format!("{error}; {hint}")),
        Err(_) => Err(format!("{}; {hint}", late())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PubSub,
        adapters::{Peers, Zenoh, ZenohTls},
    };

    fn tls() -> Option<ZenohTls> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/");
        let file = |name: &str| format!("{folder}{name}");
        Some(ZenohTls::new(
            file("authority.pem"),
            file("node.pem"),
            file("node.key"),
        ))
    }

    /// Returns whether these are the files of a package, which holds no certificates. Cargo adds
    /// the file to a package; a checkout does not have it.
    fn is_package() -> bool {
        let original = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml.orig");
        std::path::Path::new(original).exists()
    }

    fn options(tls: Option<ZenohTls>) -> ZenohOptions {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap();
        let peers = Peers::List(Vec::new());
        ZenohOptions::new("a", port.to_string(), peers).tls(tls)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_is_said_why_a_node_cannot_be_linked_to() {
        if is_package() {
            return;
        }
        for (theirs, others) in [(tls(), None), (None, tls())] {
            let node = options(theirs.clone());
            let address = node.listen[0].clone();
            let away = try_link(&options(theirs.clone()), &address).await;
            assert!(away.unwrap_err().contains("cannot be reached"));

            let zenoh = Zenoh::connect(node).await.unwrap();
            let _pubsub = PubSub::with_adapter(zenoh);
            assert_eq!(try_link(&options(theirs), &address).await, Ok(()));
            let refused = try_link(&options(others), &address).await.unwrap_err();
            assert!(
                refused.contains("nodes link only where all have TLS"),
                "{refused}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_is_said_once_until_all_are_linked() {
        let options = options(None);
        let nobody = options.listen.clone();
        let mut unlinked = Unlinked::default();
        unlinked.look(nobody.clone(), 0, &options);
        assert!(unlinked.told.lock().is_empty());
        unlinked.look(nobody.clone(), 0, &options);
        let end = std::time::Instant::now() + PATIENCE;
        while unlinked.told.lock().is_empty() {
            assert!(std::time::Instant::now() < end, "nothing is said");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unlinked.look(nobody, 1, &options);
        assert!(unlinked.told.lock().is_empty());
        assert_eq!(unlinked.looks, 0);
    }
}
