//! Child processes that end with their owner.
//!
//! A [`Process`] of [`Process::spawn`] stays in the process group of its parent, so that what ends
//! the group ends the child too: a Ctrl-C in the terminal, or `cargo xtask` when it ends a tool. A
//! [`Process`] of [`Process::spawn_group`] leads a group of its own, so that what it starts in turn
//! ends with it; its owner must then catch signals itself.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, kill_process, kill_process_group};

pub use rustix::process::Signal;

/// The time between two looks at a child.
const POLL: Duration = Duration::from_millis(20);
/// The time that a dropped group has to end in order.
const PATIENCE: Duration = Duration::from_secs(5);

/// A child process. Dropping it ends the child, and its process group if it leads one.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The child's name in error messages.
    name: String,
    leads_group: bool,
    /// Set once the child has been waited for. Its number may then belong to another process.
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` in this process's group, without standard input. Dropping the result kills
    /// the child. `name` stands in error messages.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be started.
    pub fn spawn(command: &mut Command, name: impl Into<String>) -> Result<Self> {
        Self::start(command, name.into(), false)
    }

    /// Starts `command` as the leader of a new process group, without standard input. Dropping the
    /// result asks the group to end with `SIGTERM`, and kills it after 5 s. `name` stands in error
    /// messages.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be started.
    pub fn spawn_group(command: &mut Command, name: impl Into<String>) -> Result<Self> {
        command.process_group(0);
        Self::start(command, name.into(), true)
    }

    fn start(command: &mut Command, name: String, leads_group: bool) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            child,
            name,
            leads_group,
            status: None,
        })
    }

    /// Returns the child's process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the child's standard output if it is piped and was not taken before.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Returns the exit status, or `None` if the child still runs.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system cannot wait for the child.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self
                .child
                .try_wait()
                .with_context(|| format!("cannot wait for {}", self.name))?;
        }
        Ok(self.status)
    }

    /// Waits until the child ends by itself.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system cannot wait for the child.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = self
            .child
            .wait()
            .with_context(|| format!("cannot wait for {}", self.name))?;
        self.status = Some(status);
        Ok(status)
    }

    /// Sends a signal to the child, or to its whole group if it leads one.
    ///
    /// # Errors
    ///
    /// Returns an error if the child has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if let Some(status) = self.status {
            bail!("{} has ended ({status})", self.name);
        }
        let pid = Pid::from_child(&self.child);
        let sent = match self.leads_group {
            true => kill_process_group(pid, signal),
            false => kill_process(pid, signal),
        };
        sent.with_context(|| format!("cannot send {signal:?} to {}", self.name))
    }

    /// Kills the child, and waits until it is gone. Does nothing if it has ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system cannot wait for the child.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        // An error means that the child has ended, or that it ends now.
        let _ = self.signal(Signal::KILL);
        self.wait()
    }

    /// Asks the child to end with `SIGTERM`, and kills it after `patience`.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system cannot wait for the child.
    pub fn stop(&mut self, patience: Duration) -> Result<ExitStatus> {
        // An error means that the child has ended, or that it ends now.
        let _ = self.signal(Signal::TERM);
        let end = Instant::now() + patience;
        while self.try_wait()?.is_none() && Instant::now() < end {
            thread::sleep(POLL);
        }
        self.kill()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing can be done about an error here.
        let _ = match self.leads_group {
            true => self.stop(PATIENCE),
            false => self.kill(),
        };
    }
}

#[cfg(test)]
mod tests;
