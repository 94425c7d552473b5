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

use super::served_stream::{ServedStream, probe, set_nodelay};

/// TCP where the server is plain, because it costs no call by a table then; else whatever the
/// server serves, such as TLS.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Other(TokioIo<Upgraded>),
    #[cfg(all(test, shuttle))]
    Model(super::model::ModelStream),
}

impl Stream {
    /// Takes the connection over from the HTTP server, with what it has read beyond the handshake.
    ///
    /// A frame must leave at once, so the stream has `TCP_NODELAY` then. [`serve`](crate::serve())
    /// has set it already. Other servers may not have.
    pub(crate) fn take_over(upgraded: Upgraded) -> (Self, Bytes) {
        let (stream, unread) = match ServedStream::take_over(upgraded) {
            Ok(parts) => parts,
            Err(upgraded) => {
                let (stream, unread) = match of_another_server(upgraded) {
                    Ok(parts) => parts,
                    Err(upgraded) => return (Self::Other(TokioIo::new(upgraded)), Bytes::new()),
                };
                set_nodelay(&stream);
                (stream, unread)
            }
        };
        // Even when it is empty, it keeps the buffer of the HTTP server.
        (Self::Tcp(stream), Bytes::copy_from_slice(&unread))
    }

    /// Writes into what is free of a TCP socket's buffer, though the system does not report it yet.
    /// Other streams have a buffer of their own, and take nothing.
    pub(super) fn probe(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => probe(stream, bytes),
            _ => Poll::Pending,
        }
    }
}

/// Returns the TCP stream of another server than [`serve`](crate::serve()), such as that of axum.
fn of_another_server(upgraded: Upgraded) -> Result<(TcpStream, Bytes), Upgraded> {
    match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
            Ok((parts.io.into_inner(), parts.read_buf))
        }
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
