//! Who may use the platform: users and their credentials, and the keys that all nodes share, on Postgres or SQLite.
//!
//! Passwords are turned into digests here and forgotten: what is stored is HA1 of RFC 7616 section 3.4.2, once for
//! MD5 and once for SHA-256 (RFC 8760), each in lower-case hexadecimal. Whoever has an HA1 can log in within its
//! realm, so it is as secret as a password: [`User`] does not show it when formatted for debugging.
//!
//! Each change raises [`Directory::version`] in its own transaction, so a server that caches users learns by one cheap
//! query whether its cache is good.

mod directory;
mod error;
mod ha1;
mod password;
mod secrets;
mod user;

pub use self::directory::Directory;
pub use self::error::DirectoryError;
pub use self::ha1::Ha1;
pub use self::password::{PASSWORD_RANDOM_BYTES, random_password};
pub use self::user::{NewUser, User, UserId, UserIdError};
