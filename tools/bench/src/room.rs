//! A room whose members get broadcasts at a steady rate, played by a process of its own: beside it
//! another process measures how long replies take, and must not wait for this one's reads.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use support::process::Process;
use tokio::task::LocalSet;

use crate::{
    child::ServerProcess, client::BenchClient, counter::Counter, scenario::AT_ONCE, wire::Wire,
};

/// The line that says that all members have joined.
const READY: &str = "ready";
const TOPIC: &str = "room:large";
const PAYLOAD: &str = r#"{"body":"the quick brown fox jumps over the lazy dog"}"#;
/// The most broadcasts that a room may be behind at its rate.
const MOST_BEHIND: u64 = 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port of the server, which is one of ours.
    port: u16,
    /// The members of the room.
    members: u64,
    /// The broadcasts in a second.
    rate: u64,
}

/// Plays the room until the process is killed, or the server does not keep up with it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let counter = Counter::default();
        let mut members = Vec::new();
        for joined in 1..=args.members {
            let member = BenchClient::join_at(args.port, Wire::Phoenix, TOPIC, &counter);
            members.push(member.await?);
            if joined % AT_ONCE == 0 || joined == args.members {
                counter.reach(joined).await?;
            }
        }
        println!("{READY}");
        let joined = counter.get();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / args.rate as u32);
        for sent in 0.. {
            ticks.tick().await;
            let received = (counter.get() - joined) / args.members;
            if received + MOST_BEHIND < sent {
                bail!("the members have {received} of {sent} broadcasts");
            }
            members[0].tell("shout", PAYLOAD).await?;
        }
        Ok(())
    })
}

/// A room that is played.
pub(crate) struct RoomProcess(Process);

impl RoomProcess {
    /// Starts a room, and returns when its members have joined. Its reads give way to the
    /// caller's.
    pub(crate) fn start(server: &ServerProcess, members: u64, rate: u64) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(own);
        let numbers = [server.port.into(), members, rate].map(|number| number.to_string());
        command.arg("room").args(numbers);
        let mut process = Process::spawn(command.stdout(Stdio::piped()), "the room")?;
        let output = process.take_stdout().context("the room has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.trim() != READY {
            bail!("the members of the room could not join");
        }
        Ok(Self(process))
    }

    /// Ends the room. Returns an error if it did not keep its rate until now.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        match self.0.try_wait()? {
            Some(_) => bail!("the room did not get its broadcasts in time"),
            None => Ok(()),
        }
    }
}
