//! Which database: `sqlite:` or `postgres:`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::redact::mask_passwords;
use super::value::{Mismatch, Setting, Shape, Value};

/// Where the database is. Printing it never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An embedded SQLite database in a file: `sqlite:PATH`.
    Sqlite(PathBuf),
    /// An embedded SQLite database that dies with the process, for tests: `sqlite::memory:`.
    SqliteMemory,
    /// A Postgres server: `postgres://USER:PASSWORD@HOST/DATABASE`.
    Postgres(Secret),
}

/// A text that holds a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the library that connects. Never print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_passwords(&self.0))
    }
}

impl DatabaseUrl {
    /// The URL with its password, for the library that connects. Never print it.
    #[must_use]
    pub fn expose(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::SqliteMemory => "sqlite::memory:".to_owned(),
            Self::Postgres(url) => url.expose().to_owned(),
        }
    }

    /// The product's name: `SQLite` or `Postgres`.
    #[must_use]
    pub const fn product(&self) -> &'static str {
        match self {
            Self::Sqlite(_) | Self::SqliteMemory => "SQLite",
            Self::Postgres(_) => "Postgres",
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_passwords(&self.expose()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no [`DatabaseUrl`]. It never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// There is no scheme in front.
    #[error("there is no `sqlite:` or `postgres:` in front")]
    NoScheme,
    /// A scheme that is not supported.
    #[error("databases of the kind `{0}` are not supported")]
    UnknownScheme(String),
    /// `sqlite:` without a path.
    #[error("`sqlite:` needs the path of a file")]
    NoPath,
    /// `postgres:` without `//` and a host or database.
    #[error("`postgres:` needs `//` and a host")]
    NoHost,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        match scheme {
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                ":memory:" => Ok(Self::SqliteMemory),
                "" => Err(DatabaseUrlError::NoPath),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            "postgres" | "postgresql" => match rest.strip_prefix("//") {
                None | Some("") => Err(DatabaseUrlError::NoHost),
                Some(_) => Ok(Self::Postgres(Secret(text.to_owned()))),
            },
            _ => Err(DatabaseUrlError::UnknownScheme(scheme.to_owned())),
        }
    }
}

impl Setting for Option<DatabaseUrl> {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str = "\"sqlite:PATH\" or \"postgres://USER:PASSWORD@HOST/DATABASE\", or \"\" for SQLite in `data_dir`";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|fault: DatabaseUrlError| {
            let meant = match &fault {
                DatabaseUrlError::NoScheme => Some("sqlite:PATH"),
                DatabaseUrlError::UnknownScheme(scheme) => {
                    match scheme.to_ascii_lowercase().as_str() {
                        "postgre" | "postgressql" | "postgresq" | "postgress" | "psql" | "pg" => {
                            Some("postgres:")
                        }
                        "sqlite3" | "file" => Some("sqlite:"),
                        _ => None,
                    }
                }
                DatabaseUrlError::NoPath => Some("sqlite:offhook.db"),
                DatabaseUrlError::NoHost => Some("postgres://USER:PASSWORD@HOST/DATABASE"),
            };
            Mismatch::because(fault.to_string()).suggest(meant.map(str::to_owned))
        })
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.as_ref().map_or_else(String::new, ToString::to_string))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses() {
        use DatabaseUrlError as E;
        let cases = [
            ("sqlite:a/b.db", Ok("sqlite:a/b.db")),
            ("sqlite:///var/lib/b.db", Ok("sqlite:/var/lib/b.db")),
            ("sqlite::memory:", Ok("sqlite::memory:")),
            ("postgres://u:p@h/d", Ok("postgres://u:p@h/d")),
            ("postgresql:///d", Ok("postgresql:///d")),
            ("sqlite:", Err(E::NoPath)),
            ("postgres:h", Err(E::NoHost)),
            ("mysql://u:p@h", Err(E::UnknownScheme("mysql".into()))),
            ("offhook", Err(E::NoScheme)),
        ];
        for (text, expected) in cases {
            let got = text.parse::<DatabaseUrl>().map(|url| url.expose());
            assert_eq!(got, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn never_prints_the_password() {
        let url: DatabaseUrl = "postgres://me:hunter2@db/offhook".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://me:***@db/offhook");
        assert!(!format!("{url:?}{:?}", Some(&url)).contains("hunter2"));
        assert!(url.expose().contains("hunter2"));
    }
}
