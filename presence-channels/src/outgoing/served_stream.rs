//! The TCP stream under a connection of [`serve`](crate::serve()). It notes for how long the client
//! takes nothing of what is written to it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
#[cfg(feature = "http2")]
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    time::Instant,
};

/// A TCP stream with `TCP_NODELAY`, and the [`Stall`] of its writes.
pub(crate) struct ServedStream {
    stream: TcpStream,
    /// Set from a write that had to wait until the next one that did not.
    is_stalled: bool,
    stall: Arc<Stall>,
}

/// The state of a stream's writes.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    state: Mutex<StallState>,
    began: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct StallState {
    /// The time of the first write that had to wait, since the client last took something.
    since: Option<Instant>,
    /// The end of the last stall.
    ended: Option<Instant>,
}

impl Stall {
    /// Returns the time from which on the client has taken nothing, while bytes wait for it.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.state.lock().since
    }

    /// Returns the end of the last stall.
    pub(crate) fn ended(&self) -> Option<Instant> {
        self.state.lock().ended
    }

    /// Waits for the beginning of a stall.
    pub(crate) async fn begins(&self) {
        self.began.notified().await;
    }

    fn begin(&self) {
        self.state.lock().since = Some(Instant::now());
        self.began.notify_one();
    }

    fn end(&self) {
        *self.state.lock() = StallState {
            since: None,
            ended: Some(Instant::now()),
        };
    }
}

impl ServedStream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        set_nodelay(&stream);
        Self {
            stream,
            is_stalled: false,
            stall: Arc::default(),
        }
    }

    pub(crate) fn stall(&self) -> &Arc<Stall> {
        &self.stall
    }

    /// Takes the TCP stream, which has `TCP_NODELAY`, over from the HTTP server, with what that has
    /// read beyond the handshake. Returns an error if the stream is of another type.
    pub(crate) fn take_over(upgraded: Upgraded) -> Result<(TcpStream, Bytes), Upgraded> {
        #[cfg(not(feature = "http2"))]
        let parts = upgraded.downcast::<TokioIo<Self>>()?;
        #[cfg(feature = "http2")]
        let parts = auto::upgrade::downcast::<TokioIo<Self>>(upgraded)?;
        Ok((parts.io.into_inner().stream, parts.read_buf))
    }

    /// Notes the beginning or the end of a stall. Returns the result of the write of `bytes`.
    fn note(
        &mut self,
        mut written: Poll<io::Result<usize>>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() && self.is_stalled {
            written = probe(&self.stream, bytes);
        }
        match &written {
            Poll::Pending if !self.is_stalled => self.stall.begin(),
            Poll::Ready(_) if self.is_stalled => self.stall.end(),
            _ => {}
        }
        self.is_stalled = written.is_pending();
        written
    }
}

/// Writes into what the client has left free of the socket's buffer. The system reports only a
/// third of the buffer as free, which may be a megabyte: much for a client on a slow link.
pub(super) fn probe(stream: &TcpStream, bytes: &[u8]) -> Poll<io::Result<usize>> {
    match SockRef::from(stream).send(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        written => Poll::Ready(written),
    }
}

/// Has each write leave at once. With Nagle's algorithm it would wait until the client has
/// acknowledged the one before, and a client delays that by 40 ms.
pub(super) fn set_nodelay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        // The peer has gone away already. The next read shows that, too.
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
}

impl AsyncRead for ServedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ServedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.note(written, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
