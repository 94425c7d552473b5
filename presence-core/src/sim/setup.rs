//! The start of a script: [`Setup`], and its form as text.

use std::fmt;
use std::time::Duration;

use crate::replication::node::NodeOptions;
use crate::tracker::TrackerOptions;

/// The parameters of a simulated cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Decides all luck: of the network, of nonces, of jitter.
    pub seed: u64,
    /// The number of machines. They are named `n0`, `n1` and so on. Default 3.
    pub nodes: usize,
    /// The options of every node.
    pub(crate) options: NodeOptions,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 0,
            nodes: 3,
            options: NodeOptions::default(),
        }
    }
}

/// One option as a line of a script: its word, how to read it and how to set it. Times are
/// milliseconds.
struct Line {
    word: &'static str,
    get: fn(&NodeOptions) -> u64,
    set: fn(&mut NodeOptions, u64),
}

macro_rules! line {
    ($field:ident: Duration) => {
        Line {
            word: stringify!($field),
            get: |options| u64::try_from(options.$field.as_millis()).unwrap_or(u64::MAX),
            set: |options, ms| options.$field = Duration::from_millis(ms),
        }
    };
    ($field:ident: $number:ty) => {
        Line {
            word: stringify!($field),
            get: |options| options.$field as u64,
            set: |options, number| {
                options.$field = <$number>::try_from(number).unwrap_or(<$number>::MAX)
            },
        }
    };
}

const LINES: &[Line] = &[
    line!(pool_size: usize),
    line!(diff_interval: Duration),
    line!(delta_interval: Duration),
    line!(broadcast_period: Duration),
    line!(max_silent_periods: u32),
    line!(down_period: Duration),
    line!(permdown_period: Duration),
    line!(suspect_period: Duration),
    line!(chunk_bytes: usize),
    line!(removal_log_bytes: usize),
    line!(batch: usize),
    line!(max_hidden: usize),
    line!(max_answers: usize),
    line!(max_replicas: usize),
];

impl Setup {
    /// Creates the setup of a cluster with the default options.
    pub fn new(seed: u64, nodes: usize) -> Self {
        Self {
            seed,
            nodes,
            ..Self::default()
        }
    }

    /// Sets the options of every node. Those of callbacks, owners, metas and the grace do not apply
    /// in a simulation.
    ///
    /// # Examples
    ///
    /// ```
    /// use presence_core::sim::{Cluster, Setup};
    /// use presence_core::tracker::TrackerOptions;
    ///
    /// let options = TrackerOptions::default().pool_size(1);
    /// let setup = Setup::new(1, 3).with_options(&options);
    /// assert!(setup.to_string().contains("pool_size 1"));
    /// let cluster = Cluster::new(&setup);
    /// # let _ = cluster;
    /// ```
    #[must_use]
    pub fn with_options(mut self, options: &TrackerOptions) -> Self {
        self.options = options.node.clone();
        self
    }

    /// The number of options.
    pub(super) const OPTIONS: usize = LINES.len();

    /// The same with one option at its default.
    pub(super) fn with_default(&self, option: usize) -> Self {
        let mut setup = self.clone();
        let line = &LINES[option];
        (line.set)(&mut setup.options, (line.get)(&NodeOptions::default()));
        setup
    }

    /// Takes a line of a script. Returns whether it was a setting.
    pub(super) fn take_line(&mut self, line: &str) -> bool {
        let Some((word, number)) = line.split_once(' ') else {
            return false;
        };
        let Ok(number) = number.trim().parse::<u64>() else {
            return false;
        };
        match word {
            "seed" => self.seed = number,
            "nodes" => self.nodes = usize::try_from(number).unwrap_or(usize::MAX),
            _ => {
                let Some(line) = LINES.iter().find(|line| line.word == word) else {
                    return false;
                };
                (line.set)(&mut self.options, number);
            }
        }
        true
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "nodes {}", self.nodes)?;
        let defaults = NodeOptions::default();
        for line in LINES {
            let number = (line.get)(&self.options);
            if number != (line.get)(&defaults) {
                writeln!(f, "{} {number}", line.word)?;
            }
        }
        Ok(())
    }
}
