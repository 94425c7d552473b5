//! Transports: the WebSocket, long-polling, and a page's question whether it may connect.

pub(crate) mod longpoll;
pub(crate) mod probe;
mod pump;
pub(crate) mod websocket;
mod websocket_reader;
