//! A server in a process of its own, and its usage so far.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context;
use support::{process::Process, usage};

use crate::{cores::Cores, wire::Wire};

/// A program that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Ours,
    /// One thread, and the least that the load needs.
    Floor,
    /// A chat on axum's WebSockets, written by hand.
    Axum,
    Socketioxide,
    /// tokio-tungstenite alone, for large messages.
    Tungstenite,
}

impl Program {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
            Self::Axum => "axum",
            Self::Socketioxide => "socketioxide",
            Self::Tungstenite => "tungstenite",
        }
    }

    /// Returns whether the program is one of the crate `bench-peers`.
    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Self::Axum | Self::Socketioxide)
    }

    fn wire(self) -> Wire {
        match self {
            Self::Socketioxide => Wire::SocketIo,
            _ => Wire::Phoenix,
        }
    }
}

/// The programs that can be started, and the cores they get.
#[derive(Clone)]
pub(crate) struct Stable {
    /// The program of the crate `bench-peers`, if it was built.
    pub(crate) peers: Option<PathBuf>,
    pub(crate) cores: Cores,
}

impl Stable {
    /// Starts a program, and reads the port that it prints.
    pub(crate) fn start(&self, program: Program) -> anyhow::Result<ServerProcess> {
        let own = env::current_exe()?;
        let executable: &Path = match &self.peers {
            Some(peers) if program.is_peer() => peers,
            _ => &own,
        };
        let mut command: Command = self.cores.command(executable);
        command.args([program.name(), "--workers"]);
        command.arg(self.cores.workers().to_string());
        let mut process = Process::spawn(command.stdout(Stdio::piped()), program.name())?;
        let output = process.take_stdout().context("the server has no output")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim();
        let port = port
            .parse()
            .with_context(|| format!("the server printed `{port}` instead of its port"))?;
        Ok(ServerProcess {
            process,
            port,
            wire: program.wire(),
        })
    }
}

/// A server process. Dropping it kills the process.
pub(crate) struct ServerProcess {
    process: Process,
    pub(crate) port: u16,
    pub(crate) wire: Wire,
}

impl ServerProcess {
    /// Returns the CPU time of the process so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        Ok(usage::cpu_time(self.process.id())?.as_secs_f64())
    }

    /// Returns the memory of the process, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        usage::memory(self.process.id())
    }
}
