//! Opening a SQLite database.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use crate::{DatabaseError, DatabaseOptions, migrations};

/// How long to wait before trying again to enter write-ahead mode, which SQLite itself does not wait for.
const JOURNAL_MODE_RETRY: Duration = Duration::from_millis(20);

/// Creates the file where it is missing, migrates, and sets up the pool. `None` is a database in memory.
pub(crate) async fn open(
    path: Option<&Path>,
    name: &str,
    options: &DatabaseOptions,
) -> Result<SqlitePool, DatabaseError> {
    if let Some(path) = path {
        create_if_missing(path).map_err(|error| path_error(path, &error, name))?;
    }
    let connect = connect_options(path, options);
    let Some(_) = path else {
        // Each connection is a database of its own, so there is one, and it stays.
        let pool = pool(1, connect, options);
        let mut connection = pool
            .acquire()
            .await
            .map_err(|error| DatabaseError::from_sqlx(error, name, options.acquire_timeout))?;
        migrate(&mut connection).await.map_err(|error| migration_error(error, name, options))?;
        drop(connection);
        return Ok(pool);
    };
    let mut connection = first_connection(&connect, name, options).await?;
    let after = options.migration_timeout;
    match tokio::time::timeout(after, migrate(&mut connection)).await {
        Ok(migrated) => migrated.map_err(|error| migration_error(error, name, options))?,
        Err(_) => return Err(DatabaseError::TimedOut { database: name.to_owned(), after }),
    }
    let pool = pool(options.max_connections.max(1), connect, options);
    drop(connection.close().await);
    Ok(pool)
}

/// Creates an empty file that only its owner may read: it will hold credentials. SQLite gives the files of its log the
/// same mode.
///
/// A file that exists is not opened here: closing any descriptor of it would drop the locks that SQLite holds on it in
/// this process.
fn create_if_missing(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn path_error(path: &Path, error: &io::Error, name: &str) -> DatabaseError {
    let database = name.to_owned();
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        return DatabaseError::FolderMissing { database };
    }
    let folder = path.parent().unwrap_or(path).display();
    let reason = format!("cannot create a file in {folder}: {error}");
    DatabaseError::from_io(&io::Error::new(error.kind(), reason), database)
}

fn connect_options(path: Option<&Path>, options: &DatabaseOptions) -> SqliteConnectOptions {
    let connect = match path {
        // A bare name such as `file:x` would be taken for a URI.
        Some(path) if path.is_relative() => {
            SqliteConnectOptions::new().filename(Path::new(".").join(path))
        }
        Some(path) => SqliteConnectOptions::new().filename(path),
        None => SqliteConnectOptions::new().in_memory(true),
    };
    connect
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.acquire_timeout)
        .thread_name(|id| format!("sqlite-{id}"))
}

/// Connects once, so that a wrong setting is named at once.
async fn first_connection(
    connect: &SqliteConnectOptions,
    name: &str,
    options: &DatabaseOptions,
) -> Result<SqliteConnection, DatabaseError> {
    let attempts = async {
        loop {
            let connected = connect.connect().await;
            match connected
                .map_err(|error| DatabaseError::from_sqlx(error, name, options.acquire_timeout))
            {
                Err(error) if error.is_contention() => {
                    tokio::time::sleep(JOURNAL_MODE_RETRY).await;
                }
                settled => return settled,
            }
        }
    };
    let after = options.connect_timeout;
    match tokio::time::timeout(after, attempts).await {
        Ok(connected) => connected,
        Err(_) => Err(DatabaseError::TimedOut { database: name.to_owned(), after }),
    }
}

/// Holds the write lock for the whole run, so that processes that start at once migrate one after the other.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrations::run_on_sqlite(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

fn migration_error(error: MigrateError, name: &str, options: &DatabaseOptions) -> DatabaseError {
    DatabaseError::from_migration(error, name, migrations::LATEST, options.acquire_timeout)
}

fn pool(connections: u32, connect: SqliteConnectOptions, options: &DatabaseOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        // A local file's connections do not go stale, and a database in memory dies with its connection.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(connect)
}
