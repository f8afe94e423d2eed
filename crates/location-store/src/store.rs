//! What a location store can do.

use std::future::Future;

use crate::{BindingRow, Change, Filter, Position, StoreError};

/// Bindings kept outside the process.
pub trait LocationStore: Send + Sync + 'static {
    /// Makes `changes` durable in one transaction, as if applied in their order. All or none are applied.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when a change is at fault, [`StoreError::Unavailable`] when the store is.
    fn commit(&self, changes: &[Change]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Up to `limit` bindings that pass `filter`, ordered by address of record and contact key, from behind `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn list(
        &self,
        filter: &Filter,
        after: Option<&Position>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<BindingRow>, StoreError>> + Send;

    /// How many bindings end after `now_ms`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn count(&self, now_ms: i64) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Removes up to `limit` of the bindings that have ended by `now_ms`, and says how many they were: fewer than
    /// `limit` means that none is left. Nodes with clocks that differ should pass a time that is past for all of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn remove_expired(
        &self,
        now_ms: i64,
        limit: u32,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Hands every binding that ends after `now_ms` to `visit`, a page at a time from the store, and says how many
    /// they were. Bindings that change meanwhile may be seen as before or after.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; some bindings may have been visited.
    fn load_all(
        &self,
        now_ms: i64,
        mut visit: impl FnMut(BindingRow) + Send,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async move {
            let filter = Filter { aor: None, live_at_ms: Some(now_ms) };
            let mut after: Option<Position> = None;
            let mut visited = 0;
            loop {
                let page = self.list(&filter, after.as_ref(), LOAD_PAGE_ROWS).await?;
                visited += page.len() as u64;
                let is_last = page.len() < LOAD_PAGE_ROWS as usize;
                after = page.last().map(BindingRow::position);
                page.into_iter().for_each(&mut visit);
                if is_last {
                    return Ok(visited);
                }
            }
        }
    }
}

/// Small enough to stay within the time allowed for one query on a slow disk, large enough to make round trips cheap.
const LOAD_PAGE_ROWS: u32 = 10_000;
