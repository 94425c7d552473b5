//! The wall clock, as presences show it.

use std::time::SystemTime;

/// Returns the seconds since 1970, as in the `online_at` of the Presence guide.
///
/// ```
/// use presence_channels::unix_seconds;
/// use serde_json::json;
///
/// let meta = json!({ "online_at": unix_seconds() });
/// # let _ = meta;
/// ```
#[must_use]
pub fn unix_seconds() -> u64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}
