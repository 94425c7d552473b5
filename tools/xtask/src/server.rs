//! A server under test: started on a port, waited for, its log at hand when something goes wrong.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{Child, poll_until};
use crate::workspace;

/// How long a server may take until it listens. Generous: a loaded machine is no failure.
const STARTUP: Duration = Duration::from_secs(60);
/// How long one HTTP request of ours may take.
const REQUEST: Duration = Duration::from_secs(10);

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    name: String,
    port: u16,
    log: Option<PathBuf>,
}

impl Server {
    /// Starts `command` with `PORT` set, its output going to a log file, and waits until it
    /// listens.
    pub(crate) fn start(name: &str, command: &mut Command, port: u16) -> Result<Self> {
        Self::start_within(name, command, port, STARTUP)
    }

    /// As [`Server::start`], with a bound of its own.
    pub(crate) fn start_within(
        name: &str,
        command: &mut Command,
        port: u16,
        limit: Duration,
    ) -> Result<Self> {
        let folder = workspace::scratch("logs");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(format!("{name}.log"));
        let log =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        command.stderr(log.try_clone()?).stdout(log);
        Self::listen(name, command, port, limit, Some(path))
    }

    /// As [`Server::start`], its output going where ours goes.
    pub(crate) fn start_in_view(name: &str, command: &mut Command, port: u16) -> Result<Self> {
        let command = command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        Self::listen(name, command, port, STARTUP, None)
    }

    fn listen(
        name: &str,
        command: &mut Command,
        port: u16,
        limit: Duration,
        log: Option<PathBuf>,
    ) -> Result<Self> {
        command
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string());
        let child = Child::spawn(command, name)?;
        let mut server = Self {
            child,
            name: name.to_owned(),
            port,
            log,
        };
        let ready = poll_until(limit, || {
            if let Some(status) = server.child.try_wait()? {
                bail!(
                    "{name} ended ({status}) before it listened on port {port}{}",
                    server.log_tail()
                );
            }
            Ok(is_listening(port))
        })?;
        if !ready {
            bail!(
                "{name} did not listen on port {port} within {} s{}",
                limit.as_secs(),
                server.log_tail()
            );
        }
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs until the server ends by itself, which is an error, or the user interrupts.
    pub(crate) fn serve(mut self) -> Result<()> {
        let status = self.child.wait()?;
        bail!("{} ended ({status})", self.name)
    }

    /// An error if it has ended.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended ({status})", self.name),
            None => Ok(()),
        }
    }

    /// Asks it to stop, and does not wait.
    pub(crate) fn ask_to_stop(&self) {
        self.child.signal(rustix::process::Signal::TERM);
    }

    /// The log's path, and its last lines as a block to put behind a message; empty without a log.
    pub(crate) fn log_tail(&self) -> String {
        self.log
            .as_deref()
            .map(|path| tail(path, 40))
            .unwrap_or_default()
    }

    /// Asks the server to stop as Ctrl-C does, and says whether it did in time.
    pub(crate) fn interrupt(&mut self, patience: Duration) -> Result<bool> {
        self.child.signal(rustix::process::Signal::INT);
        poll_until(patience, || Ok(self.child.try_wait()?.is_some()))
    }
}

fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let last = &all[all.len().saturating_sub(lines)..];
    format!(
        "\n--- the end of {}:\n{}\n---",
        path.display(),
        last.join("\n")
    )
}

/// A port that nobody uses right now.
pub(crate) fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port")?;
    Ok(listener.local_addr()?.port())
}

/// An error that says what to do if somebody uses `port`.
pub(crate) fn expect_free(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "port {port} cannot be used on this machine ({error})\n\
             hint: stop what listens there, or choose another port: cargo xtask demo --port {}",
            if port == u16::MAX { 4001 } else { port + 1 }
        ),
    }
}

/// Whether somebody listens on `port`.
pub(crate) fn is_listening(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// The answer to `GET path`, head and body. Enough HTTP to see that a page is served.
pub(crate) fn get(port: u16, path: &str) -> Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, REQUEST).context("cannot connect")?;
    stream.set_read_timeout(Some(REQUEST))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .with_context(|| format!("no whole answer to GET {path}"))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_port_is_told_with_a_hint() {
        let free_again = (0..10).any(|_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let error = expect_free(port).unwrap_err().to_string();
            assert!(
                error.contains(&format!("port {port}")) && error.contains("--port"),
                "{error}"
            );
            drop(listener);
            // Unless somebody else on this machine took it at once.
            expect_free(port).is_ok()
        });
        assert!(free_again);
    }

    #[test]
    fn a_server_that_ends_early_shows_its_log() {
        let port = free_port().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no database; exit 7"]);
        let error = Server::start("ends-early", &mut command, port)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("before it listened") && error.contains("no database"),
            "{error}"
        );
    }
}
