//! Why a change was not stored or a row not read.

use offhook_database::DatabaseError;

/// Everything that can go wrong in a location store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// More changes wait than the queue may hold. The database is slower than the registrations.
    #[error("too many changes of bindings are waiting for the database")]
    QueueFull,
    /// The writer has ended.
    #[error("the writer of bindings is closed")]
    Closed,
    /// The database refuses this change, and accepts others.
    #[error("a change of a binding was refused: {0}")]
    Rejected(#[source] DatabaseError),
    /// The database cannot be used at this time. Whether the change is stored is unknown.
    #[error("bindings cannot be stored: {0}")]
    Unavailable(#[source] DatabaseError),
}

impl StoreError {
    /// Whether the same transaction may succeed if it is repeated at once.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self, Self::Unavailable(error) if error.is_contention())
    }

    /// Whether the change is at fault, and not the database.
    pub(crate) fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        if error.is_rejection() { Self::Rejected(error) } else { Self::Unavailable(error) }
    }
}
