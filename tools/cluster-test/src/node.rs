//! A node: a process of `examples/cluster`.

use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use support::process::{Process, Signal};
use support::usage;

use crate::bounded::until;
use crate::http;
use crate::namespaces::Namespace;
use crate::view::View;

/// The longest wait until a node is ready.
const STARTUP: Duration = Duration::from_secs(60);
/// The longest wait until a node has stopped in order. It drops its clients one after another.
const STOPPING: Duration = Duration::from_secs(60);

/// The settings with which a node is started.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) name: String,
    /// The address for clients.
    pub(crate) address: SocketAddr,
    pub(crate) program: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) log: PathBuf,
}

/// A node, which may be running. Dropping it kills the process.
pub(crate) struct NodeProcess {
    pub(crate) plan: Plan,
    process: Option<Process>,
}

impl NodeProcess {
    /// Starts the process, and does not wait until it is ready.
    pub(crate) fn spawn(plan: Plan) -> Result<Self> {
        let mut node = Self {
            plan,
            process: None,
        };
        node.launch()?;
        Ok(node)
    }

    /// Starts the process, also after it has ended.
    fn launch(&mut self) -> Result<()> {
        let plan = &self.plan;
        let log = open(&plan.log)?;
        let mut command = match &plan.namespace {
            Some(namespace) => namespace.command(&plan.program),
            None => Command::new(&plan.program),
        };
        command
            .env("HOST", plan.address.ip().to_string())
            .env("PORT", plan.address.port().to_string())
            .env("NODE_NAME", &plan.name)
            .env("NO_COLOR", "1")
            .envs(plan.environment.iter().map(|(name, value)| (name, value)))
            .stdout(log.try_clone()?)
            .stderr(log);
        self.process = Some(Process::spawn(
            &mut command,
            plan.program.display().to_string(),
        )?);
        Ok(())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.plan.address
    }

    pub(crate) fn name(&self) -> &str {
        &self.plan.name
    }

    /// Waits until the node reports to be ready: it knows the nodes that it can reach.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        let address = self.address();
        let what = format!("{} to be ready", self.name());
        until(STARTUP, &what, async || {
            if let Some(status) = self.ended()? {
                bail!("{} ended ({status}){}", self.name(), self.log_tail());
            }
            Ok(http::get(address, "/ready").await.is_ok())
        })
        .await
    }

    /// Starts the node again under the same name.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.launch()?;
        self.ready().await
    }

    /// Returns the node's view of the cluster.
    pub(crate) async fn view(&self) -> Result<View> {
        let json = http::get(self.address(), "/node.json").await?;
        serde_json::from_str(&json)
            .with_context(|| format!("the view of {} is not the expected JSON", self.name()))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    fn process(&self) -> Result<&Process> {
        let process = self.process.as_ref();
        process.with_context(|| format!("{} is not running", self.name()))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let signalled = self.process()?.signal(signal);
        signalled.with_context(|| format!("cannot signal {}", self.name()))
    }

    /// Kills the process, as a crash does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        if let Some(mut process) = self.process.take() {
            process.wait()?;
        }
        Ok(())
    }

    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Stops the node in order, and waits until the process has ended.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let what = format!("{} to stop", self.name());
        until(STOPPING, &what, async || Ok(self.ended()?.is_some())).await?;
        let ended = self.process.take();
        match ended.map(|mut process| process.wait()).transpose()? {
            Some(status) if !status.success() => {
                bail!("{} stopped with {status}{}", self.name(), self.log_tail())
            }
            _ => Ok(()),
        }
    }

    /// Returns the exit status, or `None` if the process still runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.process {
            Some(process) => process.try_wait(),
            None => bail!("{} is not running", self.name()),
        }
    }

    /// Returns the memory of the process, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        usage::memory(self.process()?.id())
    }

    /// Returns the CPU time that the process has used.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        usage::cpu_time(self.process()?.id())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.plan.log).unwrap_or_default()
    }

    /// Returns the end of the log, as a block at the end of a message.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(20)..];
        format!(
            "\n--- {}:\n{}\n---",
            self.plan.log.display(),
            last.join("\n")
        )
    }
}

fn open(log: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))
}
