//! The users that calls and registrations ask for, kept in memory.
//!
//! An entry is good for as long as the directory's version stays the same; when the version moves the
//! cache is emptied. While the database cannot be asked, what is in memory goes on being used.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use offhook_directory::{Directory, DirectoryError, UserId};
use offhook_sip_core::digest::{Algorithm, Ha1};

/// The most users remembered, known or not; a stranger who tries names cannot make it grow.
const MAX_CACHED_USERS: usize = 200_000;

/// How often the directory's version is looked at: how long a changed password may take to count.
pub(crate) const VERSION_POLL: Duration = Duration::from_millis(500);

/// What is known of a user.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// The user exists and may register and call.
    User(Vec<Ha1>),
    /// There is no such user, or it is disabled.
    Nobody,
}

/// The directory with a memory.
#[derive(Debug)]
pub(crate) struct DirectoryCache {
    directory: Directory,
    /// The first configured domain: users stored under its name belong to the default domain too.
    default_domain: String,
    users: RwLock<HashMap<String, Known>>,
}

impl DirectoryCache {
    pub(crate) fn new(directory: Directory, default_domain: String) -> Self {
        Self { directory, default_domain, users: RwLock::default() }
    }

    /// What memory says of the user with this address of record.
    pub(crate) fn remembered(&self, aor: &str) -> Option<Known> {
        self.users.read().unwrap_or_else(PoisonError::into_inner).get(aor).cloned()
    }

    /// Asks the database, and remembers.
    pub(crate) async fn find(&self, aor: &str) -> Result<Known, DirectoryError> {
        let known = self.ask(aor).await?;
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= MAX_CACHED_USERS {
            users.clear();
        }
        users.insert(aor.to_owned(), known.clone());
        Ok(known)
    }

    async fn ask(&self, aor: &str) -> Result<Known, DirectoryError> {
        let (name, domain) = aor.rsplit_once('@').unwrap_or((aor, ""));
        let mut domains = vec![domain];
        if domain.is_empty() && !self.default_domain.is_empty() {
            domains.push(&self.default_domain);
        }
        for domain in domains {
            // A name that no user can have needs no look-up.
            let Ok(id) = UserId::new(name, domain) else { return Ok(Known::Nobody) };
            if let Some(user) = self.directory.find(&id).await? {
                return Ok(if user.enabled {
                    Known::User(hashes(&user.ha1))
                } else {
                    Known::Nobody
                });
            }
        }
        Ok(Known::Nobody)
    }

    /// Empties the memory whenever the directory has changed. Runs until it is dropped.
    pub(crate) async fn follow_changes(&self) {
        let mut interval = tokio::time::interval(VERSION_POLL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = None;
        loop {
            interval.tick().await;
            match self.directory.version().await {
                Ok(version) if seen == Some(version) => {}
                Ok(version) => {
                    seen = Some(version);
                    self.users.write().unwrap_or_else(PoisonError::into_inner).clear();
                }
                Err(error) => tracing::debug!(%error, "directory version not known"),
            }
        }
    }
}

/// The stored digests as the engines take them. One that cannot be read is left out: the user cannot
/// log in with it, and the log says so.
fn hashes(stored: &offhook_directory::Ha1) -> Vec<Ha1> {
    let read = |algorithm, hex: &str| match Ha1::from_hex(algorithm, hex) {
        Ok(hash) => Some(hash),
        Err(error) => {
            tracing::warn!(%error, "a stored digest cannot be read");
            None
        }
    };
    [read(Algorithm::Md5, &stored.md5), read(Algorithm::Sha256, &stored.sha256)]
        .into_iter()
        .flatten()
        .collect()
}
