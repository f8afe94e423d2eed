//! The database, opened for one command.

use offhook_database::{Database, DatabaseOptions};
use offhook_platform::{Config, SystemClock, create_data_dir};

use crate::error::CommandError;

/// Opens the configured database, with the data directory made if that is where it lives.
pub(crate) async fn open(config: &Config) -> Result<Database, CommandError> {
    create_data_dir(config)?;
    let url = config.database_url().expose().parse()?;
    let options = DatabaseOptions {
        // One command at a time needs no more.
        max_connections: 1,
        connect_timeout: config.database.connect_timeout_ms.duration(),
        acquire_timeout: config.database.acquire_timeout_ms.duration(),
        ..DatabaseOptions::default()
    };
    Ok(Database::open(&url, options).await?)
}

/// The time as it is stored: milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let now = SystemClock::start().now().wall.as_millis();
    i64::try_from(now).unwrap_or(i64::MAX)
}
