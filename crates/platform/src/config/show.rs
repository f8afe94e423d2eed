//! The effective configuration as TOML, with the origin of everything that is not a default.

use std::fmt::Write as _;

use super::section::{KeyInfo, Section};
use super::source::{Origin, Place};
use super::{Config, DatabaseUrl};
use crate::config::redact::mask_passwords;

/// One section, ready to print.
#[derive(Debug)]
pub(super) struct Table {
    name: &'static str,
    rows: Vec<(&'static KeyInfo, toml::Value)>,
}

impl Table {
    pub(super) fn of<S: Section>(section: &S) -> Self {
        Self { name: S::NAME, rows: S::KEYS.iter().zip(section.write()).collect() }
    }
}

impl Config {
    /// The configuration as a TOML document that can be loaded again, apart from passwords, which are
    /// masked. `documented` puts each key's documentation above it.
    #[must_use]
    pub fn to_toml(&self, documented: bool) -> String {
        let mut out = String::new();
        for table in self.tables() {
            self.print_table(&mut out, &table, documented);
        }
        out
    }

    fn print_table(&self, out: &mut String, table: &Table, documented: bool) {
        if !table.name.is_empty() {
            let _ = write!(out, "\n[{}]\n", table.name);
        }
        for (key, value) in &table.rows {
            let path = super::schema::path_of(table.name, key);
            if documented {
                for line in key.doc {
                    let _ = writeln!(out, "#{line}");
                }
            }
            let value = match (value, path.as_str()) {
                // The key as it stands says where the default is; the reader wants to know what it means.
                (toml::Value::String(url), "database.url") if url.is_empty() => {
                    toml::Value::String(self.database_url().to_string())
                }
                (value, _) => value.clone(),
            };
            let _ = write!(out, "{} = {}", key.name, mask_passwords(&value.to_string()));
            if let Some(place) = self.origin(&path) {
                let _ = write!(out, "  # {}", origin_in_words(place));
            }
            out.push('\n');
            if documented {
                out.push('\n');
            }
        }
    }
}

fn origin_in_words(place: &Place) -> String {
    match &place.source.origin {
        Origin::File(path) => format!("{}:{}", path.display(), place.line()),
        Origin::Environment(name) => format!("environment {name}"),
        Origin::EnvironmentFile(name, path) => format!("environment {name}: {}", path.display()),
        Origin::Set => "--set".to_owned(),
        Origin::Flag(name) => (*name).to_owned(),
    }
}

/// In words, for summaries: `SQLite in ./offhook-data/offhook.db`.
impl DatabaseUrl {
    /// The product and the place, without any password.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("SQLite in {}", path.display()),
            Self::SqliteMemory => "SQLite in memory, lost when the process ends".to_owned(),
            Self::Postgres(_) => format!("Postgres at {self}"),
        }
    }
}
