/// Defines [`Limit`], each with its setting.
macro_rules! limits {
    ($($limit:ident => $setting:literal,)*) => {
        /// A limit on what clients do or hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Limit {
            $($limit,)*
        }

        impl Limit {
            pub(crate) const ALL: [Self; [$($setting),*].len()] = [$(Self::$limit),*];

            /// Returns the setting of the limit, as an app writes it.
            pub(crate) fn setting(self) -> &'static str {
                match self {
                    $(Self::$limit => $setting,)*
                }
            }
        }
    };
}

limits! {
    Connections => "Config::max_connections",
    ConnectionsPerAddress => "Config::max_connections_per_address",
    ConnectionsPerUser => "Limits::max_connections_per_user",
    MessageBytes => "Limits::max_message_bytes",
    Channels => "Limits::max_channels",
    TopicBytes => "Limits::max_topic_bytes",
    EventBytes => "Limits::max_event_bytes",
    RefBytes => "Limits::max_ref_bytes",
    JoinsUnderWay => "Limits::max_joins_under_way",
    MessageRate => "Limits::max_message_rate",
    ChannelMessageRate => "Limits::max_channel_message_rate",
    RouteRate => "Route::rate",
    EventRate => "Route::event_rate",
    RouteUserRate => "Route::user_rate",
    UserRate => "Routes::user_rate",
    BodyBytes => "LongpollOptions::max_body_bytes",
    Batch => "LongpollOptions::max_batch",
    Timeout => "SocketOptions::timeout",
    Window => "LongpollOptions::window",
    WaitingMessages => "Limits::max_waiting_messages",
    WaitingBytes => "Limits::max_waiting_bytes",
    OutgoingBytes => "Limits::max_outgoing_bytes",
    SlowReaderTimeout => "Limits::slow_reader_timeout",
    UnflushedBytes => "Config::max_unflushed_bytes",
    QueuedBytes => "Config::max_queued_bytes",
    ChannelDrainTimeout => "Config::drain_timeout",
    HeadBytes => "Serve::max_head_bytes",
    HeadTimeout => "Serve::head_timeout",
    KeepAliveTimeout => "Serve::keep_alive_timeout",
    BodyTimeout => "Serve::body_timeout",
    WriteTimeout => "Serve::write_timeout",
    DrainTimeout => "Serve::drain_timeout",
}

impl Limit {
    /// Returns the name of the limit: its setting without the type, unless another has that, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RouteRate => "route_rate",
            Self::RouteUserRate => "route_user_rate",
            Self::ChannelDrainTimeout => "channel_drain_timeout",
            limit => {
                let (_, name) = limit
                    .setting()
                    .split_once("::")
                    .expect("a setting has both");
                name
            }
        }
    }

    /// Returns whether clients reach the limit when they just go away. Browsers also open
    /// connections ahead of their requests, and may never use them.
    pub(super) fn is_reached_by_leaving(self) -> bool {
        matches!(self, Self::HeadTimeout | Self::Timeout | Self::Window)
    }

    /// Returns whether [`serve`](crate::serve) has the limit. All others are of mounts.
    pub(super) fn is_of_server(self) -> bool {
        self.setting().starts_with("Serve::")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_each_limit_by_name_and_nothing_else() {
        let module = include_str!("../../telemetry.rs");
        let (_, table) = module.split_once("| `limit` | setting |").unwrap();
        let cells = table.lines().map_while(|line| match line {
            row if row.starts_with("//! | `") => row.split('|').nth(1),
            _ => Some(""),
        });
        let cells: Vec<_> = cells.collect();
        let documented = cells.iter().flat_map(|cell| cell.split(','));
        let documented = documented.map(|name| name.trim().trim_matches('`'));
        let documented: std::collections::HashSet<_> =
            documented.filter(|name| !name.is_empty()).collect();
        assert_eq!(documented, Limit::ALL.map(Limit::name).into());
    }

    #[test]
    fn each_limit_has_a_place_and_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Limit::ALL.map(Limit::name).into();
        assert_eq!(names.len(), Limit::ALL.len());
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
        }
    }
}
