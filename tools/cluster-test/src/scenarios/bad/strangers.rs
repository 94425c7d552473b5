//! Nodes of zenoh over TLS, and strangers without a certificate of the cluster.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::ports::free_port;

use super::garbage::link;
use crate::PATIENCE;
use crate::bounded::until;
use crate::cluster::{Cluster, Setup};
use crate::node::NodeProcess;
use crate::view::KeyCounts;

/// The certificates of the engine's own tests.
const CERTIFICATES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../presence-core/tests/certificates"
);

/// Lets one stranger after another try to link to two nodes of a cluster. No node may ever see it.
pub(super) async fn knock(setup: &Setup) -> Result<()> {
    let own = tls("authority.pem", "node");
    let mut cluster = Cluster::start(setup, 2, own).await?;
    // The last column is what the node logs. No name contains a word of it.
    let strangers = [
        (
            "of-another-authority",
            tls("other-authority.pem", "stranger"),
            "UnknownCA",
        ),
        (
            "self-made",
            tls("authority.pem", "stranger"),
            "UnknownIssuer",
        ),
        ("without-certificates", Vec::new(), "InvalidContentType"),
    ];
    for (name, tls, refusal) in strangers {
        // The log also contains the strangers before.
        let said_before = cluster.nodes[0].log().len();
        let mut plan = cluster.nodes[0].plan.clone();
        plan.environment
            .retain(|(name, _)| !name.starts_with("TLS_"));
        plan.environment.extend(tls);
        plan.name = name.to_owned();
        plan.log = plan.log.with_file_name(format!("{name}.log"));
        let _ = std::fs::remove_file(&plan.log);
        plan.address.set_port(free_port()?);
        let listen = format!("127.0.0.1:{}", free_port()?);
        plan.environment.push(("LISTEN".to_owned(), listen));
        // The list does not contain the stranger itself, so that the stranger connects.
        let node = link(&cluster)?.to_string();
        plan.environment.push(("PEERS".to_owned(), node.clone()));
        let mut stranger = NodeProcess::spawn(plan)?;
        stranger.ready().await?;
        // The stranger has more time to link than this node, which succeeds.
        cluster.nodes[1].stop().await?;
        cluster.nodes[1].restart().await?;
        cluster
            .agree(&KeyCounts::new(), Duration::from_secs(30))
            .await?;
        let complaint = format!("cannot link to the node at {node}");
        says(&stranger, 0, &complaint).await?;
        says(&cluster.nodes[0], said_before, refusal).await?;
        for node in &cluster.nodes {
            let seen = node.view().await?.state_of(name).map(str::to_owned);
            ensure!(seen.is_none(), "{} sees a stranger: {seen:?}", node.name());
            let other = stranger
                .view()
                .await?
                .state_of(node.name())
                .map(str::to_owned);
            ensure!(other.is_none(), "{name} sees {}: {other:?}", node.name());
        }
    }
    cluster.nobody_panicked()
}

/// Waits until the log contains these words after its first `before` bytes.
async fn says(node: &NodeProcess, before: usize, words: &str) -> Result<()> {
    let what = format!("{} to say {words:?}", node.name());
    let said = until(PATIENCE, &what, async || {
        Ok(node
            .log()
            .get(before..)
            .is_some_and(|new| new.contains(words)))
    });
    said.await.with_context(|| node.log_tail())
}

fn tls(authority: &str, own: &str) -> Vec<(String, String)> {
    let file = |name: String| Path::new(CERTIFICATES).join(name).display().to_string();
    vec![
        ("TLS_CA".to_owned(), file(authority.to_owned())),
        ("TLS_CERTIFICATE".to_owned(), file(format!("{own}.pem"))),
        ("TLS_KEY".to_owned(), file(format!("{own}.key"))),
    ]
}
