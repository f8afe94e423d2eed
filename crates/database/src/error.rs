//! What can be wrong with a database.

use std::io;
use std::time::Duration;

use sqlx::migrate::MigrateError;

/// Everything that can go wrong between a store and its database.
///
/// Texts name the database without its password. [`is_rejection`](Self::is_rejection) and
/// [`is_contention`](Self::is_contention) tell a caller what a second attempt can achieve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The URL names no database that this program can open.
    #[error("the database URL is not usable: {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not answer, or the connection to it broke.
    #[error("cannot reach the database {database}: {reason}")]
    Unreachable {
        /// The database's URL without password.
        database: String,
        /// The system's or the server's words.
        reason: String,
    },
    /// The server refuses this user or password.
    #[error("the database {database} refuses the login: {reason}")]
    LoginRefused {
        /// The database's URL without password.
        database: String,
        /// The server's words.
        reason: String,
    },
    /// The server has no database of this name.
    #[error("there is no such database: {database}")]
    NoSuchDatabase {
        /// The database's URL without password.
        database: String,
    },
    /// The folder that should hold the SQLite file does not exist.
    #[error("the folder of the database {database} does not exist; create it first")]
    FolderMissing {
        /// The database's URL.
        database: String,
    },
    /// The file system or the server forbids what is needed.
    #[error("no permission on the database {database}: {reason}")]
    PermissionDenied {
        /// The database's URL without password.
        database: String,
        /// The system's or the server's words.
        reason: String,
    },
    /// The database, its folder or its server accepts no writes.
    #[error("the database {database} is read-only: {reason}")]
    ReadOnly {
        /// The database's URL without password.
        database: String,
        /// The system's or the server's words.
        reason: String,
    },
    /// The file exists and is something other than a SQLite database.
    #[error("{database} is not a SQLite database")]
    NotADatabase {
        /// The database's URL.
        database: String,
    },
    /// The database's own structure is damaged.
    #[error("the database {database} is damaged: {reason}")]
    Corrupt {
        /// The database's URL without password.
        database: String,
        /// The engine's words.
        reason: String,
    },
    /// A newer release has migrated this database.
    #[error(
        "the database {database} has schema version {found}, and this program knows versions up to {known}; \
         run a newer release"
    )]
    NewerSchema {
        /// The database's URL without password.
        database: String,
        /// The version found.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The schema cannot be brought up to date.
    #[error("cannot migrate the database {database}: {reason}")]
    MigrationFailed {
        /// The database's URL without password.
        database: String,
        /// Which step failed, and why.
        reason: String,
    },
    /// No room is left for the data.
    #[error("the disk of the database {database} is full")]
    DiskFull {
        /// The database's URL without password.
        database: String,
    },
    /// The disk does not do as it is told.
    #[error("the storage of the database {database} fails: {reason}")]
    StorageFailed {
        /// The database's URL without password.
        database: String,
        /// The system's or the engine's words.
        reason: String,
    },
    /// Other transactions stood in the way (lock, deadlock, serialization); a repeat may succeed.
    #[error("the database {database} is busy: {reason}")]
    Busy {
        /// The database's URL without password.
        database: String,
        /// The engine's words.
        reason: String,
    },
    /// No answer within the time allowed.
    #[error("the database {database} did not answer within {} ms", .after.as_millis())]
    TimedOut {
        /// The database's URL without password.
        database: String,
        /// The time allowed.
        after: Duration,
    },
    /// The pool was closed by this program.
    #[error("the database is closed")]
    Closed,
    /// The data themselves violate a constraint or cannot be represented; a repeat fails alike.
    #[error("the database {database} refuses the data: {reason}")]
    Rejected {
        /// The database's URL without password.
        database: String,
        /// The engine's words.
        reason: String,
    },
    /// A statement or an answer is not as this program expects: the schema was changed by hand, or a bug.
    #[error("unexpected answer of the database {database}: {reason}")]
    Unexpected {
        /// The database's URL without password.
        database: String,
        /// The driver's words.
        reason: String,
    },
}

