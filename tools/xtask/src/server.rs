//! A server under test: it is started on a port, waited for, and its log is at hand.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use support::http::{self, Response};
use support::ports::is_listening;
use support::process::{Process, Signal};

use crate::process::{self, poll_until};
use crate::workspace;

/// The longest wait until a server listens. It is generous, because a loaded machine is no failure.
const STARTUP: Duration = Duration::from_secs(60);
/// The longest wait for the response to a request.
const REQUEST: Duration = Duration::from_secs(10);

/// A running server. Dropping it ends the process.
pub(crate) struct Server {
    child: Process,
    name: String,
    port: u16,
    log: Option<PathBuf>,
}

impl Server {
    /// Starts `command` with `PORT` set and its output in a log file, and waits until it listens.
    pub(crate) fn start(name: &str, command: &mut Command, port: u16) -> Result<Self> {
        Self::start_within(name, command, port, STARTUP)
    }

    /// As [`Server::start`], but waits at most `limit`.
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

    /// As [`Server::start`], but the server prints where this program prints.
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
        let child = process::spawn(command, name)?;
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

    /// Waits until the server ends by itself, or until the user interrupts. Both are errors.
    pub(crate) fn serve(mut self) -> Result<()> {
        let status = process::wait(&mut self.child)?;
        bail!("{} ended ({status})", self.name)
    }

    /// Returns an error if the server has ended.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended ({status})", self.name),
            None => Ok(()),
        }
    }

    /// Asks the server to stop, and does not wait.
    pub(crate) fn ask_to_stop(&self) {
        // An error means that it has ended.
        let _ = self.child.signal(Signal::TERM);
    }

    /// Returns the log's path and its last lines, as a block at the end of a message. Returns an
    /// empty text if there is no log.
    pub(crate) fn log_tail(&self) -> String {
        self.log
            .as_deref()
            .map(|path| tail(path, 40))
            .unwrap_or_default()
    }

    /// Asks the server to stop as Ctrl-C does. Returns whether it stopped in time.
    pub(crate) fn interrupt(&mut self, patience: Duration) -> Result<bool> {
        // An error means that it has ended.
        let _ = self.child.signal(Signal::INT);
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

/// Returns an error with a hint if `port` is in use.
pub(crate) fn expect_free(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "port {port} cannot be used on this machine ({error})\n\
             hint: stop the program that listens there, or choose another port: \
             cargo xtask demo --port {}",
            if port == u16::MAX { 4001 } else { port + 1 }
        ),
    }
}

/// Returns the response to `GET path` of the server on `port`.
pub(crate) fn get(port: u16, path: &str) -> Result<Response> {
    http::get((Ipv4Addr::LOCALHOST, port).into(), path, REQUEST)
}

#[cfg(test)]
mod tests {
    use support::ports::free_port;

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
            // Another process may take the port at once.
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
