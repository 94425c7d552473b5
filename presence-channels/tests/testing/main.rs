//! The test kit, as an app's tests use it.

mod app;
mod behind;
mod params;
mod two_nodes;
mod verbs;
mod within;
