//! The connection to the peer of a WebSocket.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::queue::TakenFrames;
use crate::outgoing::stream::Stream;

/// The most frames of one gathered write.
const GATHERED: usize = 32;

#[derive(Default)]
pub(crate) struct Peer {
    /// `None` during the handshake, and for a client that polls.
    pub(super) stream: Option<Stream>,
    /// The socket's task, which goes on where a write would have blocked.
    pub(super) waker: Option<Waker>,
}

impl Peer {
    /// Returns whether frames can go: the handshake is done, and the socket's task has begun.
    pub(super) fn is_ready(&self) -> bool {
        self.stream.is_some() && self.waker.is_some()
    }

    /// Writes until nothing is left, or the peer takes no more.
    pub(super) fn write(&mut self, frames: &mut TakenFrames) -> Poll<io::Result<()>> {
        let (Some(stream), Some(waker)) = (&mut self.stream, &self.waker) else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(waker);
        let mut stream = Pin::new(stream);
        while !frames.is_empty() {
            let count = if let Some(bytes) = frames.only() {
                stream.as_mut().poll_write(&mut cx, bytes)
            } else {
                let mut slices = [IoSlice::new(&[]); GATHERED];
                let filled = frames.gather(&mut slices);
                stream
                    .as_mut()
                    .poll_write_vectored(&mut cx, &slices[..filled])
            };
            match ready!(count) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => frames.advance(count),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // TLS and the like keep bytes back until they are flushed.
        stream.poll_flush(&mut cx)
    }

    /// Writes to a peer that took no more. Of a socket's buffer the system reports no part as free
    /// until a third is, which may be more than a client on a slow link reads in
    /// [`slow_reader_timeout`](crate::Limits::slow_reader_timeout). Never ready with success: the
    /// write before has left the waker that the system wakes.
    pub(super) fn probe(&mut self, frames: &mut TakenFrames) -> Poll<io::Result<()>> {
        let Some(stream) = &self.stream else {
            return Poll::Pending;
        };
        while !frames.is_empty() {
            let mut slices = [IoSlice::new(&[])];
            frames.gather(&mut slices);
            match ready!(stream.probe(&slices[0])) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => frames.advance(count),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    }

    /// Reads what the peer sent. No bytes are the end.
    pub(crate) fn poll_read<'a>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &'a mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<ReadBuf<'a>>> {
        let mut buffer = ReadBuf::uninit(buffer);
        match &mut self.stream {
            Some(stream) => Pin::new(stream)
                .poll_read(cx, &mut buffer)
                .map_ok(|()| buffer),
            None => Poll::Pending,
        }
    }

    /// As [`poll_read`](Self::poll_read), into a place of unknown size. Returns the number of
    /// bytes.
    pub(crate) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        mut place: impl BufMut + Send,
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Some(stream) => pin!(stream.read_buf(&mut place)).poll(cx),
            None => Poll::Pending,
        }
    }

    /// Says that no more is written. The peer then closes its side.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
