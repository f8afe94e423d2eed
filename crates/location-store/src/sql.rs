//! Bindings in a database.

use offhook_database::{BeginWrite, Database, Pool, with_pool};
use sqlx::{Decode, FromRow, Postgres, Row, Sqlite, Transaction, Type};

use crate::group::NetEffect;
use crate::{BindingRow, Change, Filter, LocationStore, Position, StoreError};

/// A [`LocationStore`] in the table `bindings` of a Postgres or SQLite database. Clones share the connections.
#[derive(Clone, Debug)]
pub struct SqlLocationStore {
    database: Database,
}

impl SqlLocationStore {
    /// The bindings of `database`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The database the bindings are in.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl LocationStore for SqlLocationStore {
    async fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        let effect = NetEffect::of(changes);
        let work = async {
            match self.database.pool() {
                Pool::Postgres(pool) => {
                    let mut transaction = pool.begin_write().await?;
                    apply_on_postgres(&mut transaction, &effect).await?;
                    transaction.commit().await
                }
                Pool::Sqlite(pool) => {
                    let mut transaction = pool.begin_write().await?;
                    apply_on_sqlite(&mut transaction, &effect).await?;
                    transaction.commit().await
                }
            }
        };
        Ok(self.database.within(work).await?)
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Vec<BindingRow>, StoreError> {
        let live_at_ms = filter.live_at_ms.unwrap_or(i64::MIN);
        // Keys are never empty, so every row comes after the empty key.
        let (aor, contact_key) = after.map_or(("", ""), |after| (&after.aor, &after.contact_key));
        let rows: Vec<Stored> = match &filter.aor {
            Some(wanted) => {
                let work = async {
                    with_pool!(self.database, pool => {
                        sqlx::query_as(LIST_AOR)
                            .bind(wanted)
                            .bind(live_at_ms)
                            .bind(aor)
                            .bind(contact_key)
                            .bind(i64::from(limit))
                            .fetch_all(pool)
                            .await
                    })
                };
                self.database.within(work).await?
            }
            None => {
                let work = async {
                    with_pool!(self.database, pool => {
                        sqlx::query_as(LIST_ALL)
                            .bind(live_at_ms)
                            .bind(aor)
                            .bind(contact_key)
                            .bind(i64::from(limit))
                            .fetch_all(pool)
                            .await
                    })
                };
                self.database.within(work).await?
            }
        };
        Ok(rows.into_iter().map(|stored| stored.0).collect())
    }

    async fn count(&self, now_ms: i64) -> Result<u64, StoreError> {
        let work = async {
            with_pool!(self.database, pool => {
                sqlx::query_scalar("SELECT count(*) FROM bindings WHERE expires_at_ms > $1")
                    .bind(now_ms)
                    .fetch_one(pool)
                    .await
            })
        };
        let count: i64 = self.database.within(work).await?;
        Ok(count.cast_unsigned())
    }

    async fn remove_expired(&self, now_ms: i64, limit: u32) -> Result<u64, StoreError> {
        let work = async {
            with_pool!(self.database, pool => {
                let mut transaction = pool.begin_write().await?;
                let removed = sqlx::query(REMOVE_EXPIRED)
                    .bind(now_ms)
                    .bind(i64::from(limit))
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
                transaction.commit().await?;
                Ok(removed)
            })
        };
        Ok(self.database.within(work).await?)
    }
}

/// A few statements whatever the number of changes.
async fn apply_on_postgres(
    transaction: &mut Transaction<'_, Postgres>,
    effect: &NetEffect<'_>,
) -> Result<(), sqlx::Error> {
    if !effect.cleared.is_empty() {
        sqlx::query("DELETE FROM bindings WHERE aor = ANY($1)")
            .bind(&effect.cleared)
            .execute(&mut **transaction)
            .await?;
    }
    if !effect.removed.is_empty() {
        let (aors, contact_keys): (Vec<&str>, Vec<&str>) = effect.removed.iter().copied().unzip();
        sqlx::query(POSTGRES_REMOVE)
            .bind(aors)
            .bind(contact_keys)
            .execute(&mut **transaction)
            .await?;
    }
    if !effect.stored.is_empty() {
        let rows = &effect.stored;
        sqlx::query(POSTGRES_UPSERT)
            .bind(rows.iter().map(|row| row.aor.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.contact_key.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.contact.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.instance_id.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.reg_id.map(i64::from)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.call_id.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| i64::from(row.cseq)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| i64::from(row.q_milli)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| path_to_text(&row.path)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.user_agent.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.transport.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.local_addr.to_string()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.remote_addr.to_string()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.connection.map(u64::cast_signed)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.expires_at_ms).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.updated_at_ms).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.behind_nat).collect::<Vec<_>>())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// One prepared statement for each kind of change; what costs is the commit.
