//! Child processes, and the user's wish to stop.
//!
//! Each child leads a process group of its own, so that a Ctrl-C in the terminal reaches this
//! program alone. The signal handler only sets a flag. Every wait reads the flag and returns
//! [`Interrupted`], and the owners of children end them on the way out.

use std::fmt;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use support::process::Process;

/// The time between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The error of a command that the user interrupted with Ctrl-C or a termination signal.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Installs the signal handler, which sets the flag that every wait reads.
pub(crate) fn catch_signals() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context("cannot catch Ctrl-C")
}

/// Returns [`Interrupted`] as an error once the user has interrupted this program.
pub(crate) fn check_interrupted() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) {
        bail!(Interrupted);
    }
    Ok(())
}

/// Waits until `done` returns true. Returns `Ok(false)` if that takes longer than `limit`.
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

/// Starts `command` as the leader of a process group, without standard input. `name` stands in
/// error messages.
pub(crate) fn spawn(command: &mut Command, name: impl Into<String>) -> Result<Process> {
    check_interrupted()?;
    Process::spawn_group(command, name)
}

/// Waits until the child ends by itself.
pub(crate) fn wait(child: &mut Process) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        check_interrupted()?;
        thread::sleep(POLL);
    }
}

/// Runs `command` to its end. It prints where this program prints.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = line_of(command);
    let status = wait(&mut spawn(command, &name)?)?;
    expect_success(&name, status)
}

/// Runs `command` to its end and returns its standard output.
pub(crate) fn run_captured(command: &mut Command) -> Result<String> {
    let (status, output) = run_captured_any(command)?;
    expect_success(&line_of(command), status)?;
    Ok(output)
}

/// As [`run_captured`], but any exit status is a success.
pub(crate) fn run_captured_any(command: &mut Command) -> Result<(ExitStatus, String)> {
    let name = line_of(command);
    let mut child = spawn(command.stdout(Stdio::piped()), &name)?;
    let mut pipe = child
        .take_stdout()
        .context("the child's output is not piped")?;
    // A thread reads, so that a full pipe does not block the child while we wait for it.
    let reader = thread::spawn(move || {
        let mut output = String::new();
        pipe.read_to_string(&mut output).map(|_| output)
    });
    let status = wait(&mut child)?;
    let output = reader
        .join()
        .map_err(|_| anyhow::anyhow!("the reader of {name} panicked"))?
        .with_context(|| format!("cannot read the output of {name}"))?;
    Ok((status, output))
}

fn expect_success(name: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Returns the command as a user types it, for messages.
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
}
