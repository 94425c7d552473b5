//! The size of a simulated cluster.

use std::str::FromStr;

/// A cluster to measure: `3x10000` are 10,000 presences on three nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) nodes: usize,
    pub(crate) presences: u64,
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not a cluster: write NODESxPRESENCES, like 3x10000, with at least 2 nodes and 1000 presences"
            )
        };
        let (nodes, presences) = text.split_once('x').ok_or_else(wrong)?;
        let nodes: usize = nodes.parse().map_err(|_| wrong())?;
        let presences: u64 = presences.parse().map_err(|_| wrong())?;
        if nodes < 2 || presences < 1000 {
            return Err(wrong());
        }
        Ok(Self { nodes, presences })
    }
}

impl Case {
    /// Returns the number of presences that leave in a second of the busy cluster. As many join.
    pub(crate) fn moves(self) -> u64 {
        (self.presences / 1000).clamp(100, 1000)
    }
}
