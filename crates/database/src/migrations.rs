//! Brings a schema up to date.
//!
//! The SQL is compiled in, one file for each step in `migrations/postgres` and `migrations/sqlite`. A step is never
//! edited once released; a change is a further step, and it must leave the release before it able to work.

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr, SqliteConnection};

/// One schema change: version, name, and its text in each dialect.
struct Step {
    version: i64,
    name: &'static str,
    postgres: &'static str,
    sqlite: &'static str,
}

macro_rules! step {
    ($version:literal, $name:literal, $file:literal) => {
        Step {
            version: $version,
            name: $name,
            postgres: include_str!(concat!("../../../migrations/postgres/", $file)),
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $file)),
        }
    };
}

const STEPS: [Step; 1] = [step!(1, "location and directory", "0001_location_and_directory.sql")];

/// The newest schema version this program knows.
pub(crate) const LATEST: i64 = STEPS[STEPS.len() - 1].version;

/// Applies what is missing, inside the caller's transaction.
pub(crate) async fn run_on_postgres(connection: &mut PgConnection) -> Result<(), MigrateError> {
    run(migrator(|step| step.postgres), connection).await
}

/// Applies what is missing, inside the caller's transaction.
pub(crate) async fn run_on_sqlite(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    run(migrator(|step| step.sqlite), connection).await
}

/// `Migrator::run` is generic in a way that keeps its future from being `Send`; this is the form that is not.
async fn run(migrator: Migrator, connection: &mut impl Migrate) -> Result<(), MigrateError> {
    let every_step = None;
    let only_record = false;
    migrator.run_direct(every_step, connection, only_record).await
}

fn migrator(sql: impl Fn(&Step) -> &'static str) -> Migrator {
    let migrations = STEPS
        .iter()
        .map(|step| {
            let text = sql(step).into_sql_str();
            Migration::new(step.version, step.name.into(), MigrationType::Simple, text, false)
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    // The caller's transaction holds the lock: it ends with the transaction, whatever the outcome.
    migrator.set_locking(false);
    migrator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_step_in_both_dialects() {
        for folder in ["postgres", "sqlite"] {
            let path = format!("{}/../../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let files = std::fs::read_dir(path).unwrap().count();
            assert_eq!(files, STEPS.len(), "{folder}");
        }
        assert!(STEPS.is_sorted_by_key(|step| step.version));
        assert_eq!(usize::try_from(LATEST).unwrap(), STEPS.len());
    }
}
