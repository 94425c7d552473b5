use clap::ValueEnum;

/// The engine that carries messages between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Zenoh,
    Nats,
    Redis,
}

impl Engine {
    /// Returns the value of the variable `ENGINE`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zenoh => "zenoh",
            Self::Nats => "nats",
            Self::Redis => "redis",
        }
    }

    /// Returns whether the engine reports a dead process at once.
    pub(crate) fn gives_hints(self) -> bool {
        self == Self::Zenoh
    }
}
