//! Opening a Postgres database.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::{DatabaseError, DatabaseOptions, migrations};

/// Serialises migrations of processes that start at once. The number is arbitrary and must never change.
const MIGRATION_LOCK: i64 = 0x6f66_6668_6f6f_6b01;

/// How long a connection that was given back in an unknown state may take to become usable again.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Connects once, so that a wrong setting is named at once, migrates on that connection, and sets up the pool.
pub(crate) async fn open(
    url: &str,
    name: &str,
    options: &DatabaseOptions,
) -> Result<PgPool, DatabaseError> {
    let connect = PgConnectOptions::from_str(url)
        .map_err(|error| DatabaseError::InvalidUrl { reason: error.to_string() })?
        .application_name("offhook");
    let after = options.connect_timeout;
    let mut connection = match tokio::time::timeout(after, connect.connect()).await {
        Ok(connected) => connected
            .map_err(|error| DatabaseError::from_sqlx(error, name, options.acquire_timeout))?,
        Err(_) => return Err(DatabaseError::TimedOut { database: name.to_owned(), after }),
    };
    let after = options.migration_timeout;
    match tokio::time::timeout(after, migrate(&mut connection)).await {
        Ok(migrated) => migrated.map_err(|error| {
            DatabaseError::from_migration(error, name, migrations::LATEST, options.acquire_timeout)
        })?,
        Err(_) => return Err(DatabaseError::TimedOut { database: name.to_owned(), after }),
    }
    // The server drops the session in any case.
    drop(connection.close().await);
    Ok(pool(connect, options))
}

async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *transaction)
        .await?;
    migrations::run_on_postgres(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

fn pool(connect: PgConnectOptions, options: &DatabaseOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(options.acquire_timeout)
        .after_connect(|connection, _| Box::pin(insist_on_durable_commits(connection)))
        // Work that ran out of time leaves its connection waiting for an answer that may never come. Such a connection
        // must not hold its place in the pool until TCP gives up.
        .after_release(|connection, _| {
            Box::pin(async move {
                tokio::time::timeout(RELEASE_TIMEOUT, connection.ping())
                    .await
                    .unwrap_or(Err(sqlx::Error::PoolTimedOut))
                    .map(|()| true)
            })
        })
        .connect_lazy_with(connect)
}

/// Raises `synchronous_commit` where it is off, and leaves the stronger settings of a replicated server alone.
async fn insist_on_durable_commits(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') = 'off'",
    )
    .execute(connection)
    .await
    .map(drop)
}
