//! Opening SQLite databases, good and bad.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use offhook_database::{Database, DatabaseError, DatabaseOptions, DatabaseUrl, Pool};
use sqlx::SqlitePool;

#[tokio::test]
async fn a_missing_file_is_created_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b%20?.db");
    let database = open(&path).await.unwrap();
    database.ping().await.unwrap();
    database.check_writable().await.unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    assert!(path.exists());
}

#[tokio::test]
async fn a_commit_that_returned_survives_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await.unwrap();
    let pool = pool(&database);
    let journal_mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
    assert_eq!(journal_mode, "wal");
    const FULL: i64 = 2;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await.unwrap();
    assert_eq!(synchronous, FULL);
    let foreign_keys: i64 =
        sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(pool).await.unwrap();
    assert_eq!(foreign_keys, 1);
}

#[tokio::test]
async fn a_database_in_memory_is_one_database() {
    let url = "sqlite::memory:".parse().unwrap();
    let database = Database::open(&url, DatabaseOptions::default()).await.unwrap();
    let pool = pool(&database);
    let insert = "INSERT INTO secrets (name, value) VALUES ('a', x'00')";
    sqlx::query(insert).execute(pool).await.unwrap();
    let (first, second) = tokio::join!(count_secrets(pool), count_secrets(pool));
    assert_eq!((first, second), (1, 1));
}

#[tokio::test]
async fn many_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path).await })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap().ping().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();

    let error = open(&folder.path().join("missing/a.db")).await.unwrap_err();
    assert!(matches!(error, DatabaseError::FolderMissing { .. }), "{error}");

    let text = folder.path().join("text");
    fs::write(
        &text,
        "This is a text, and longer than the header of a database would be.".repeat(9),
    )
    .unwrap();
    let error = open(&text).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NotADatabase { .. }), "{error}");
    let error = open(&text.join("a.db")).await.unwrap_err();
    assert!(matches!(error, DatabaseError::FolderMissing { .. }), "{error}");

    let error = open(folder.path()).await.unwrap_err();
    assert!(matches!(error, DatabaseError::PermissionDenied { .. }), "{error}");

    // Nobody may create files there, root included.
    let error = open(Path::new("/sys/offhook.db")).await.unwrap_err();
    assert!(
        matches!(error, DatabaseError::PermissionDenied { .. } | DatabaseError::ReadOnly { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("/sys"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let database = open(&path).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'from the future', TRUE, x'00', 0)",
    )
    .execute(pool(&database))
    .await
    .unwrap();
    let error = open(&path).await.unwrap_err();
    let DatabaseError::NewerSchema { found: 999, known, .. } = error else { panic!("{error}") };
    assert!(known < 999);
}

#[tokio::test]
async fn an_edited_schema_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let database = open(&path).await.unwrap();
    let edit = "UPDATE _sqlx_migrations SET checksum = x'00'";
    sqlx::query(edit).execute(pool(&database)).await.unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, DatabaseError::MigrationFailed { .. }), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full() {
    let folder = tempfile::tempdir().unwrap();
    let options = DatabaseOptions { max_connections: 1, ..DatabaseOptions::default() };
    let url = DatabaseUrl::sqlite_file(folder.path().join("a.db"));
    let database = Database::open(&url, options).await.unwrap();
    let pool = pool(&database);
    // No page beyond those in use.
    sqlx::query("PRAGMA max_page_count = 1").execute(pool).await.unwrap();
    let insert = "INSERT INTO secrets (name, value) VALUES ('a', zeroblob(1000000))";
    let error =
        database.within(async { sqlx::query(insert).execute(pool).await }).await.unwrap_err();
    assert!(matches!(error, DatabaseError::DiskFull { .. }), "{error}");
}

#[tokio::test]
async fn a_lock_that_is_not_released_gives_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let database = open(&path).await.unwrap();
    let options = DatabaseOptions {
        acquire_timeout: Duration::from_millis(50),
        ..DatabaseOptions::default()
    };
    let other = Database::open(&DatabaseUrl::sqlite_file(&path), options).await.unwrap();
    let lock = pool(&database).begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = other.check_writable().await.unwrap_err();
    assert!(error.is_contention(), "{error}");
    // Reading goes on.
    other.ping().await.unwrap();
    lock.rollback().await.unwrap();
    other.check_writable().await.unwrap();
}

#[tokio::test]
async fn a_closed_database_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).await.unwrap();
    database.close().await;
    assert_eq!(database.ping().await, Err(DatabaseError::Closed));
}

async fn open(path: &Path) -> Result<Database, DatabaseError> {
    Database::open(&DatabaseUrl::sqlite_file(path), DatabaseOptions::default()).await
}

fn pool(database: &Database) -> &SqlitePool {
    match database.pool() {
        Pool::Sqlite(pool) => pool,
        Pool::Postgres(_) => panic!("{database:?} is not SQLite"),
    }
}

async fn count_secrets(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM secrets").fetch_one(pool).await.unwrap()
}
