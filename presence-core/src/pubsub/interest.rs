/// The messages of a topic that a subscriber gets.
///
/// A member of a large room that shows a number of users, or none, need not get each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interest {
    /// All messages, but for the counts of [`Interest::Counts`].
    #[default]
    All,
    /// All messages but [`PRESENCE_DIFF`](crate::tracker::PRESENCE_DIFF). A diff does not visit the
    /// subscriber.
    WithoutDiffs,
    /// As [`Interest::WithoutDiffs`], and
    /// [`PRESENCE_COUNT`](crate::tracker::PRESENCE_COUNT) while someone
    /// [counts](crate::Tracker::counting).
    Counts,
}
