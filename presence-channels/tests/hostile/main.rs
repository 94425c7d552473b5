//! Clients that mean harm, or are broken in ways that amount to it. For each: the memory that it
//! makes the server hold is bounded, and others notice nothing.
//!
//! Server and clients share a thread, a paused clock and pipes in memory, so that every byte that
//! is held is counted, the clients' own included, and a minute costs nothing. `half_requests`
//! and `slow_downloads` are the exceptions: they need TCP.

mod abandoned;
mod budget;
mod buffered;
mod client;
mod crowds;
mod dribble;
mod floods;
mod half_requests;
mod handled;
mod handlers;
mod held;
mod listeners;
mod places;
mod publish_bodies;
mod slow_downloads;
mod slow_polls;
mod slow_reader;
mod unread;
mod world;
