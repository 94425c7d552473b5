//! A link of a node with a bandwidth and a delay: a relay of TCP connections, which needs no root.
//!
//! All connections of a node pass through one `Link`, so they share its bandwidth. Each direction
//! has a token bucket, and behind it a line that delays each chunk by half the round trip. A chunk
//! is read only once the bucket has room for it, so a sender that is too fast fills its own socket
//! buffers, as it does before a slow network.

mod bucket;
mod pump;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};

use self::bucket::Bucket;
use self::pump::pump;

/// The size asked of the kernel for each socket buffer. Linux allocates twice as much: 64 KiB.
const SOCKET_BUFFER: u32 = 32 * 1024;
/// The largest segment, in bytes, as on Ethernet. The loopback device's own is as large as the
/// buffers: a sender then waits for a whole free buffer, and only the kernel's probes, which come
/// ever more rarely, tell it that there is one. That looks like a link that stands still.
const SEGMENT: u32 = 1448;
/// The connections that may wait to be accepted.
const BACKLOG: u32 = 128;

/// The bandwidth and the delay of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    /// Megabits per second in each direction. `None` sets no limit.
    pub(crate) mbit: Option<u32>,
    pub(crate) round_trip: Duration,
}

impl Quality {
    /// Returns the bandwidth in bytes per second, or `None` without a limit.
    pub(crate) fn bytes_per_second(&self) -> Option<f64> {
        self.mbit.map(|mbit| f64::from(mbit) * 1e6 / 8.0)
    }
}

/// The end of a link at which a connection begins.
#[derive(Clone, Copy, Debug)]
enum From {
    /// The node connects to the network.
    Node,
    /// The network connects to the node.
    Network,
}

/// A way through the link: where it is entered, and where it leads.
struct Way {
    listener: std::net::TcpListener,
    target: SocketAddr,
    from: From,
}

/// The link of one node. Dropping it closes all its connections.
pub(crate) struct Link {
    shared: Arc<Shared>,
    ways: mpsc::UnboundedSender<Way>,
    parted: watch::Sender<bool>,
}

struct Shared {
    down: Bucket,
    up: Bucket,
    delay: Duration,
    /// The time at which the first connection of the node was accepted.
    first: OnceLock<Instant>,
}

impl Link {
    /// Starts a link on a thread of its own, so that other work of this program does not delay it.
    pub(crate) async fn start(quality: Quality) -> Result<Self> {
        let rate = quality.bytes_per_second();
        let shared = Arc::new(Shared {
            down: Bucket::new(rate),
            up: Bucket::new(rate),
            delay: quality.round_trip / 2,
            first: OnceLock::new(),
        });
        let (ways, asked) = mpsc::unbounded_channel();
        let (parted, whole) = watch::channel(false);
        let (running, started) = oneshot::channel();
        let relayed = Arc::clone(&shared);
        thread::spawn(move || {
            let built = runtime::Builder::new_current_thread().enable_all().build();
            match built {
                Ok(runtime) => {
                    // An error means that the caller no longer waits.
                    let _ = running.send(Ok(()));
                    runtime.block_on(relay(relayed, asked, whole));
                }
                Err(error) => drop(running.send(Err(error))),
            }
        });
        started
            .await
            .context("the thread of a link panicked")?
            .context("a link has no runtime")?;
        Ok(Self {
            shared,
            ways,
            parted,
        })
    }

    /// Returns an address at which the node reaches `target` through this link.
    pub(crate) fn way_out(&self, target: SocketAddr) -> Result<SocketAddr> {
        self.way(target, From::Node)
    }

    /// Returns an address at which others reach the node, which listens on `target`, through this
    /// link.
    pub(crate) fn way_in(&self, target: SocketAddr) -> Result<SocketAddr> {
        self.way(target, From::Network)
    }

    fn way(&self, target: SocketAddr, from: From) -> Result<SocketAddr> {
        let listener = listen().context("a link cannot listen")?;
        let address = listener.local_addr()?;
        let way = Way {
            listener,
            target,
            from,
        };
        self.ways.send(way).ok().context("the link has ended")?;
        Ok(address)
    }

    /// Parts the node from the network, or ends that. Connections stay open meanwhile, and carry
    /// nothing.
    pub(crate) fn part(&self, parted: bool) {
        // An error means that the relay has ended.
        let _ = self.parted.send(parted);
    }

    /// Returns the bytes that the link has delivered to the node so far.
    pub(crate) fn bytes_down(&self) -> u64 {
        self.shared.down.delivered()
    }

    /// Returns the bytes that the link has delivered from the node so far.
    pub(crate) fn bytes_up(&self) -> u64 {
        self.shared.up.delivered()
    }

    /// Returns the time of the node's first connection.
    pub(crate) fn first_connection(&self) -> Option<Instant> {
        self.shared.first.get().copied()
    }
}

/// Binds a socket whose connections inherit small buffers and segments.
fn listen() -> std::io::Result<std::net::TcpListener> {
    let socket = TcpSocket::new_v4()?;
    like_a_network(&socket)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(BACKLOG)?.into_std()
}

fn like_a_network(socket: &TcpSocket) -> std::io::Result<()> {
    SockRef::from(socket).set_tcp_mss(SEGMENT)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)
}

/// Accepts connections on each way, until the link is dropped.
async fn relay(
    shared: Arc<Shared>,
    mut ways: mpsc::UnboundedReceiver<Way>,
    parted: watch::Receiver<bool>,
) {
    while let Some(way) = ways.recv().await {
        tokio::spawn(accept(Arc::clone(&shared), way, parted.clone()));
    }
}

async fn accept(shared: Arc<Shared>, way: Way, parted: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(way.listener) {
        Ok(listener) => listener,
        Err(error) => return eprintln!("error: a link cannot listen: {error}"),
    };
    loop {
        // An error concerns the connection only.
        let Ok((accepted, _)) = listener.accept().await else {
            continue;
        };
        if matches!(way.from, From::Node) {
            shared.first.get_or_init(Instant::now);
        }
        let (shared, parted) = (Arc::clone(&shared), parted.clone());
        // An error means that an end has closed the connection. The other end is closed, too.
        tokio::spawn(async move { carry(&shared, accepted, way.target, way.from, parted).await });
    }
}

/// Carries one connection until both directions have ended, or one has failed.
async fn carry(
    shared: &Shared,
    accepted: TcpStream,
    target: SocketAddr,
    from: From,
    mut parted: watch::Receiver<bool>,
) -> std::io::Result<()> {
    accepted.set_nodelay(true)?;
    if parted.wait_for(|parted| !parted).await.is_err() {
        return Ok(());
    }
    let socket = TcpSocket::new_v4()?;
    like_a_network(&socket)?;
    let connected = socket.connect(target).await?;
    connected.set_nodelay(true)?;
    let (from_accepted, to_accepted) = accepted.into_split();
    let (from_connected, to_connected) = connected.into_split();
    let (forth, back) = match from {
        From::Node => (&shared.up, &shared.down),
        From::Network => (&shared.down, &shared.up),
    };
    // An error in one direction leaves what is on its way in the other.
    let (forth, back) = tokio::join!(
        pump(
            from_accepted,
            to_connected,
            forth,
            shared.delay,
            parted.clone()
        ),
        pump(from_connected, to_accepted, back, shared.delay, parted),
    );
    forth.and(back)
}

#[cfg(test)]
mod tests;
