//! The test kit, as an app's tests use it.

mod app;
mod two_nodes;
mod verbs;
