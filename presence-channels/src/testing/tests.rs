use serde_json::{Value, json};

use super::{TestSocket, inbox::PATIENCE};

/// Messages that the crate's own tests send and a well-behaved client does not.
impl TestSocket {
    pub(crate) async fn push_raw(
        &self,
        join_ref: &str,
        reference: &str,
        topic: &str,
        event: &str,
        payload: Value,
    ) -> super::PushRef {
        self.client
            .send(join_ref, reference, topic, event, payload)
            .await;
        super::PushRef::new(reference)
    }

    /// The next reply to `push` on `topic`, whatever it says.
    pub(crate) async fn client_reply(&self, push: &super::PushRef, topic: &str) -> Value {
        let reply = self.client.inbox.reply(push.as_str(), topic);
        let reply = tokio::time::timeout(PATIENCE, reply).await;
        reply.expect("a reply within a second").whole()
    }

    /// The reply to a message of no joined channel.
    pub(crate) async fn raw_reply(&self, push: &super::PushRef, topic: &str) -> Value {
        let is_it = |message: &super::Received| {
            message.topic == topic && message.reference == *push.as_str()
        };
        let reply = self.client.inbox.take_within(PATIENCE, is_it).await;
        reply.map_or(json!("no reply"), |reply| reply.json())
    }
}
