//! A server process, and what it has used.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::Context;

/// A running server. It is ended when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts this program with `arguments`, which make it print its port.
    pub(crate) fn start(arguments: &[String]) -> anyhow::Result<Self> {
        let program = env::current_exe()?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("the server has no output")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim().parse().context("the server printed no port")?;
        Ok(Self { child, port })
    }

    /// CPU time used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        let mut nanoseconds = 0;
        for thread in threads {
            let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
            let running = schedstat.split(' ').next().context("schedstat is empty")?;
            nanoseconds += running.parse::<u64>()?;
        }
        Ok(nanoseconds as f64 / 1e9)
    }

    /// Memory that is the process's own, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes
            .context("no RssAnon in the process's status")?
            .parse::<u64>()?
            * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
