//! Writes frames to a connection.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use tokio::io::AsyncWrite;

use super::queue::TakenFrames;
use crate::transport::stream::Stream;

/// The most frames of one gathered write.
const GATHERED: usize = 32;

#[derive(Default)]
pub(super) struct Writer {
    /// `None` during the handshake, and for a client that polls.
    pub(super) stream: Option<Stream>,
    /// The socket's task, which goes on where a write would have blocked.
    pub(super) waker: Option<Waker>,
}

impl Writer {
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
}
