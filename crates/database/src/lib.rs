//! The one place that opens a database: connection pools, migrations, deadlines and the two SQL dialects.
//!
//! Offhook runs on Postgres (many nodes) or on an embedded SQLite file (one node). A store crate keeps its SQL to what
//! both understand (`$1` placeholders, `ON CONFLICT`, `BIGINT` milliseconds) and runs it through [`with_pool!`], which
//! compiles one text against both drivers. Where the dialects must differ, the store matches on [`Pool`].
//!
//! Two promises hold for everything built on this crate:
//! - **A commit that returned is durable.** SQLite runs with a write-ahead log and `synchronous=FULL`; a Postgres
//!   session whose `synchronous_commit` is `off` is raised to `on`.
//! - **A database that does not answer gives an error, not a hang.** Work goes through [`Database::within`], which
//!   bounds it by [`DatabaseOptions::query_timeout`] and turns the driver's errors into [`DatabaseError`].

mod database;
mod error;
mod migrations;
mod postgres;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
mod url;

pub use self::database::{BeginWrite, Database, DatabaseOptions, Pool};
pub use self::error::DatabaseError;
pub use self::url::{DatabaseUrl, Dialect};
