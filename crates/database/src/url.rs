//! Where a database is, and how that may be shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::DatabaseError;

/// A parsed database URL. `Display` and `Debug` never show a password.
///
/// - `postgres://USER:PASSWORD@HOST:PORT/NAME` (or `postgresql://`), with libpq's parameters
/// - `sqlite:PATH`, relative to the working directory or absolute
/// - `sqlite::memory:`, which forgets everything when it is closed and is meant for tests
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    target: Target,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Postgres(String),
    SqliteFile(PathBuf),
    SqliteMemory,
}

/// Which SQL a database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL and what speaks its protocol.
    Postgres,
    /// Embedded SQLite.
    Sqlite,
}

impl DatabaseUrl {
    /// A SQLite database in the file `path`.
    #[must_use]
    pub fn sqlite_file(path: impl Into<PathBuf>) -> Self {
        Self { target: Target::SqliteFile(path.into()) }
    }

    /// The dialect this URL leads to.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match &self.target {
            Target::Postgres(_) => Dialect::Postgres,
            Target::SqliteFile(_) | Target::SqliteMemory => Dialect::Sqlite,
        }
    }

    /// The file of a SQLite database; `None` for Postgres and for a database in memory.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.target {
            Target::SqliteFile(path) => Some(path),
            Target::Postgres(_) | Target::SqliteMemory => None,
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self { target: Target::Postgres(text.to_owned()) });
        }
        let Some(rest) = text.strip_prefix("sqlite:") else {
            return Err(DatabaseError::InvalidUrl {
                reason: "it must start with `sqlite:` or `postgres://`".to_owned(),
            });
        };
        if rest == ":memory:" || rest == "//:memory:" {
            return Ok(Self { target: Target::SqliteMemory });
        }
        let path = rest.strip_prefix("//").unwrap_or(rest);
        // The mode that other tools need to be told is the only one there is here.
        let path = path.strip_suffix("?mode=rwc").unwrap_or(path);
        if path.contains('?') {
            return Err(DatabaseError::InvalidUrl {
                reason: "a `sqlite:` URL takes a path and no parameters".to_owned(),
            });
        }
        if path.is_empty() || path.contains('\0') {
            return Err(DatabaseError::InvalidUrl {
                reason: "a `sqlite:` URL needs a path, such as `sqlite:./offhook.db`".to_owned(),
            });
        }
        Ok(Self::sqlite_file(path))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Postgres(url) => f.write_str(&without_passwords(url)),
            Target::SqliteFile(path) => write!(f, "sqlite:{}", path.display()),
            Target::SqliteMemory => f.write_str("sqlite::memory:"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Hides the password of the authority and of a `password=` parameter.
fn without_passwords(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (before_query, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let mut shown = format!("{scheme}://");
    // The last `@` ends the user information: a password typed without percent-encoding may hold others, and a `/`.
    match before_query.rsplit_once('@') {
        Some((user_info, place)) => {
            let user = match user_info.split_once(':') {
                Some((user, _)) => format!("{user}:***"),
                None => user_info.to_owned(),
            };
            shown.push_str(&user);
            shown.push('@');
            shown.push_str(place);
        }
        None => shown.push_str(before_query),
    }
    if let Some(query) = query {
        let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if SECRET_PARAMETERS.contains(&name) => format!("{name}=***"),
            Some(_) | None => parameter.to_owned(),
        });
        shown.push('?');
        shown.push_str(&parameters.collect::<Vec<_>>().join("&"));
    }
    shown
}

const SECRET_PARAMETERS: [&str; 2] = ["password", "sslpassword"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_shown() {
        let shown = [
            ("postgres://u:secret@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://h/d", "postgres://h/d"),
            (
                "postgresql://u:se@c:ret/x@h/d?sslmode=require",
                "postgresql://u:***@h/d?sslmode=require",
            ),
            (
                "postgres:///d?host=/run&user=u&password=secret",
                "postgres:///d?host=/run&user=u&password=***",
            ),
            ("sqlite:/var/lib/a.db", "sqlite:/var/lib/a.db"),
            ("sqlite::memory:", "sqlite::memory:"),
        ];
        for (url, expected) in shown {
            let url = url.parse::<DatabaseUrl>().unwrap();
            assert_eq!(url.to_string(), expected);
            assert_eq!(format!("{url:?}"), format!("DatabaseUrl({expected})"));
        }
    }

    #[test]
    fn sqlite_paths() {
        let paths = [
            ("sqlite:a.db", "a.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite:./x/a.db", "./x/a.db"),
            ("sqlite:/x/a.db", "/x/a.db"),
            ("sqlite:///x/a.db", "/x/a.db"),
            ("sqlite:///x/a b%20.db?mode=rwc", "/x/a b%20.db"),
        ];
        for (url, path) in paths {
            let url = url.parse::<DatabaseUrl>().unwrap();
            assert_eq!(url.sqlite_path(), Some(Path::new(path)));
            assert_eq!(url.dialect(), Dialect::Sqlite);
        }
    }

    #[test]
    fn what_is_no_database_url_says_what_is() {
        for url in ["", "mysql://h/d", "sqlite:", "sqlite://", "sqlite:a.db?mode=ro", "/x/a.db"] {
            let error = url.parse::<DatabaseUrl>().unwrap_err();
            assert!(matches!(error, DatabaseError::InvalidUrl { .. }), "{url}: {error}");
        }
    }
}
