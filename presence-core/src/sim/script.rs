//! A whole run, as text that can be kept, replayed and cut down.

use std::fmt;
use std::str::FromStr;

use super::{Operation, ParseError, Setup};

/// A cluster and the operations on it. Prints as text, one line for each operation, and is read
/// back from this text.
///
/// Empty lines and what follows a `#` mean nothing.
///
/// ```
/// use presence_core::sim::Script;
///
/// let script: Script = "
///     seed 7
///     nodes 2
///     track n0 o0 t0 k0   # a user joins
///     crash n0
///     wait 100
/// ".parse()?;
/// assert_eq!(script.operations.len(), 3);
/// assert_eq!(script.to_string().parse::<Script>()?, script);
/// # Ok::<(), presence_core::sim::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The parameters of the cluster.
    pub setup: Setup,
    /// The operations, in order.
    pub operations: Vec<Operation>,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.setup)?;
        self.operations
            .iter()
            .try_for_each(|operation| writeln!(f, "{operation}"))
    }
}

impl FromStr for Script {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut script = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() || script.setup.take_line(line) {
                continue;
            }
            let operation = line.parse().map_err(|error| ParseError {
                number: Some(number),
                ..error
            })?;
            script.operations.push(operation);
        }
        Ok(script)
    }
}
