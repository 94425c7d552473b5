//! Hello: an axum app with Phoenix channels.

pub mod application;
pub mod channels;
pub mod web;
