//! A database, opened.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::url::Target;
use crate::{DatabaseError, DatabaseUrl, Dialect, postgres, sqlite};

/// An open database with its schema up to date. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
    /// The URL without password, for errors.
    name: Arc<str>,
    options: DatabaseOptions,
}

/// The connections of a [`Database`], by dialect.
#[derive(Clone, Debug)]
pub enum Pool {
    /// Connections to a Postgres server.
    Postgres(PgPool),
    /// Connections to a SQLite file.
    Sqlite(SqlitePool),
}

/// Limits of a [`Database`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// Connections held at most. A database in memory always has one.
    pub max_connections: u32,
    /// How long to try to connect when opening.
    pub connect_timeout: Duration,
    /// How long a piece of work may wait for a free connection.
    pub acquire_timeout: Duration,
    /// How long a piece of work may take altogether, the wait for a connection included.
    pub query_timeout: Duration,
    /// How long to wait for another process's migration, and how long a migration may take.
    pub migration_timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            connect_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(3),
            query_timeout: Duration::from_secs(5),
            migration_timeout: Duration::from_secs(60),
        }
    }
}

impl Database {
    /// Opens the database, creates a missing SQLite file (mode 0600), and brings the schema up to date. Safe when
    /// several processes do so at once.
    ///
    /// # Errors
    /// Whatever keeps the database from being used, see [`DatabaseError`].
    pub async fn open(url: &DatabaseUrl, options: DatabaseOptions) -> Result<Self, DatabaseError> {
        let name = Arc::from(url.to_string());
        let pool = match url.target() {
            Target::Postgres(text) => Pool::Postgres(postgres::open(text, &name, &options).await?),
            Target::SqliteFile(path) => {
                Pool::Sqlite(sqlite::open(Some(path), &name, &options).await?)
            }
            Target::SqliteMemory => Pool::Sqlite(sqlite::open(None, &name, &options).await?),
        };
        Ok(Self { pool, name, options })
    }

    /// The connections, for [`with_pool!`](crate::with_pool) and for what differs between the dialects.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Which SQL this database speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match &self.pool {
            Pool::Postgres(_) => Dialect::Postgres,
            Pool::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// The database's URL without password.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does `work`, bounded by [`DatabaseOptions::query_timeout`]. Dropped work rolls its transaction back.
    ///
    /// # Errors
    /// The driver's error, sorted; [`DatabaseError::TimedOut`] when time is up.
    pub async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, DatabaseError> {
        let after = self.options.query_timeout;
        match tokio::time::timeout(after, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.sort(error)),
            Err(_) => Err(DatabaseError::TimedOut { database: self.name.to_string(), after }),
        }
    }

    /// Sorts an error of the driver that occurred on this database.
    #[must_use]
    pub fn sort(&self, error: sqlx::Error) -> DatabaseError {
        DatabaseError::from_sqlx(error, &self.name, self.options.acquire_timeout)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// What keeps it from answering.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.within(async {
            crate::with_pool!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))
        })
        .await
    }

    /// Checks that a write would be accepted, and changes nothing.
    ///
    /// # Errors
    /// What forbids it: [`DatabaseError::ReadOnly`], [`DatabaseError::PermissionDenied`] and the like.
    pub async fn check_writable(&self) -> Result<(), DatabaseError> {
        self.within(async {
            crate::with_pool!(self, pool => {
                let mut transaction = pool.begin_write().await?;
                sqlx::query("UPDATE directory_version SET version = version + 1")
                    .execute(&mut *transaction)
                    .await?;
                transaction.rollback().await
            })
        })
        .await
    }

    /// Closes every connection, waiting for the work under way.
    pub async fn close(&self) {
        crate::with_pool!(self, pool => pool.close().await);
    }
}

/// Starts a transaction that writes.
///
/// SQLite has one writer at a time. A transaction that begins as a reader and turns writer fails at once when another
/// wrote meanwhile, without the busy timeout being honoured; so it takes the write lock from the start.
pub trait BeginWrite {
    /// The driver.
    type Driver: sqlx::Database;

    /// Starts the transaction; dropping it rolls it back.
    fn begin_write(
        &self,
    ) -> impl Future<Output = Result<Transaction<'static, Self::Driver>, sqlx::Error>> + Send;
}

impl BeginWrite for PgPool {
    type Driver = Postgres;

    async fn begin_write(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.begin().await
    }
}

impl BeginWrite for SqlitePool {
    type Driver = Sqlite;

    async fn begin_write(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.begin_with("BEGIN IMMEDIATE").await
    }
}

/// Compiles one expression against both drivers and runs it on the one a [`Database`] has.
///
/// ```
/// # use offhook_database::{Database, DatabaseError, with_pool};
/// async fn two(database: &Database) -> Result<i64, DatabaseError> {
///     let work = async {
///         with_pool!(database, pool => {
///             sqlx::query_scalar("SELECT $1 + CAST(1 AS BIGINT)").bind(1_i64).fetch_one(pool).await
///         })
///     };
///     database.within(work).await
/// }
/// ```
#[macro_export]
macro_rules! with_pool {
    ($database:expr, $pool:ident => $work:expr) => {
        match $database.pool() {
            $crate::Pool::Postgres($pool) => $work,
            $crate::Pool::Sqlite($pool) => $work,
        }
    };
}
