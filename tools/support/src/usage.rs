//! The CPU time and the memory of a process, as Linux counts them in `/proc`.

use std::time::Duration;

use anyhow::Result;

/// Returns the CPU time that the running threads of the process have used so far.
///
/// # Errors
///
/// Returns an error if the process does not run, or if the system is not Linux.
#[cfg(target_os = "linux")]
pub fn cpu_time(process: u32) -> Result<Duration> {
    use anyhow::Context;

    let read = || {
        // The process's own `schedstat` counts its first thread alone.
        let tasks = open(process)?.tasks()?;
        let times = tasks.map(|task| Ok(task?.schedstat()?.sum_exec_runtime));
        // A thread may end after it was listed.
        let times = times.filter(|time| !matches!(time, Err(procfs::ProcError::NotFound(_))));
        times.sum::<procfs::ProcResult<u64>>()
    };
    let nanoseconds =
        read().with_context(|| format!("cannot read the CPU time of process {process}"))?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Returns the memory that belongs to the process alone, in bytes. Files that are mapped into
/// memory are not counted.
///
/// # Errors
///
/// Returns an error if the process does not run, or if the system is not Linux.
#[cfg(target_os = "linux")]
pub fn memory(process: u32) -> Result<u64> {
    use anyhow::Context;

    let read = || open(process)?.status();
    let status = read().with_context(|| format!("cannot read the memory of process {process}"))?;
    let kibibytes = status
        .rssanon
        .with_context(|| format!("Linux reports no RssAnon for process {process}"))?;
    Ok(kibibytes * 1024)
}

/// Returns whether the process runs. A process that has ended but was not waited for does not run.
#[cfg(target_os = "linux")]
pub fn is_running(process: u32) -> bool {
    let state = open(process).and_then(|process| process.stat()?.state());
    state.is_ok_and(|state| state != procfs::process::ProcState::Zombie)
}

#[cfg(target_os = "linux")]
fn open(process: u32) -> procfs::ProcResult<procfs::process::Process> {
    let number = i32::try_from(process).map_err(|_| "the process's number is too large")?;
    procfs::process::Process::new(number)
}

/// As on Linux, but an error always.
///
/// # Errors
///
/// Returns an error, because the system is not Linux.
#[cfg(not(target_os = "linux"))]
pub fn cpu_time(_process: u32) -> Result<Duration> {
    anyhow::bail!("the CPU time of a process can be read on Linux only")
}

/// As on Linux, but an error always.
///
/// # Errors
///
/// Returns an error, because the system is not Linux.
#[cfg(not(target_os = "linux"))]
pub fn memory(_process: u32) -> Result<u64> {
    anyhow::bail!("the memory of a process can be read on Linux only")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_of_every_thread_is_counted() {
        let own = std::process::id();
        let before = cpu_time(own).unwrap();
        let enough = before + Duration::from_millis(500);
        // The other tests work for some milliseconds alone, and are no longer counted once their
        // threads have ended. So this thread does most of it, however slow the machine is.
        let busy = move || {
            let end = Instant::now() + Duration::from_secs(60);
            while cpu_time(own).unwrap() < enough && Instant::now() < end {
                std::hint::spin_loop();
            }
            cpu_time(own).unwrap()
        };
        let after = std::thread::spawn(busy).join().unwrap();
        assert!(after >= enough, "{before:?} and then {after:?}");
    }

    #[test]
    fn threads_that_end_meanwhile_are_left_out() {
        let own = std::process::id();
        let ended = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..500 {
                    std::thread::spawn(|| {}).join().unwrap();
                }
                ended.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                cpu_time(own).unwrap();
            }
        });
    }

    #[test]
    fn memory_that_is_used_is_counted() {
        let own = std::process::id();
        let before = memory(own).unwrap();
        let held = vec![1_u8; 50_000_000];
        let after = memory(own).unwrap();
        assert!(after - before > 40_000_000, "{before} and then {after}");
        drop(held);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error_that_names_it() {
        let gone = u32::MAX;
        let error = cpu_time(gone).unwrap_err().to_string();
        assert!(error.contains(&gone.to_string()), "{error}");
        assert!(memory(gone).is_err());
        assert!(!is_running(gone) && is_running(std::process::id()));
    }
}
