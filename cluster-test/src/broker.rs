//! A NATS or Redis server, which can be killed and started again.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;

use crate::bounded::until;
use crate::engine::Engine;
use crate::ports::free_port;

const STARTUP: Duration = Duration::from_secs(20);

/// A server. Dropping it ends it.
pub(crate) struct Broker {
    engine: Engine,
    port: u16,
    child: Option<Child>,
}

impl Broker {
    pub(crate) async fn start(engine: Engine) -> Result<Self> {
        let mut broker = Self {
            engine,
            port: free_port()?,
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
        let port = self.port.to_string();
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
            _ => ("nats-server", vec!["-a", "127.0.0.1", "-p", &port]),
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

    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It fails only if it has ended.
        let _ = self.kill();
    }
}
