//! A NATS or Redis server, which can be killed and started again.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::bounded::until;
use crate::engine::Engine;
use crate::http;
use crate::ports::free_port;

const STARTUP: Duration = Duration::from_secs(20);

/// A server. Dropping it ends it.
pub(crate) struct Broker {
    engine: Engine,
    port: u16,
    /// Where NATS tells what it has carried.
    monitor: u16,
    child: Option<Child>,
}

impl Broker {
    pub(crate) async fn start(engine: Engine) -> Result<Self> {
        let mut broker = Self {
            engine,
            port: free_port()?,
            monitor: free_port()?,
            child: None,
        };
        broker.restart().await?;
        Ok(broker)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What a node needs to know of it.
    pub(crate) fn environment(&self) -> (String, String) {
        let url = format!("{}://{}", self.engine.name(), self.address());
        (self.variable().to_owned(), url)
    }

    /// The variable that names it to a node.
    pub(crate) fn variable(&self) -> &'static str {
        match self.engine {
            Engine::Redis => "REDIS_URL",
            _ => "NATS_URL",
        }
    }

    /// Starts it, or starts it again after [`kill`](Self::kill).
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
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start {program}\nhint: install it (Debian: apt-get install {program})"
                )
            })?;
        let child = self.child.insert(child);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        until(STARTUP, &format!("{program} to listen"), async || {
            if let Some(status) = child.try_wait()? {
                bail!("{program} ended ({status})");
            }
            Ok(TcpStream::connect(address).await.is_ok())
        })
        .await
    }

    /// What nodes have sent by it so far.
    pub(crate) async fn carried(&self) -> Result<Carried> {
        let monitor = (Ipv4Addr::LOCALHOST, self.monitor).into();
        let json = http::get(monitor, "/varz").await?;
        serde_json::from_str(&json).context("NATS gives no figures")
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

/// Messages and their bytes, subjects not counted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Carried {
    pub(crate) in_msgs: u64,
    pub(crate) in_bytes: u64,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It fails only if it has ended.
        let _ = self.kill();
    }
}
