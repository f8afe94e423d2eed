//! What the registrar has done since it was made.

/// Counts of finished REGISTERs, by outcome. A retransmission counts nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Answered with 200 after a change.
    pub registered: u64,
    /// Answered with 200 without a change: queries, and removals of what was not there.
    pub queried: u64,
    /// Answered with 401.
    pub challenged: u64,
    /// Answered with a 4xx other than 401, a 500 or a 513: the client's fault.
    pub refused: u64,
    /// Answered with 503: a look-up or a store failed, or a limit was reached.
    pub unavailable: u64,
    /// Bindings from the store that had no place (`max_aors`).
    pub not_loaded: u64,
}
