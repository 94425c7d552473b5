//! The connection under a WebSocket, after its handshake.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// TCP where the server is plain, because it costs no call by a table then; else whatever the
/// server serves, such as TLS.
pub(super) enum Stream {
    Tcp(TcpStream),
    Other(TokioIo<Upgraded>),
    #[cfg(all(test, shuttle))]
    Model(super::model::ModelStream),
}

impl Stream {
    /// Takes the connection over from the HTTP server, with what it has read beyond the handshake.
    ///
    /// A frame must leave at once. With Nagle's algorithm it waits until the client has
    /// acknowledged the one before, and a client delays that by 40 ms. So `TCP_NODELAY` is set
    /// here, whatever the server did when it accepted the connection.
    pub(super) fn take_over(upgraded: Upgraded) -> (Self, Bytes) {
        let (stream, unread) = match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => (parts.io, parts.read_buf),
            Err(upgraded) => match upgraded.downcast::<TokioIo<TcpStream>>() {
                Ok(parts) => (parts.io, parts.read_buf),
                Err(upgraded) => return (Self::Other(TokioIo::new(upgraded)), Bytes::new()),
            },
        };
        // Even when it is empty, it keeps the buffer of the HTTP server.
        let unread = Bytes::copy_from_slice(&unread);
        (Self::tcp(stream.into_inner()), unread)
    }

    fn tcp(stream: TcpStream) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        Self::Tcp(stream)
    }
}

/// Calls a method of whatever the stream is.
macro_rules! either {
    ($stream:expr, $io:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp(io) => {
                let $io = Pin::new(io);
                $call
            }
            Stream::Other(io) => {
                let $io = Pin::new(io);
                $call
            }
            #[cfg(all(test, shuttle))]
            Stream::Model(io) => {
                let $io = Pin::new(io);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write_vectored(cx, slices))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_shutdown(cx))
    }
}
