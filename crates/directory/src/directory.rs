//! Users in a database.

use offhook_database::{BeginWrite, Database, with_pool};

use crate::password::{check_password, check_realm};
use crate::{DirectoryError, Ha1, NewUser, User, UserId};

/// Runs one statement that changes users, and raises the version in its transaction. Gives the number of rows changed.
macro_rules! change_users {
    ($database:expr, $statement:expr) => {{
        let work = async {
            with_pool!($database, pool => {
                let mut transaction = pool.begin_write().await?;
                let changed = $statement.execute(&mut *transaction).await?.rows_affected();
                if changed > 0 {
                    sqlx::query(RAISE_VERSION).execute(&mut *transaction).await?;
                    transaction.commit().await?;
                }
                Ok(changed)
            })
        };
        $database.within(work).await?
    }};
}

/// The users of a Postgres or SQLite database. Clones share the connections.
///
/// Times are milliseconds since the Unix epoch, and are the caller's.
#[derive(Clone, Debug)]
pub struct Directory {
    database: Database,
}

impl Directory {
    /// The users of `database`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds a user, enabled.
    ///
    /// # Errors
    /// [`DirectoryError::AlreadyExists`], a password or realm that cannot be, or the database's.
    pub async fn add(&self, user: NewUser<'_>, now_ms: i64) -> Result<(), DirectoryError> {
        let ha1 = checked_ha1(user)?;
        let added = change_users!(
            self.database,
            sqlx::query(ADD)
                .bind(user.id.domain())
                .bind(user.id.name())
                .bind(user.realm)
                .bind(&ha1.md5)
                .bind(&ha1.sha256)
                .bind(now_ms)
        );
        if added == 0 { Err(DirectoryError::AlreadyExists(user.id.clone())) } else { Ok(()) }
    }

    /// Gives a user another password, for `user.realm`.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], a password or realm that cannot be, or the database's.
    pub async fn set_password(&self, user: NewUser<'_>, now_ms: i64) -> Result<(), DirectoryError> {
        let ha1 = checked_ha1(user)?;
        let changed = change_users!(
            self.database,
            sqlx::query(SET_PASSWORD)
                .bind(user.id.domain())
                .bind(user.id.name())
                .bind(user.realm)
                .bind(&ha1.md5)
                .bind(&ha1.sha256)
                .bind(now_ms)
        );
        found(changed, user.id)
    }

    /// Lets a user register and call, or not.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or the database's.
    pub async fn set_enabled(
        &self,
        id: &UserId,
        enabled: bool,
        now_ms: i64,
    ) -> Result<(), DirectoryError> {
        let changed = change_users!(
            self.database,
            sqlx::query(SET_ENABLED).bind(id.domain()).bind(id.name()).bind(enabled).bind(now_ms)
        );
        found(changed, id)
    }

    /// Removes a user. Its bindings are another store's: the caller removes them afterwards, so that no REGISTER that
    /// was let in before can bring them back.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or the database's.
    pub async fn remove(&self, id: &UserId) -> Result<(), DirectoryError> {
        let removed = change_users!(
            self.database,
            sqlx::query("DELETE FROM users WHERE domain = $1 AND name = $2")
                .bind(id.domain())
                .bind(id.name())
        );
        found(removed, id)
    }

    /// The user called `id`.
    ///
    /// # Errors
    /// The database's.
    pub async fn find(&self, id: &UserId) -> Result<Option<User>, DirectoryError> {
        let work = async {
            with_pool!(self.database, pool => {
                sqlx::query_as(FIND).bind(id.domain()).bind(id.name()).fetch_optional(pool).await
            })
        };
        let row: Option<UserRow> = self.database.within(work).await?;
        row.map(user).transpose()
    }

    /// Up to `limit` users behind `after`, ordered by domain and name.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<User>, DirectoryError> {
        // No name is empty, so every user comes after the empty one.
        let (domain, name) = after.map_or(("", ""), |id| (id.domain(), id.name()));
        let work = async {
            with_pool!(self.database, pool => {
                sqlx::query_as(LIST)
                    .bind(domain)
                    .bind(name)
                    .bind(i64::from(limit))
                    .fetch_all(pool)
                    .await
            })
        };
        let rows: Vec<UserRow> = self.database.within(work).await?;
        rows.into_iter().map(user).collect()
    }

    /// How many users there are.
    ///
    /// # Errors
    /// The database's.
    pub async fn count(&self) -> Result<u64, DirectoryError> {
        let work = async {
            with_pool!(self.database, pool => {
                sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(pool).await
            })
        };
        let count: i64 = self.database.within(work).await?;
        Ok(count.cast_unsigned())
    }

    /// A number that every change of a user raises. Whoever caches users asks for it before reading them, and again
    /// from time to time: as long as it is the same, so are they.
    ///
    /// # Errors
    /// The database's.
    pub async fn version(&self) -> Result<u64, DirectoryError> {
        let work = async {
            with_pool!(self.database, pool => {
                sqlx::query_scalar("SELECT version FROM directory_version WHERE id = 1")
                    .fetch_one(pool)
                    .await
            })
        };
        let version: i64 = self.database.within(work).await?;
        Ok(version.cast_unsigned())
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }
}

fn checked_ha1(user: NewUser<'_>) -> Result<Ha1, DirectoryError> {
    check_password(user.password)?;
    check_realm(user.realm)?;
    Ok(Ha1::new(user.id.name(), user.realm, user.password))
}

fn found(rows: u64, id: &UserId) -> Result<(), DirectoryError> {
    if rows == 0 { Err(DirectoryError::NotFound(id.clone())) } else { Ok(()) }
}

/// The columns of `COLUMNS`, in their order.
type UserRow = (String, String, String, String, String, bool, i64, i64);

fn user(row: UserRow) -> Result<User, DirectoryError> {
    let (domain, name, realm, md5, sha256, enabled, created_at_ms, updated_at_ms) = row;
    let id = UserId::new(&name, &domain)?;
    Ok(User { id, realm, ha1: Ha1 { md5, sha256 }, enabled, created_at_ms, updated_at_ms })
}

const ADD: &str = "INSERT INTO users
         (domain, name, realm, ha1_md5, ha1_sha256, enabled, created_at_ms, updated_at_ms)
     VALUES ($1, $2, $3, $4, $5, TRUE, $6, $6) ON CONFLICT (domain, name) DO NOTHING";

const SET_PASSWORD: &str = "UPDATE users
     SET realm = $3, ha1_md5 = $4, ha1_sha256 = $5, updated_at_ms = $6
     WHERE domain = $1 AND name = $2";

const SET_ENABLED: &str =
    "UPDATE users SET enabled = $3, updated_at_ms = $4 WHERE domain = $1 AND name = $2";

const FIND: &str =
    "SELECT domain, name, realm, ha1_md5, ha1_sha256, enabled, created_at_ms, updated_at_ms
     FROM users WHERE domain = $1 AND name = $2";

const LIST: &str =
    "SELECT domain, name, realm, ha1_md5, ha1_sha256, enabled, created_at_ms, updated_at_ms
     FROM users WHERE (domain, name) > ($1, $2) ORDER BY domain, name LIMIT $3";

const RAISE_VERSION: &str = "UPDATE directory_version SET version = version + 1 WHERE id = 1";
