//! The cores that the server and the clients run on.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread::available_parallelism,
};

/// The cores of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Which {
    /// The server has one thread on the first core, and the clients have the other cores.
    One,
    /// The server has a thread per core, and shares the cores with the clients.
    All,
    /// One core, and then all.
    Both,
}

/// The cores of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) is_one: bool,
    /// Set if the processes are pinned by `taskset`.
    pub(crate) is_pinned: bool,
}

impl Cores {
    /// Moves this process, which runs the clients, to the cores that the servers leave it.
    pub(crate) fn take(is_one: bool) -> Self {
        let last = count() - 1;
        let own = match is_one {
            true if last > 0 => format!("1-{last}"),
            _ => format!("0-{last}"),
        };
        let mut command = Command::new("taskset");
        command.args(["-a", "-c", "-p", &own, &std::process::id().to_string()]);
        let moved = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        Self {
            is_one,
            is_pinned: last > 0 && moved.is_ok_and(|status| status.success()),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self.is_one {
            true => "one",
            false => "all",
        }
    }

    /// Returns the number of a server's threads.
    pub(crate) fn workers(self) -> usize {
        match self.is_one {
            true => 1,
            false => count(),
        }
    }

    /// Returns the command of a server.
    pub(crate) fn command(self, program: &Path) -> Command {
        if !self.is_pinned {
            return Command::new(program);
        }
        let cores = match self.is_one {
            true => "0".to_owned(),
            false => format!("0-{}", count() - 1),
        };
        let mut command = Command::new("taskset");
        command.args(["-c", &cores]).arg(program);
        command
    }
}

fn count() -> usize {
    // As the whole machine has them, whatever this process was moved to.
    let configured = std::fs::read_to_string("/sys/devices/system/cpu/online");
    let last = configured.ok().and_then(|text| {
        let last = text.trim().rsplit(['-', ',']).next()?;
        last.parse::<usize>().ok()
    });
    match last {
        Some(last) => last + 1,
        None => available_parallelism().map_or(1, usize::from),
    }
}
