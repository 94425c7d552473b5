//! The command line, run as a user runs it: what it prints, writes and refuses.

mod example;
mod generators;
mod golden;
mod refusals;
mod sandbox;
