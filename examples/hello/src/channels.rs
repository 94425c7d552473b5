//! The sockets, channels and presences of this app, one file each.

pub mod presence;
pub mod room_channel;
pub mod user_socket;
