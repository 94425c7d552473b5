/// The transport of a client, as logs and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Websocket,
    /// Also the transport of the test kit, which takes from the same kind of queue.
    Longpoll,
    /// A page's question whether it may connect. Nobody is connected, and no metric counts it.
    Probe,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Longpoll => "longpoll",
            Self::Probe => "probe",
        }
    }
}
