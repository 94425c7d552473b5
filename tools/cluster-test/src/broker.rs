//! A NATS or Redis server, which can be killed and started again.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use support::ports::{free_port, is_listening};
use support::process::Process;

use crate::bounded::until;
use crate::engine::Engine;
use crate::http;

const STARTUP: Duration = Duration::from_secs(20);

/// A server. Dropping it kills the process.
pub(crate) struct Broker {
    engine: Engine,
    port: u16,
    /// The port of NATS's HTTP monitor.
    monitor: u16,
    process: Option<Process>,
}

impl Broker {
    pub(crate) async fn start(engine: Engine) -> Result<Self> {
        let mut broker = Self {
            engine,
            port: free_port()?,
            monitor: free_port()?,
            process: None,
        };
        broker.restart().await?;
        Ok(broker)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Returns the variable that configures a node to use this broker, and its value.
    pub(crate) fn environment(&self) -> (String, String) {
        let url = format!("{}://{}", self.engine.name(), self.address());
        (self.variable().to_owned(), url)
    }

    /// Returns the name of that variable.
    pub(crate) fn variable(&self) -> &'static str {
        match self.engine {
            Engine::Redis => "REDIS_URL",
            _ => "NATS_URL",
        }
    }

    /// Starts the server, also after [`kill`](Self::kill).
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let (port, monitor) = (self.port.to_string(), self.monitor.to_string());
        let (program, arguments) = match self.engine {
            Engine::Redis => (
                "redis-server",
                vec![
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    &port,
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                ],
            ),
            _ => (
                "nats-server",
                vec!["-a", "127.0.0.1", "-p", &port, "-m", &monitor],
            ),
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = Process::spawn(&mut command, program).with_context(|| {
            format!("{program} does not run\nhint: install it (Debian: apt-get install {program})")
        })?;
        let process = self.process.insert(process);
        let port = self.port;
        until(STARTUP, &format!("{program} to listen"), async || {
            if let Some(status) = process.try_wait()? {
                bail!("{program} ended ({status})");
            }
            Ok(is_listening(port))
        })
        .await
    }

    /// Returns the messages that NATS has received from nodes so far.
    pub(crate) async fn carried(&self) -> Result<Carried> {
        let monitor = (Ipv4Addr::LOCALHOST, self.monitor).into();
        let json = http::get(monitor, "/varz").await?;
        serde_json::from_str(&json)
            .context("the monitor of NATS does not return its counts as JSON")
    }

    /// Kills the server, as a crash does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }
}

/// The number of messages, and of their bytes without subjects.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Carried {
    pub(crate) in_msgs: u64,
    pub(crate) in_bytes: u64,
}
