//! A loco app whose clients join channels. The page `docs/loco.md` shows its code.

pub mod app;
pub mod channels;
pub mod controllers;
