//! Ctrl-C while files are written: noted, so that the writes can be taken back first.

use std::fmt;
use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The error of a command that was interrupted. No file has changed.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl Interrupted {
    /// The exit code that shells give to a command that ctrl-c has ended.
    pub(crate) const EXIT_CODE: u8 = 130;
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted, and nothing was written")
    }
}

impl std::error::Error for Interrupted {}

/// The number of running [`guarded`] calls.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Set if a signal has arrived during a [`guarded`] call.
static ARRIVED: AtomicBool = AtomicBool::new(false);

/// Set after the first [`guarded`] call that changed files.
static WRITTEN: AtomicBool = AtomicBool::new(false);

/// Runs `work`, which can ask whether ctrl-c, SIGTERM or SIGHUP has arrived. Outside of `work` such
/// a signal ends the process as usual.
pub(super) fn guarded(
    work: impl FnOnce(&dyn Fn() -> bool) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    static HANDLER: Once = Once::new();
    RUNNING.fetch_add(1, Ordering::SeqCst);
    HANDLER.call_once(|| {
        // Without a handler a signal ends the process at once, as it does during a question.
        let _ = ctrlc::set_handler(|| {
            if RUNNING.load(Ordering::SeqCst) == 0 {
                if WRITTEN.load(Ordering::SeqCst) {
                    let message = b"interrupted after all changes were written\n";
                    let _ = std::io::stderr().write_all(message);
                }
                std::process::exit(i32::from(Interrupted::EXIT_CODE));
            }
            ARRIVED.store(true, Ordering::SeqCst);
        });
    });
    let result = work(&|| ARRIVED.load(Ordering::SeqCst));
    WRITTEN.fetch_or(result.is_ok(), Ordering::SeqCst);
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    result
}
