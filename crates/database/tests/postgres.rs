//! Opening Postgres databases, good and bad.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use offhook_database::testing::TemporaryPostgres;
use offhook_database::{Database, DatabaseError, DatabaseOptions, Dialect, Pool};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::net::TcpListener;

/// One server for all, because starting it takes the most time.
#[tokio::test]
async fn postgres() {
    let server = TemporaryPostgres::start().await.unwrap();
    many_may_open_a_new_database_at_once(&server).await;
    settings_that_would_lose_commits_are_raised(&server).await;
    what_is_wrong_with_a_server_is_told_apart(&server).await;
    a_newer_schema_is_left_alone(&server).await;
    a_query_that_takes_too_long_gives_an_error(&server).await;
    broken_connections_are_replaced(&server).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let error = open(&format!("postgres://u:secret@{address}/d")).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_gives_an_error() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u@{}/d", silent.local_addr().unwrap()).parse().unwrap();
    let connect_timeout = Duration::from_millis(50);
    let options = DatabaseOptions { connect_timeout, ..DatabaseOptions::default() };
    let error = Database::open(&url, options).await.unwrap_err();
    assert!(
        matches!(error, DatabaseError::TimedOut { after, .. } if after == connect_timeout),
        "{error}"
    );
}

async fn many_may_open_a_new_database_at_once(server: &TemporaryPostgres) {
    let url = server.create_database().await.unwrap();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url).await })
        })
        .collect();
    for opened in opening {
        let database = opened.await.unwrap().unwrap();
        assert_eq!(database.dialect(), Dialect::Postgres);
        database.ping().await.unwrap();
        database.check_writable().await.unwrap();
    }
}

async fn settings_that_would_lose_commits_are_raised(server: &TemporaryPostgres) {
    for (configured, effective) in [("off", "on"), ("remote_apply", "remote_apply")] {
        let url = server.create_database().await.unwrap();
        administer(server, &url, &format!("SET synchronous_commit = '{configured}'")).await;
        let database = open(&url).await.unwrap();
        let shown: String =
            sqlx::query_scalar("SHOW synchronous_commit").fetch_one(pool(&database)).await.unwrap();
        assert_eq!(shown, effective);
    }
}

async fn what_is_wrong_with_a_server_is_told_apart(server: &TemporaryPostgres) {
    let error = open(&server.url("missing")).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NoSuchDatabase { .. }), "{error}");

    let url = server.create_database().await.unwrap();
    let error = open(&url.replace("postgres@", "nobody:secret@")).await.unwrap_err();
    assert!(matches!(error, DatabaseError::LoginRefused { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");

    let database = open(&server.create_database().await.unwrap()).await.unwrap();
    sqlx::query("CREATE ROLE guest LOGIN").execute(pool(&database)).await.unwrap();
    let error = open(&url.replace("postgres@", "guest@")).await.unwrap_err();
    assert!(matches!(error, DatabaseError::PermissionDenied { .. }), "{error}");

    open(&url).await.unwrap().close().await;
    administer(server, &url, "SET default_transaction_read_only = on").await;
    let database = open(&url).await;
    let error = match database {
        Ok(database) => database.check_writable().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, DatabaseError::ReadOnly { .. }), "{error}");
}

async fn a_newer_schema_is_left_alone(server: &TemporaryPostgres) {
    let url = server.create_database().await.unwrap();
    let database = open(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'from the future', TRUE, '', 0)",
    )
    .execute(pool(&database))
    .await
    .unwrap();
    let error = open(&url).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NewerSchema { found: 999, .. }), "{error}");
}

async fn a_query_that_takes_too_long_gives_an_error(server: &TemporaryPostgres) {
    let url = server.create_database().await.unwrap().parse().unwrap();
    let options = DatabaseOptions {
        max_connections: 1,
        query_timeout: Duration::from_millis(50),
        ..DatabaseOptions::default()
    };
    let database = Database::open(&url, options).await.unwrap();
    let sleep = async { sqlx::query("SELECT pg_sleep(0.3)").execute(pool(&database)).await };
    let error = database.within(sleep).await.unwrap_err();
    assert!(matches!(error, DatabaseError::TimedOut { .. }), "{error}");
    // The only connection is usable again once its answer is in.
    while database.ping().await.is_err() {}
}

async fn broken_connections_are_replaced(server: &TemporaryPostgres) {
    let url = server.create_database().await.unwrap();
    let database = open(&url).await.unwrap();
    database.ping().await.unwrap();
    let administrator = PgPool::connect(&server.url("postgres")).await.unwrap();
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1",
    )
    .bind(database_name(&url))
    .fetch_one(&administrator)
    .await
    .unwrap();
    assert!(ended > 0);
    database.ping().await.unwrap();
}

async fn open(url: &str) -> Result<Database, DatabaseError> {
    Database::open(&url.parse()?, DatabaseOptions::default()).await
}

async fn administer(server: &TemporaryPostgres, url: &str, setting: &str) {
    let administrator = PgPool::connect(&server.url("postgres")).await.unwrap();
    let statement = format!("ALTER DATABASE {} {setting}", database_name(url));
    sqlx::query(AssertSqlSafe(statement)).execute(&administrator).await.unwrap();
}

fn database_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

fn pool(database: &Database) -> &PgPool {
    match database.pool() {
        Pool::Postgres(pool) => pool,
        Pool::Sqlite(_) => panic!("{database:?} is not Postgres"),
    }
}
