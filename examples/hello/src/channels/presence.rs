//! A presence: the users who are online in each topic.

/// Shows the users of a topic to each other, with the metadata that their channels track.
///
/// Override `fetch` to add to what clients see of a user, for example a name from the database.
/// Override `handle_metas` to act when users join and leave. See [`presence_channels::Presence`].
pub struct Presence;

impl presence_channels::Presence for Presence {
    // Other nodes know this presence by this name. Keep the name when you rename the type.
    const NAME: &str = "hello.presence";
}
