use std::{net::SocketAddr, sync::Arc};

use presence_channels::{Config, Endpoint, Limits, SocketOptions, StartError, Tracker};
use tokio::net::{TcpListener, TcpSocket};

use crate::{Presence, Probe, SampleApp};

/// The size of a connection's buffers, in bytes, as the system is asked for it. Linux holds twice
/// that.
pub const SYSTEM_BUFFER: u32 = 64 * 1024;

/// A [`SampleApp`] with one socket at `/socket`, on a free TCP port.
pub struct Server {
    /// The address that the server listens on.
    pub address: SocketAddr,
    /// The app's endpoint.
    pub endpoint: Endpoint,
    /// The presence of the lobbies.
    pub presence: Tracker<Presence>,
    /// The probe of the channels.
    pub probe: Arc<Probe>,
}

impl Server {
    /// Starts a server with the default options.
    ///
    /// # Panics
    /// If the server cannot start, as all of these but [`try_start`](Self::try_start).
    pub async fn start() -> Self {
        Self::start_with(SocketOptions::default()).await
    }

    /// Starts a server with the default limits as `change` returns them.
    pub async fn start_limited(change: impl FnOnce(Limits) -> Limits) -> Self {
        let limits = change(Limits::default());
        Self::start_with(SocketOptions::default().limits(limits)).await
    }

    /// Starts a server with these options of its socket.
    pub async fn start_with(options: SocketOptions) -> Self {
        Self::start_configured(options, Config::default()).await
    }

    /// Starts a server with these options of its socket and of its endpoint.
    pub async fn start_configured(options: SocketOptions, config: Config) -> Self {
        let started = Self::try_start(options, config).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a server whose options may be wrong.
    ///
    /// # Errors
    /// Returns the endpoint's error if it cannot start.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn try_start(options: SocketOptions, config: Config) -> Result<Self, StartError> {
        let app = SampleApp::builder()
            .config(config)
            .mount("/socket", options)
            .start()
            .await?;
        let listener = listen();
        let address = listener.local_addr().expect("a bound listener's address");
        tokio::spawn(app.serve(listener));
        Ok(Self {
            address,
            endpoint: app.endpoint,
            presence: app.presence,
            probe: app.probe,
        })
    }
}

/// Listens on a free port. Connections have small buffers, so that a test knows how much the
/// system holds of what one side sends and the other does not read.
fn listen() -> TcpListener {
    let socket = small_socket();
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    socket.listen(128).expect("a bound port can be listened on")
}

/// Returns a socket whose buffers hold [`SYSTEM_BUFFER`] bytes.
pub(crate) fn small_socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    let sizes = socket
        .set_recv_buffer_size(SYSTEM_BUFFER)
        .and_then(|()| socket.set_send_buffer_size(SYSTEM_BUFFER));
    sizes.expect("a socket's buffers can be small");
    socket
}
