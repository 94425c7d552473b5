use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

/// Returns a link, and both ends of a connection that the node has opened through it.
async fn connected(quality: Quality) -> (Link, TcpStream, TcpStream) {
    let network = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let link = Link::start(quality).await.unwrap();
    let way = link.way_out(network.local_addr().unwrap()).unwrap();
    let node = TcpStream::connect(way).await.unwrap();
    let (network, _) = network.accept().await.unwrap();
    (link, node, network)
}

/// Sends `count` bytes, and returns the time until all have arrived.
async fn carry_bytes(from: &mut TcpStream, to: &mut TcpStream, count: usize) -> Duration {
    let since = Instant::now();
    let (bytes, mut arrived) = (vec![7; count], vec![0; count]);
    let (sent, received) = tokio::join!(from.write_all(&bytes), to.read_exact(&mut arrived));
    sent.unwrap();
    received.unwrap();
    assert_eq!(arrived, bytes);
    since.elapsed()
}

#[tokio::test]
async fn bytes_take_the_time_of_the_bandwidth_and_of_the_delay() {
    let quality = Quality {
        mbit: Some(8),
        round_trip: Duration::from_millis(100),
    };
    let (link, mut node, mut network) = connected(quality).await;
    // At one byte per microsecond.
    let down = carry_bytes(&mut network, &mut node, 200_000).await;
    assert!(down >= Duration::from_millis(200 + 50 - 5), "{down:?}");
    let up = carry_bytes(&mut node, &mut network, 100_000).await;
    assert!(up >= Duration::from_millis(100 + 50 - 5), "{up:?}");
    assert_eq!(link.bytes_up(), 100_000);
    assert_eq!(link.bytes_down(), 200_000);
    assert!(link.first_connection().is_some());
}

#[tokio::test]
async fn connections_share_the_bandwidth() {
    let quality = Quality {
        mbit: Some(8),
        round_trip: Duration::ZERO,
    };
    let (link, mut node, mut network) = connected(quality).await;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let way = link.way_out(other.local_addr().unwrap()).unwrap();
    let mut second = TcpStream::connect(way).await.unwrap();
    let (mut other, _) = other.accept().await.unwrap();
    // From before the first of the two begins. On a busy machine the second begins later.
    let since = Instant::now();
    tokio::join!(
        carry_bytes(&mut network, &mut node, 100_000),
        carry_bytes(&mut other, &mut second, 100_000),
    );
    let both = since.elapsed();
    assert!(both >= Duration::from_millis(195), "{both:?}");
}

#[tokio::test]
async fn a_parted_link_carries_nothing_until_it_is_whole() {
    let quality = Quality {
        mbit: None,
        round_trip: Duration::ZERO,
    };
    let (link, mut node, mut network) = connected(quality).await;
    carry_bytes(&mut network, &mut node, 10).await;
    link.part(true);
    network.write_all(b"late").await.unwrap();
    let mut arrived = [0; 4];
    let early = timeout(Duration::from_millis(100), node.read_exact(&mut arrived)).await;
    assert!(early.is_err(), "a parted link has carried {arrived:?}");
    link.part(false);
    node.read_exact(&mut arrived).await.unwrap();
    assert_eq!(&arrived, b"late");
}

#[tokio::test]
async fn the_end_of_a_connection_reaches_the_other_side() {
    let quality = Quality {
        mbit: Some(100),
        round_trip: Duration::from_millis(2),
    };
    let (link, mut node, network) = connected(quality).await;
    drop(network);
    assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
    drop(link);
}

#[tokio::test]
async fn others_reach_a_node_through_its_way_in() {
    let quality = Quality {
        mbit: Some(100),
        round_trip: Duration::from_millis(2),
    };
    let node = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let link = Link::start(quality).await.unwrap();
    let way = link.way_in(node.local_addr().unwrap()).unwrap();
    let mut network = TcpStream::connect(way).await.unwrap();
    let (mut node, _) = node.accept().await.unwrap();
    carry_bytes(&mut network, &mut node, 1000).await;
    assert_eq!((link.bytes_down(), link.bytes_up()), (1000, 0));
    assert!(link.first_connection().is_none());
}

#[tokio::test]
async fn what_was_sent_before_a_reset_arrives() {
    let quality = Quality {
        mbit: Some(100),
        round_trip: Duration::from_millis(100),
    };
    let (_link, mut node, mut network) = connected(quality).await;
    carry_bytes(&mut network, &mut node, 10).await;
    network.write_all(b"unread").await.unwrap();
    node.readable().await.unwrap();
    node.write_all(b"a last word").await.unwrap();
    // The kernel resets a connection that is closed with unread bytes.
    drop(node);
    let mut arrived = Vec::new();
    network.read_to_end(&mut arrived).await.unwrap();
    assert_eq!(arrived, b"a last word");
}