async fn apply_on_sqlite(
    transaction: &mut Transaction<'_, Sqlite>,
    effect: &NetEffect<'_>,
) -> Result<(), sqlx::Error> {
    for &aor in &effect.cleared {
        sqlx::query("DELETE FROM bindings WHERE aor = $1")
            .bind(aor)
            .execute(&mut **transaction)
            .await?;
    }
    for &(aor, contact_key) in &effect.removed {
        sqlx::query("DELETE FROM bindings WHERE aor = $1 AND contact_key = $2")
            .bind(aor)
            .bind(contact_key)
            .execute(&mut **transaction)
            .await?;
    }
    for &row in &effect.stored {
        sqlx::query(SQLITE_UPSERT)
            .bind(&row.aor)
            .bind(&row.contact_key)
            .bind(&row.contact)
            .bind(&row.instance_id)
            .bind(row.reg_id.map(i64::from))
            .bind(&row.call_id)
            .bind(i64::from(row.cseq))
            .bind(i64::from(row.q_milli))
            .bind(path_to_text(&row.path))
            .bind(&row.user_agent)
            .bind(&row.transport)
            .bind(row.local_addr.to_string())
            .bind(row.remote_addr.to_string())
            .bind(row.connection.map(u64::cast_signed))
            .bind(row.expires_at_ms)
            .bind(row.updated_at_ms)
            .bind(row.behind_nat)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// A row as the database gives it.
struct Stored(BindingRow);

impl<'r, R> FromRow<'r, R> for Stored
where
    R: Row,
    usize: sqlx::ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let reg_id: Option<i64> = row.try_get(4)?;
        let connection: Option<i64> = row.try_get(13)?;
        Ok(Self(BindingRow {
            aor: row.try_get(0)?,
            contact_key: row.try_get(1)?,
            contact: row.try_get(2)?,
            instance_id: row.try_get(3)?,
            reg_id: reg_id.map(u32::try_from).transpose().map_err(decode)?,
            call_id: row.try_get(5)?,
            cseq: u32::try_from(row.try_get::<i64, _>(6)?).map_err(decode)?,
            q_milli: u16::try_from(row.try_get::<i64, _>(7)?).map_err(decode)?,
            path: path_from_text(&row.try_get::<String, _>(8)?)?,
            user_agent: row.try_get(9)?,
            transport: row.try_get(10)?,
            local_addr: row.try_get::<String, _>(11)?.parse().map_err(decode)?,
            remote_addr: row.try_get::<String, _>(12)?.parse().map_err(decode)?,
            behind_nat: row.try_get(16)?,
            connection: connection.map(i64::cast_unsigned),
            expires_at_ms: row.try_get(14)?,
            updated_at_ms: row.try_get(15)?,
        }))
    }
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// Path values as a JSON array: a value may hold any separator.
fn path_to_text(path: &[String]) -> String {
    serde_json::Value::from(path).to_string()
}

fn path_from_text(text: &str) -> Result<Vec<String>, sqlx::Error> {
    if text == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(decode)
}

macro_rules! columns {
    () => {
        "aor, contact_key, contact, instance_id, reg_id, call_id, cseq, q_milli, path, user_agent, transport, \
         local_addr, remote_addr, connection, expires_at_ms, updated_at_ms, behind_nat"
    };
}

/// Replaces the row unless it is of a later REGISTER; see `BindingRow::is_older_than`.
macro_rules! on_conflict {
    () => {
        " ON CONFLICT (aor, contact_key) DO UPDATE SET
              contact = excluded.contact, instance_id = excluded.instance_id, reg_id = excluded.reg_id,
              call_id = excluded.call_id, cseq = excluded.cseq, q_milli = excluded.q_milli,
              path = excluded.path, user_agent = excluded.user_agent, transport = excluded.transport,
              local_addr = excluded.local_addr, remote_addr = excluded.remote_addr,
              connection = excluded.connection, expires_at_ms = excluded.expires_at_ms,
              updated_at_ms = excluded.updated_at_ms, behind_nat = excluded.behind_nat
          WHERE bindings.call_id <> excluded.call_id
              OR bindings.cseq <= excluded.cseq
              OR bindings.expires_at_ms <= excluded.updated_at_ms"
    };
}

const POSTGRES_UPSERT: &str = concat!(
    "INSERT INTO bindings (",
    columns!(),
    ") SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
         $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
         $14::bigint[], $15::bigint[], $16::bigint[], $17::boolean[])",
    on_conflict!()
);

const SQLITE_UPSERT: &str = concat!(
    "INSERT INTO bindings (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    on_conflict!()
);

const POSTGRES_REMOVE: &str = "DELETE FROM bindings
     USING UNNEST($1::text[], $2::text[]) AS gone (aor, contact_key)
     WHERE bindings.aor = gone.aor AND bindings.contact_key = gone.contact_key";

const LIST_ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM bindings WHERE expires_at_ms > $1 AND (aor, contact_key) > ($2, $3)
      ORDER BY aor, contact_key LIMIT $4"
);

const LIST_AOR: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM bindings WHERE aor = $1 AND expires_at_ms > $2 AND (aor, contact_key) > ($3, $4)
      ORDER BY aor, contact_key LIMIT $5"
);

/// The outer comparison looks again at a row that another transaction refreshed between the two.
const REMOVE_EXPIRED: &str = "DELETE FROM bindings
     WHERE expires_at_ms <= $1 AND (aor, contact_key) IN (
         SELECT aor, contact_key FROM bindings
         WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2)";
