//! The close codes that the server sends (RFC 6455, section 7.4, and Phoenix's use of them).

/// The client closed the connection.
pub(crate) const NORMAL: u16 = 1000;
/// The client went silent, or broke the WebSocket protocol.
pub(crate) const PROTOCOL: u16 = 1002;
/// `disconnect` was broadcast on the socket's id.
pub(crate) const GOING_AWAY: u16 = 1001;
/// The client's token has expired, and it showed no new one. Clients connect again, with one.
pub(crate) const TOKEN_EXPIRED: u16 = 1008;
/// A text message that is not UTF-8.
pub(crate) const INVALID_DATA: u16 = 1007;
/// A message over the limit of bytes.
pub(crate) const TOO_BIG: u16 = 1009;
/// A message that is not one of the protocol's, as in Phoenix, or a serializer that cannot
/// encode a message of the protocol.
pub(crate) const INTERNAL_ERROR: u16 = 1011;
/// The server stops; clients connect again.
pub(crate) const RESTART: u16 = 1012;
/// The client reads too slowly; it may try again.
pub(crate) const TRY_AGAIN: u16 = 1013;

/// The codes of connections that the server ends on purpose: their presences have no grace. A stop
/// has a grace of its own.
pub(crate) const MEANT: [u16; 3] = [GOING_AWAY, TOKEN_EXPIRED, RESTART];
