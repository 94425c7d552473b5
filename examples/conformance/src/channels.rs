//! The app's socket, channels and presence.

pub(crate) mod presence;
pub(crate) mod room_channel;
pub(crate) mod system_channel;
pub(crate) mod user_socket;
