//! Bytes that are not a message of a node.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cluster::Cluster;

/// The number of garbage messages, and the length of the longest in bytes.
const MESSAGES: usize = 1000;
const LONGEST: usize = 64 * 1024;
/// The longest wait until the other side has read one connection.
const READ: Duration = Duration::from_secs(10);

/// Fails unless the first node has logged the garbage. zenoh drops garbage from a link and logs
/// nothing, because everyone who reaches its port could fill the disk.
pub(super) fn is_logged(cluster: &Cluster) -> Result<()> {
    let node = &cluster.nodes[0];
    anyhow::ensure!(
        cluster.broker.is_none()
            || node
                .log()
                .contains("dropped what is not a message of a node"),
        "garbage is not logged{}",
        node.log_tail()
    );
    Ok(())
}

/// Sends garbage to where the first node receives messages from other nodes. Returns the number of
/// bytes.
pub(super) async fn send(cluster: &Cluster) -> Result<usize> {
    match &cluster.broker {
        Some(broker) => publish(broker.address()).await,
        None => raw(link(cluster)?).await,
    }
}

/// Returns the address at which the first node accepts links.
pub(super) fn link(cluster: &Cluster) -> Result<SocketAddr> {
    let mut environment = cluster.nodes[0].plan.environment.iter();
    let listen = environment.find(|(name, _)| name == "LISTEN");
    let (_, address) = listen.context("nodes of zenoh listen")?;
    Ok(address.parse()?)
}

/// Sends garbage straight to the node. Every second message begins with its true length, as
/// zenoh's messages do.
async fn raw(node: SocketAddr) -> Result<usize> {
    let mut sent = 0;
    for number in 0..MESSAGES / 5 {
        let mut bytes = random(fastrand::usize(1..LONGEST));
        if number % 2 == 0 && bytes.len() > 2 {
            let length = (bytes.len() - 2) as u16;
            bytes[..2].copy_from_slice(&length.to_le_bytes());
        }
        sent += bytes.len();
        let mut stream = TcpStream::connect(node).await?;
        // The node may close the connection at any time.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let _ = timeout(READ, stream.read_to_end(&mut rest)).await;
    }
    Ok(sent)
}

/// Sends garbage through the broker, to the subject of the node `a`.
async fn publish(broker: SocketAddr) -> Result<usize> {
    let mut stream = TcpStream::connect(broker).await?;
    let nats = broker_says_hello(&mut stream).await;
    let mut sent = 0;
    if nats {
        stream.write_all(b"CONNECT {\"verbose\":false}\r\n").await?;
    }
    for _ in 0..MESSAGES {
        let bytes = random(fastrand::usize(1..LONGEST));
        let head = match nats {
            true => format!("PUB presence.n.61 {}\r\n", bytes.len()),
            false => format!(
                "*3\r\n$7\r\nPUBLISH\r\n$13\r\npresence:n:61\r\n${}\r\n",
                bytes.len()
            ),
        };
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&bytes).await?;
        stream.write_all(b"\r\n").await?;
        sent += bytes.len();
    }
    // The broker has received everything once it replies to the last command.
    stream.write_all(b"PING\r\n").await?;
    let mut answer = Vec::new();
    while !answer.windows(4).any(|four| four == b"PONG") {
        let read = timeout(READ, stream.read_buf(&mut answer)).await?;
        anyhow::ensure!(read? > 0, "the broker closed the connection");
    }
    Ok(sent)
}

/// Returns whether the broker sends first: NATS does, Redis does not.
async fn broker_says_hello(stream: &mut TcpStream) -> bool {
    let mut hello = [0; 4096];
    let wait = Duration::from_millis(500);
    timeout(wait, stream.read(&mut hello)).await.is_ok()
}

fn random(length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..))
        .take(length)
        .collect()
}
