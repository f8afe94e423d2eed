//! The first start of a new installation: two extensions to call each other with.

use offhook_database::Database;
use offhook_directory::{Directory, DirectoryError, NewUser, UserId};
use offhook_platform::Config;

use crate::error::CommandError;
use crate::store;
use crate::user::fresh_password;

/// The extensions of a new installation.
const EXTENSIONS: [&str; 2] = ["1001", "1002"];

/// An extension that was created, with the only readable copy of its password.
pub(crate) struct Extension {
    pub(crate) user: UserId,
    pub(crate) password: String,
}

/// Creates the extensions if the directory has never had a user; none otherwise, also when the last
/// user was removed on purpose.
pub(crate) async fn create_extensions(
    config: &Config,
    database: &Database,
) -> Result<Vec<Extension>, CommandError> {
    let directory = Directory::new(database.clone());
    if directory.version().await? != 0 || directory.count().await? != 0 {
        return Ok(Vec::new());
    }
    let mut created = Vec::new();
    for name in EXTENSIONS {
        let user = UserId::new(name, "").map_err(DirectoryError::from)?;
        let password = fresh_password();
        let realm = config.sip.realm.as_str();
        let new = NewUser { id: &user, realm, password: &password };
        match directory.add(new, store::now_ms()).await {
            Ok(()) => created.push(Extension { user, password }),
            // Another node on the same database is at its first start, too.
            Err(DirectoryError::AlreadyExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(created)
}
