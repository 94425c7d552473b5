//! The channels of a node: the guide's room, and rooms in which presence goes beyond Phoenix.

pub(crate) mod room_channel;
pub(crate) mod user_socket;
