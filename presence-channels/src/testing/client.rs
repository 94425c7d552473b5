//! The wire of a client without a network: it encodes messages, and hands them to the connection.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::pubsub::{IntoPayload, Payload};

use super::inbox::TestInbox;
use crate::{Endpoint, outgoing::Outbox, serializer::Data, socket::AnyConnection};

pub(super) struct Client {
    /// `None` once the client has closed.
    pub(super) connection: Arc<Mutex<Option<Box<dyn AnyConnection>>>>,
    pub(super) inbox: TestInbox,
    pub(super) endpoint: Endpoint,
    next_ref: AtomicU64,
}

impl Client {
    pub(super) fn new(
        endpoint: &Endpoint,
        outbox: Arc<Outbox>,
        connection: Box<dyn AnyConnection>,
    ) -> Self {
        let connection = Arc::new(Mutex::new(Some(connection)));
        let closed = Arc::downgrade(&connection);
        Self {
            connection,
            inbox: TestInbox::collect(endpoint, outbox, move || {
                // The server has closed, and its channels go.
                if let Some(connection) = closed.upgrade() {
                    drop(connection.lock().take());
                }
            }),
            endpoint: endpoint.clone(),
            next_ref: AtomicU64::new(1),
        }
    }

    pub(super) fn disconnect(&self) {
        let connection = self.connection.lock().take();
        drop(connection);
        self.inbox.close();
    }

    pub(super) fn next_ref(&self) -> String {
        self.next_ref.fetch_add(1, Ordering::Relaxed).to_string()
    }

    pub(super) async fn send(
        &self,
        join_ref: &str,
        reference: &str,
        topic: &str,
        event: &str,
        payload: impl IntoPayload,
    ) {
        let payload = payload
            .into_payload()
            .unwrap_or_else(|error| panic!("{error}"));
        let data = match payload {
            Payload::Json(text) => {
                let payload: &serde_json::value::RawValue =
                    serde_json::from_slice(&text).expect("a JSON payload holds JSON");
                let join_ref = (!join_ref.is_empty()).then_some(join_ref);
                let frame = serde_json::to_string(&(join_ref, reference, topic, event, payload));
                Data::Text(frame.expect("strings and JSON have a JSON form").into())
            }
            Payload::Binary(data) => {
                let names = [join_ref, reference, topic, event];
                let mut frame = vec![0];
                frame.extend(names.iter().map(|name| {
                    u8::try_from(name.len()).expect("a binary message's names are of 255 bytes")
                }));
                names
                    .iter()
                    .for_each(|name| frame.extend_from_slice(name.as_bytes()));
                frame.extend_from_slice(&data);
                Data::Binary(Bytes::from(frame))
            }
        };
        let mut data = Some(data);
        poll_fn(|cx| {
            if let (Some(connection), Some(data)) = (&mut *self.connection.lock(), data.take()) {
                let received = connection.receive(data, cx);
                received.expect("the test kit sends well-formed frames");
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.disconnect();
    }
}
