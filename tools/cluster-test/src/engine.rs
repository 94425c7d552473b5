use clap::ValueEnum;

/// What carries messages between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Zenoh,
    Nats,
    Redis,
}

impl Engine {
    /// As `ENGINE` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zenoh => "zenoh",
            Self::Nats => "nats",
            Self::Redis => "redis",
        }
    }

    /// Whether it tells of a dead process at once.
    pub(crate) fn gives_hints(self) -> bool {
        self == Self::Zenoh
    }
}
