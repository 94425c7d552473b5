//! One direction of one connection of a link.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::sleep_until;

use super::bucket::Bucket;

/// The most that is read at once. Connections take turns after each chunk.
const CHUNK: usize = 8 * 1024;
/// The bytes that may wait for a receiver that does not read, beside those on their way.
const WAITING: usize = 32 * 1024;

/// Bytes on their way, and the time at which they arrive.
struct Sent {
    arrives: Instant,
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// Moves bytes from one socket to another until the first ends, and then closes the second.
pub(super) async fn pump(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    bucket: &Bucket,
    delay: Duration,
    parted: watch::Receiver<bool>,
) -> io::Result<()> {
    let (line, arriving) = mpsc::unbounded_channel();
    tokio::try_join!(
        send(from, line, bucket, delay, parted.clone()),
        arrive(to, arriving, bucket, parted),
    )?;
    Ok(())
}

async fn send(
    mut from: OwnedReadHalf,
    line: mpsc::UnboundedSender<Sent>,
    bucket: &Bucket,
    delay: Duration,
    mut parted: watch::Receiver<bool>,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(bucket.in_flight(delay) + WAITING + CHUNK));
    let mut buffer = vec![0; CHUNK];
    loop {
        let permit = Arc::clone(&room).acquire_many_owned(CHUNK as u32).await;
        let mut permit = permit.map_err(io::Error::other)?;
        whole(&mut parted).await?;
        // After an error, too, what was sent before arrives: a node that ends with unread bytes
        // resets its connection.
        let count = from.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return Ok(());
        }
        drop(permit.split(CHUNK - count));
        bucket.send(count).await;
        let sent = Sent {
            arrives: Instant::now() + delay,
            bytes: buffer[..count].to_vec(),
            _room: permit,
        };
        line.send(sent).map_err(io::Error::other)?;
    }
}

async fn arrive(
    mut to: OwnedWriteHalf,
    mut line: mpsc::UnboundedReceiver<Sent>,
    bucket: &Bucket,
    mut parted: watch::Receiver<bool>,
) -> io::Result<()> {
    while let Some(sent) = line.recv().await {
        sleep_until(sent.arrives.into()).await;
        whole(&mut parted).await?;
        bucket.count(sent.bytes.len());
        let written = to.write_all(&sent.bytes).await;
        // The receiver has closed the connection.
        written.inspect_err(|_| bucket.uncount(sent.bytes.len()))?;
    }
    to.shutdown().await
}

/// Waits until the link is not parted. Returns an error if the link has ended.
async fn whole(parted: &mut watch::Receiver<bool>) -> io::Result<()> {
    let waited = parted.wait_for(|parted| !parted).await;
    waited.map(drop).map_err(io::Error::other)
}
