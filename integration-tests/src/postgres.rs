//! Databases on a real Postgres server, one server per test process.

use std::sync::OnceLock;

use offhook_database::testing::TemporaryPostgres;
use tokio::runtime::{Builder, Runtime};

/// Creates an empty database of the test's own and gives its URL.
///
/// The server starts with the first and ends with the process, whatever becomes of that.
///
/// # Panics
/// When Postgres is missing or does not start.
#[must_use]
pub fn create_database() -> String {
    let runtime = runtime();
    let server = SERVER.get_or_init(|| {
        let started = runtime.block_on(TemporaryPostgres::start());
        started.unwrap_or_else(|error| panic!("{error}; `make test` installs Postgres"))
    });
    let created = runtime.block_on(server.create_database());
    created.expect("a fresh Postgres creates a database")
}

static SERVER: OnceLock<TemporaryPostgres> = OnceLock::new();

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime can be built")
}
