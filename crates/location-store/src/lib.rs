//! Durable bindings: where each address of record can be reached (RFC 3261 section 10), on Postgres or SQLite.
//!
//! A registrar answers a REGISTER from memory, but only after the change is durable. [`Writer`] makes that cheap: it
//! gathers the changes of many REGISTERs into one transaction (group commit) and then calls each of them back.
//! [`LocationStore`] is what it writes to; [`SqlLocationStore`] is that on a real database.
//!
//! ```
//! # use offhook_location_store::{BindingRow, Change, LocationStore, StoreError, Writer, WriterOptions};
//! # async fn example(store: impl LocationStore, binding: BindingRow) -> Result<(), StoreError> {
//! store.load_all(1_700_000_000_000, |row| println!("{} is at {}", row.aor, row.contact)).await?;
//! let (writer, _task) = Writer::spawn(store, WriterOptions::default());
//! writer.submit(vec![Change::Upsert(binding)], |outcome| match outcome {
//!     Ok(()) => println!("200"),
//!     Err(error) => println!("503: {error}"),
//! })
//! # }
//! ```

mod binding;
mod error;
mod group;
mod sql;
mod store;
mod writer;

pub use self::binding::{BindingRow, Change, Filter, Position};
pub use self::error::StoreError;
pub use self::sql::SqlLocationStore;
pub use self::store::LocationStore;
pub use self::writer::{Writer, WriterOptions, WriterStats};
