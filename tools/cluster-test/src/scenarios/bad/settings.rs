//! Nodes that are started with impossible settings, or with odd lists of peers.

use std::time::Duration;

use anyhow::{Result, ensure};
use support::ports::free_port;

use super::garbage::link;
use crate::bounded::until;
use crate::cluster::Cluster;
use crate::node::{NodeProcess, Plan};

/// The longest wait until a node gives up.
const GIVING_UP: Duration = Duration::from_secs(30);

/// Starts one node after the other. Returns the number of nodes that failed.
pub(super) async fn try_out(cluster: &mut Cluster) -> Result<usize> {
    let mut refused = 0;
    let http = cluster.nodes[0].address().port().to_string();
    let mut cases = vec![
        (vec![("PORT", http)], "PORT"),
        (vec![("PORT", "http".to_owned())], "PORT is `http`"),
        (
            vec![("ENGINE", "pigeons".to_owned())],
            "ENGINE is `pigeons`",
        ),
        (vec![("NODE_NAME", String::new())], "NODE_NAME"),
    ];
    let nobody = format!("127.0.0.1:{}", free_port()?);
    match &cluster.broker {
        None => {
            let taken = link(cluster)?.to_string();
            cases.push((vec![("LISTEN", taken)], "cannot listen on"));
            cases.push((vec![("LISTEN", "here".to_owned())], "LISTEN"));
        }
        Some(broker) => {
            let (nats, redis) = (format!("nats://{nobody}"), format!("redis://{nobody}"));
            let wrong = vec![("NATS_URL", nats), ("REDIS_URL", redis)];
            cases.push((wrong, broker.variable()));
        }
    }
    for (settings, complaint) in cases {
        is_refused(cluster, &settings, complaint).await?;
        refused += 1;
    }
    if cluster.broker.is_none() {
        odd_list(cluster, &nobody).await?;
    }
    Ok(refused)
}

/// Waits until a node with these settings ends. Fails unless its error contains `complaint`.
async fn is_refused(cluster: &Cluster, settings: &[(&str, String)], complaint: &str) -> Result<()> {
    let mut node = NodeProcess::spawn(further(cluster, settings)?)?;
    until(
        GIVING_UP,
        &format!("a node with {settings:?} to end"),
        async || Ok(node.ended()?.is_some()),
    )
    .await?;
    let failed = node.ended()?.is_some_and(|status| !status.success());
    ensure!(
        failed && node.log().contains(complaint) && !node.log().contains("panicked"),
        "a node with {settings:?} does not fail with {complaint}{}",
        node.log_tail()
    );
    Ok(())
}

/// Starts a node whose list contains itself, a node that is not there, and nonsense. The node still
/// joins the cluster.
async fn odd_list(cluster: &mut Cluster, nobody: &str) -> Result<()> {
    let own = format!("127.0.0.1:{}", free_port()?);
    let peers = format!("{own},{nobody},nowhere,{}", link(cluster)?);
    let settings = [("LISTEN", own), ("PEERS", peers)];
    let mut node = NodeProcess::spawn(further(cluster, &settings)?)?;
    node.ready().await?;
    let name = cluster.nodes[0].name();
    until(
        GIVING_UP,
        "a node with an odd list to find the others",
        async || Ok(node.view().await?.state_of(name) == Some("up")),
    )
    .await?;
    ensure!(
        node.log().contains("nowhere"),
        "the entry that is not an address is not logged{}",
        node.log_tail()
    );
    node.stop().await
}

/// Returns a plan like that of the first node, with another name, other ports and these settings.
fn further(cluster: &Cluster, settings: &[(&str, String)]) -> Result<Plan> {
    let mut plan = cluster.nodes[0].plan.clone();
    plan.name = "further".to_owned();
    plan.log = plan.log.with_file_name("further.log");
    // The log of the node before.
    let _ = std::fs::remove_file(&plan.log);
    plan.address.set_port(free_port()?);
    let listen = format!("127.0.0.1:{}", free_port()?);
    plan.environment.push(("LISTEN".to_owned(), listen));
    let settings = settings.iter();
    plan.environment
        .extend(settings.map(|(name, value)| ((*name).to_owned(), value.clone())));
    Ok(plan)
}
