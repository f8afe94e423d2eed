//! Keys that all nodes share and that outlive a restart.

use offhook_database::{BeginWrite, with_pool};

use crate::{Directory, DirectoryError};

impl Directory {
    /// The secret called `name`: the stored one, or else `fresh`, which is stored. Nodes that ask at the same time get
    /// the same answer. Digest nonces and flow tokens are keyed with such secrets, so that one node's are good at
    /// another and after a restart. `fresh` must be random.
    ///
    /// # Errors
    /// [`DirectoryError::SecretDamaged`] and [`DirectoryError::Database`].
    pub async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], DirectoryError> {
        let work = async {
            with_pool!(self.database(), pool => {
                let stored = sqlx::query_scalar(READ).bind(name).fetch_optional(pool).await?;
                if let Some(value) = stored {
                    return Ok(value);
                }
                let mut transaction = pool.begin_write().await?;
                sqlx::query("INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                    .bind(name)
                    .bind(fresh.as_slice())
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                sqlx::query_scalar(READ).bind(name).fetch_one(pool).await
            })
        };
        let value: Vec<u8> = self.database().within(work).await?;
        value.try_into().map_err(|value: Vec<u8>| DirectoryError::SecretDamaged {
            name: name.to_owned(),
            bytes: value.len(),
        })
    }
}

const READ: &str = "SELECT value FROM secrets WHERE name = $1";
