//! A server in a process of its own, and its usage so far.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::Context;
use support::{process::Process, usage};

/// A server process. Dropping it kills the process.
pub(crate) struct ServerProcess {
    process: Process,
    pub(crate) port: u16,
}

impl ServerProcess {
    /// Starts this program with `arguments`, and reads the port that the server prints.
    pub(crate) fn start(arguments: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(arguments).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command, "the server")?;
        let output = process.take_stdout().context("the server has no output")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim();
        let port = port
            .parse()
            .with_context(|| format!("the server printed `{port}` instead of its port"))?;
        Ok(Self { process, port })
    }

    /// Returns the CPU time of the process so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        Ok(usage::cpu_time(self.process.id())?.as_secs_f64())
    }

    /// Returns the memory of the process, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        usage::memory(self.process.id())
    }
}
