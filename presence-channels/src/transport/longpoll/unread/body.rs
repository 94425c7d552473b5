//! The body of an answer, which counts as unread until its bytes are dropped.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::{Unread, UnreadAnswer};

/// The bytes that a server takes at once. Each part that is taken shows that the client reads.
const PART: usize = 64 * 1024;

/// A body in parts.
struct AnswerBody {
    rest: Bytes,
    unread: Arc<Unread>,
}

/// The memory of a body. Servers keep parts of it after the body has ended.
struct AnswerBytes {
    json: Box<[u8]>,
    _answer: UnreadAnswer,
}

impl AsRef<[u8]> for AnswerBytes {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

impl UnreadAnswer {
    /// Returns a body of these bytes, which count as unread until all of them are dropped.
    pub(in crate::transport::longpoll) fn into_body(self, json: Vec<u8>) -> Body {
        let json = json.into_boxed_slice();
        self.recount(json.len());
        let unread = self.unread.clone();
        let bytes = AnswerBytes {
            json,
            _answer: self,
        };
        Body::new(AnswerBody {
            rest: Bytes::from_owner(bytes),
            unread,
        })
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PART);
        let part = self.rest.split_to(length);
        if self.rest.is_empty() {
            // An empty rest must not keep the memory.
            self.rest = Bytes::new();
        }
        self.unread.moves();
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
