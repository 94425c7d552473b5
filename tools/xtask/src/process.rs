//! Child processes that end with us.
//!
//! Each child leads a process group of its own, so that what it starts in turn ends with it, and a
//! Ctrl-C in the terminal reaches this program alone. The signal handler only sets a flag; every
//! wait looks at it and returns [`Interrupted`], and the guards on the way out end what they hold.

use std::fmt;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(20);
/// How long a child may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(5);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The user asked us to stop (Ctrl-C, or a termination signal).
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// From now on a signal sets the flag that every wait looks at.
pub(crate) fn catch_signals() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context("cannot catch Ctrl-C")
}

/// `Err(Interrupted)` once the user asked us to stop.
pub(crate) fn check_interrupted() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) {
        bail!(Interrupted);
    }
    Ok(())
}

/// Sleeps until `done` says so; `Ok(false)` if it has not within `limit`.
pub(crate) fn poll_until(limit: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<bool> {
    let end = Instant::now() + limit;
    loop {
        check_interrupted()?;
        if done()? {
            return Ok(true);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        thread::sleep(POLL);
    }
}

/// A running child. Dropping it ends it, and all of its process group.
pub(crate) struct Child {
    inner: std::process::Child,
    name: String,
    ended: Option<ExitStatus>,
}

impl Child {
    /// Starts `command` without standard input. `name` is what error messages call it.
    pub(crate) fn spawn(command: &mut Command, name: impl Into<String>) -> Result<Self> {
        check_interrupted()?;
        let name = name.into();
        let inner = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            inner,
            name,
            ended: None,
        })
    }

    pub(crate) fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self
                .inner
                .try_wait()
                .with_context(|| format!("cannot wait for {}", self.name))?;
        }
        Ok(self.ended)
    }

    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            check_interrupted()?;
            thread::sleep(POLL);
        }
    }

    /// Asks the child to end, and insists after `patience`. Afterwards it is gone.
    fn stop(&mut self, patience: Duration) {
        self.signal(Signal::TERM);
        let end = Instant::now() + patience;
        while self.ended.is_none() && Instant::now() < end {
            // An error here means that there is nothing to wait for.
            if self.try_wait().is_err() {
                return;
            }
            thread::sleep(POLL);
        }
        self.signal(Signal::KILL);
        if self.ended.is_none() {
            self.ended = self.inner.wait().ok();
        }
    }

    /// Signals the group. Once the child is waited for, its number may belong to somebody else:
    /// then nothing.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.ended.is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.inner.id()).ok().and_then(Pid::from_raw) {
            // It fails only if the group is gone already.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop(PATIENCE);
    }
}

/// Runs `command` to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = line_of(command);
    let status = Child::spawn(command, &name)?.wait()?;
    expect_success(&name, status)
}

/// Runs `command` to its end and returns what it printed on standard output.
pub(crate) fn run_captured(command: &mut Command) -> Result<String> {
    let (status, output) = run_captured_any(command)?;
    expect_success(&line_of(command), status)?;
    Ok(output)
}

/// As [`run_captured`], whatever the exit status.
pub(crate) fn run_captured_any(command: &mut Command) -> Result<(ExitStatus, String)> {
    let name = line_of(command);
    let mut child = Child::spawn(command.stdout(Stdio::piped()), &name)?;
    let mut pipe = child
        .inner
        .stdout
        .take()
        .context("the child's output is not piped")?;
    // A thread of its own, so that a full pipe does not stop the child while we wait for it.
    let reader = thread::spawn(move || {
        let mut output = String::new();
        pipe.read_to_string(&mut output).map(|_| output)
    });
    let status = child.wait()?;
    let output = reader
        .join()
        .map_err(|_| anyhow::anyhow!("the reader of {name} panicked"))?
        .with_context(|| format!("cannot read what {name} printed"))?;
    Ok((status, output))
}

fn expect_success(name: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// The command as one would type it, for messages.
pub(crate) fn line_of(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    command
        .get_args()
        .fold(program, |line, arg| line + " " + &arg.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_captured_and_failure_is_an_error() {
        assert_eq!(run_captured(&mut shell("echo hello")).unwrap(), "hello\n");
        let error = run_captured(&mut shell("exit 3")).unwrap_err().to_string();
        assert!(
            error.contains("`sh -c exit 3` failed") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start no-such-program");
    }

    #[test]
    fn dropping_ends_the_child_and_what_it_started() {
        // The grandchild prints its id, and both wait for ever.
        let mut command = shell("sleep 600 & echo $!; wait");
        let mut child = Child::spawn(command.stdout(Stdio::piped()), "sh").unwrap();
        let mut pipe = child.inner.stdout.take().unwrap();
        let mut first = [0; 16];
        let read = pipe.read(&mut first).unwrap();
        let grandchild: i32 = std::str::from_utf8(&first[..read])
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        drop(child);
        let gone = poll_until(Duration::from_secs(10), || Ok(!is_running(grandchild))).unwrap();
        assert!(gone, "process {grandchild} outlived its parent");
    }

    /// A zombie counts as ended: whoever adopts the orphan may take its time.
    fn is_running(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn a_child_that_ignores_the_request_is_ended_all_the_same() {
        let mut command = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
        let mut child = Child::spawn(command.stdout(Stdio::piped()), "sh").unwrap();
        let mut ready = [0; 5];
        child
            .inner
            .stdout
            .take()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        child.stop(Duration::from_millis(100));
        let status = child.try_wait().unwrap().expect("it is gone");
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(Signal::KILL.as_raw())
        );
    }
}
