//! What can be compared pair by pair.

/// Documents of which pairs can be told how alike they are.
pub trait Comparable: Sync {
    /// The documents, ascending; a row is a place in here.
    fn docs(&self) -> &[i64];
    /// Whether there is nothing to compare: such a document is like no other.
    fn is_empty(&self, row: u32) -> bool;
    /// A hash of all that is compared: rows of one fingerprint are alike in every way.
    fn fingerprint(&self, row: u32) -> u128;
    /// How alike two rows are, 0 to 1; none where it is plain without looking that it is less than `least`.
    fn similarity(&self, row: u32, other: u32, least: f64) -> Option<f64>;
}
