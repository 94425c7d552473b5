//! The body of a response, and the parts of it that are under way to the client.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use bytes::Buf;
use http::Version;
use hyper::body::{Frame, SizeHint};

use super::requests::{PartUnderWay, UnderWay};

/// The body of a response. Its request is under way until it is sent.
pub(super) struct ResponseBody {
    body: Body,
    under_way: Arc<UnderWay>,
    version: Version,
}

/// A part of a body. Over HTTP/2 it counts as under way until the client has taken it, because its
/// window may be closed while the connection takes writes.
pub(super) struct ResponsePart {
    bytes: Bytes,
    under_way: Option<PartUnderWay>,
}

impl ResponseBody {
    pub(super) fn new(body: Body, under_way: UnderWay, version: Version) -> Self {
        Self {
            body,
            under_way: Arc::new(under_way),
            version,
        }
    }

    fn part(&self, bytes: Bytes) -> ResponsePart {
        let is_counted = self.version == Version::HTTP_2;
        ResponsePart {
            under_way: is_counted.then(|| PartUnderWay::begin(self.under_way.clone())),
            bytes,
        }
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = ResponsePart;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<ResponsePart>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map_ok(|frame| frame.map_data(|bytes| self.part(bytes)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Buf for ResponsePart {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(part) = &self.under_way {
            part.moves();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use hyper::body::Body as _;
    use tokio::time::Instant;

    use super::*;
    use crate::serve::{
        Timeouts,
        requests::{Requests, Silence},
    };

    const TIMEOUTS: Timeouts = Timeouts {
        head: Duration::from_secs(20),
        keep_alive: Duration::from_secs(75),
        body: Duration::from_secs(20),
        write: Duration::from_secs(60),
    };

    /// Returns a response's body and its only part.
    async fn respond(requests: &Arc<Requests>, version: Version) -> (ResponseBody, ResponsePart) {
        let mut body = ResponseBody::new(Body::from("hello"), requests.begin(), version);
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let part = frame.unwrap().unwrap().into_data().ok().unwrap();
        (body, part)
    }

    async fn ends_after(requests: &Requests) -> (Silence, u64) {
        let begun = Instant::now();
        let silence = requests.silence().await;
        (silence, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_of_a_response_by_http_2_has_the_write_timeout() {
        let requests = Requests::new(TIMEOUTS, Arc::default());
        let (body, mut part) = respond(&requests, Version::HTTP_2).await;
        tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(50)).await;
                part.advance(1);
            }
            // Others that are dropped, because their client has reset them, change nothing.
            tokio::time::sleep(Duration::from_secs(50)).await;
            drop(body);
            std::future::pending::<()>().await;
            drop(part);
        });
        let (_, other) = respond(&requests, Version::HTTP_2).await;
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(230)).await;
            drop(other);
        });
        assert_eq!(ends_after(&requests).await, (Silence::Write, 260));
    }

    /// Its body is dropped when the last part is made.
    #[tokio::test(start_paused = true)]
    async fn a_request_is_under_way_until_its_last_part_is_taken() {
        let requests = Requests::new(TIMEOUTS, Arc::default());
        let (body, part) = respond(&requests, Version::HTTP_2).await;
        drop(body);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(40)).await;
            drop(part);
        });
        assert_eq!(ends_after(&requests).await, (Silence::KeepAlive, 115));
    }

    /// The system's socket tells whether a client of HTTP/1.1 takes a response.
    #[tokio::test(start_paused = true)]
    async fn a_part_by_http_1_may_take_long() {
        let requests = Requests::new(TIMEOUTS, Arc::default());
        let (_body, _part) = respond(&requests, Version::HTTP_11).await;
        let hour = Duration::from_secs(60 * 60);
        let silence = tokio::time::timeout(hour, requests.silence()).await;
        assert!(silence.is_err(), "{silence:?}");
    }
}
