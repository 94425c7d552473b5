use super::SocketMeter;
use crate::telemetry::IS_ON;

/// The frames of one dispatch. They are counted here, on the dispatch's own stack, and reported
/// when this is dropped: once per dispatch and meter, not once per client.
#[derive(Default)]
pub(crate) struct Deliveries {
    /// One for each mount and transport that has members in the topic: few.
    counts: Vec<Count>,
}

struct Count {
    meter: SocketMeter,
    messages: u64,
    bytes: u64,
}

impl Deliveries {
    /// Counts a frame that was queued for a client.
    pub(crate) fn count(&mut self, meter: &SocketMeter, bytes: usize) {
        if !IS_ON {
            return;
        }
        // Clients of a mount stand together more often than not.
        let known = self.counts.iter_mut().rev();
        match { known }.find(|count| count.meter.is(meter)) {
            Some(count) => {
                count.messages += 1;
                count.bytes += bytes as u64;
            }
            None => self.counts.push(Count {
                meter: meter.clone(),
                messages: 1,
                bytes: bytes as u64,
            }),
        }
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        for count in &self.counts {
            count.meter.messages_out(count.messages, count.bytes);
        }
    }
}
