//! Can the database be written to, and is anybody in it?

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use offhook_database::Database;
use offhook_directory::Directory;
use offhook_platform::{Config, DatabaseUrl};

use super::finding::Finding;
use crate::error::CommandError;
use crate::store;

const SUBJECT: &str = "database";

/// Writes to the database and takes it back. A database that the first start will make is left alone.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let url = config.database_url();
    if let DatabaseUrl::Sqlite(path) = &url
        && !path.exists()
    {
        return vec![examine_folder(path)];
    }
    match write_and_count(config).await {
        Ok(users) => {
            let written = Finding::ok(SUBJECT, format!("{} can be written to", url.in_words()));
            vec![written, users_finding(users)]
        }
        Err(error) => {
            let detail = format!("{} cannot be used: {error}", url.in_words());
            vec![Finding::fail(SUBJECT, detail).mend(mend(&url))]
        }
    }
}

async fn write_and_count(config: &Config) -> Result<u64, CommandError> {
    let database: Database = store::open(config).await?;
    database.check_writable().await?;
    let users = Directory::new(database.clone()).count().await?;
    database.close().await;
    Ok(users)
}

fn users_finding(users: u64) -> Finding {
    match users {
        0 => Finding::warn("users", "there are none, so no phone can register")
            .mend("`user add NAME` adds one"),
        1 => Finding::ok("users", "1 user"),
        users => Finding::ok("users", format!("{users} users")),
    }
}

fn mend(url: &DatabaseUrl) -> &'static str {
    match url {
        DatabaseUrl::Sqlite(_) | DatabaseUrl::SqliteMemory => {
            "give this user the right to write there, free some space, or choose another with --data-dir"
        }
        DatabaseUrl::Postgres(_) => {
            "check that the server runs and that host, user, password and database in `database.url` are right"
        }
    }
}

/// The database is not there yet: can it be made where it belongs?
fn examine_folder(path: &Path) -> Finding {
    let folder = nearest_folder(path);
    match probe(&folder) {
        Ok(()) => Finding::ok(
            SUBJECT,
            format!(
                "SQLite in {} is made at the first start; {} can be written to",
                path.display(),
                folder.display()
            ),
        ),
        Err(error) => {
            Finding::fail(SUBJECT, format!("cannot write to {}: {error}", folder.display()))
                .mend("give this user the right to write there, or choose another with --data-dir")
        }
    }
}

/// The closest folder above `path` that is there.
fn nearest_folder(path: &Path) -> PathBuf {
    let there = path.ancestors().skip(1).find(|folder| folder.is_dir());
    match there {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) => folder.to_owned(),
        None => PathBuf::from("."),
    }
}

/// Makes a file in `folder` and removes it.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".offhook-doctor-{}", std::process::id()));
    let made: io::Result<File> =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    made?;
    std::fs::remove_file(&path)
}