impl DatabaseError {
    /// Whether the data are at fault, and not the database: other data may well be accepted.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// Whether the same transaction may succeed if it is repeated at once.
    #[must_use]
    pub fn is_contention(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Sorts an error of the driver. `database` is the URL without password.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
    pub(crate) fn from_sqlx(error: sqlx::Error, database: &str, acquire: Duration) -> Self {
        let database = database.to_owned();
        match error {
            sqlx::Error::Database(error) => Self::from_engine(&*error, database),
            sqlx::Error::Io(error) => Self::from_io(&error, database),
            sqlx::Error::Tls(error) => Self::Unreachable { database, reason: error.to_string() },
            sqlx::Error::WorkerCrashed => {
                Self::Unreachable { database, reason: "its worker thread ended".to_owned() }
            }
            sqlx::Error::PoolTimedOut => Self::TimedOut { database, after: acquire },
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::Encode(error) => Self::Rejected { database, reason: error.to_string() },
            sqlx::Error::Configuration(error) => Self::InvalidUrl { reason: error.to_string() },
            sqlx::Error::Migrate(error) => {
                Self::MigrationFailed { database, reason: error.to_string() }
            }
            other => Self::Unexpected { database, reason: other.to_string() },
        }
    }

    /// Sorts an error of a migration run. `known` is the newest version this program has.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
    pub(crate) fn from_migration(
        error: MigrateError,
        database: &str,
        known: i64,
        acquire: Duration,
    ) -> Self {
        match error {
            MigrateError::Execute(error) => Self::from_sqlx(error, database, acquire),
            MigrateError::VersionMissing(found) if found > known => {
                Self::NewerSchema { database: database.to_owned(), found, known }
            }
            MigrateError::ExecuteMigration(error, version) => {
                let sorted = Self::from_sqlx(error, database, acquire);
                if let Self::Unexpected { database, reason } | Self::Rejected { database, reason } =
                    sorted
                {
                    let reason = format!("step {version}: {reason}");
                    return Self::MigrationFailed { database, reason };
                }
                sorted
            }
            other => {
                Self::MigrationFailed { database: database.to_owned(), reason: other.to_string() }
            }
        }
    }

    /// Sorts an error of the operating system.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that may grow")]
    pub(crate) fn from_io(error: &io::Error, database: String) -> Self {
        let reason = error.to_string();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { database, reason },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { database, reason },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { database }
            }
            _ => Self::Unreachable { database, reason },
        }
    }

    fn from_engine(error: &dyn sqlx::error::DatabaseError, database: String) -> Self {
        let reason = error.message().to_owned();
        let code = error.code().unwrap_or_default();
        if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
            return Self::from_sqlite(code.parse().unwrap_or(0), database, reason);
        }
        Self::from_sqlstate(&code, database, reason)
    }

    /// Sorts a SQLite result code by its primary part (<https://sqlite.org/rescode.html>).
    fn from_sqlite(code: i32, database: String, reason: String) -> Self {
        match code & 0xff {
            5 | 6 => Self::Busy { database, reason },
            8 => Self::ReadOnly { database, reason },
            3 | 14 | 23 => Self::PermissionDenied { database, reason },
            13 => Self::DiskFull { database },
            26 => Self::NotADatabase { database },
            11 => Self::Corrupt { database, reason },
            10 | 7 => Self::StorageFailed { database, reason },
            18 | 19 | 20 | 25 => Self::Rejected { database, reason },
            _ => Self::Unexpected { database, reason },
        }
    }

    /// Sorts a SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
    fn from_sqlstate(code: &str, database: String, reason: String) -> Self {
        match code {
            "28000" | "28P01" => Self::LoginRefused { database, reason },
            "3D000" => Self::NoSuchDatabase { database },
            "42501" => Self::PermissionDenied { database, reason },
            "25006" => Self::ReadOnly { database, reason },
            "53100" => Self::DiskFull { database },
            "40001" | "40P01" | "55P03" => Self::Busy { database, reason },
            "58030" => Self::StorageFailed { database, reason },
            "XX001" | "XX002" => Self::Corrupt { database, reason },
            _ => match code.get(..2) {
                // Data exceptions and violated constraints.
                Some("22" | "23") => Self::Rejected { database, reason },
                // Connection exceptions, insufficient resources, operator intervention.
                Some("08" | "53" | "57") => Self::Unreachable { database, reason },
                Some(_) | None => Self::Unexpected { database, reason },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_sorted_by_what_to_do() {
        let name = || "db".to_owned();
        let sorted = |code| DatabaseError::from_sqlstate(code, name(), "r".to_owned());
        assert!(sorted("40P01").is_contention());
        assert!(sorted("40001").is_contention());
        assert!(sorted("23505").is_rejection());
        assert!(sorted("22021").is_rejection());
        assert_eq!(sorted("53100"), DatabaseError::DiskFull { database: name() });
        for code in ["57P01", "57P03", "08006", "53300"] {
            assert!(matches!(sorted(code), DatabaseError::Unreachable { .. }), "{code}");
        }
        for code in ["", "4", "42P01"] {
            assert!(matches!(sorted(code), DatabaseError::Unexpected { .. }), "{code}");
        }
    }
}
