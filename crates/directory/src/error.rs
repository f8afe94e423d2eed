//! Why the directory could not do what was asked.

use offhook_database::DatabaseError;

use crate::{UserId, UserIdError};

/// Everything that can go wrong in the directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The name of a user cannot be used.
    #[error(transparent)]
    UserId(#[from] UserIdError),
    /// There is such a user already.
    #[error("the user {0} exists already")]
    AlreadyExists(UserId),
    /// There is no such user.
    #[error("there is no user {0}")]
    NotFound(UserId),
    /// An empty password would let anyone in.
    #[error("the password is empty")]
    PasswordEmpty,
    /// The password is longer than phones can be told.
    #[error("the password has {bytes} bytes; at most {max_bytes} are possible")]
    PasswordTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// The password holds a character that cannot be typed into a phone.
    #[error("the password holds a control character")]
    PasswordControlCharacter,
    /// The realm cannot be sent as a quoted string, or is empty or too long.
    #[error(
        "the realm {realm:?} is not usable: 1 to {max_bytes} bytes, no quotes, backslashes or control characters"
    )]
    RealmInvalid {
        /// The realm.
        realm: String,
        /// The limit.
        max_bytes: usize,
    },
    /// A stored secret is not of the length it was made with: it was changed by hand.
    #[error(
        "the secret {name} in the database is damaged: it has {bytes} bytes in place of 32; delete it"
    )]
    SecretDamaged {
        /// Its name.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
