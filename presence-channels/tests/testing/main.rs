//! The test kit, as an app's tests use it.

mod app;
mod behind;
mod two_nodes;
mod verbs;
