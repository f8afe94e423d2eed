//! A Postgres server of a test's own.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A Postgres server in a temporary folder, on a free port of 127.0.0.1, without authentication.
///
/// It ends and its folder goes when this value is dropped, and also when the process that holds it is killed. It does
/// not force its data to the disk: it survives the death of its clients, as the tests need, but no power cut.
#[derive(Debug)]
pub struct TemporaryPostgres {
    supervisor: Child,
    /// Closing it ends the server.
    lifeline: Option<ChildStdin>,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
}

/// Why no Postgres could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No installation was found.
    #[error(
        "Postgres is not installed: no `initdb` in /usr/lib/postgresql/*/bin nor on the PATH \
         (Debian and Ubuntu: apt-get install postgresql)"
    )]
    NotInstalled,
    /// Postgres never runs as root, and there is no other account for it.
    #[error("Postgres does not run as root, and the account `postgres` does not exist: {0}")]
    NoAccount(String),
    /// A file or process could not be made.
    #[error("cannot prepare a temporary Postgres: {0}")]
    Io(#[from] io::Error),
    /// `initdb` failed.
    #[error("initdb failed: {0}")]
    InitFailed(String),
    /// The server ended, or did not answer in time.
    #[error("the temporary Postgres does not answer: {0}")]
    NotReady(String),
}

impl TemporaryPostgres {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// Postgres is not installed, or does not start. A test should fail with the message, not skip.
    pub async fn start() -> Result<Self, StartError> {
        let programs = find_programs()?;
        let account = Account::for_server()?;
        let folder = tempfile::Builder::new().prefix("offhook-postgres-").tempdir()?;
        if let Account::Other { user, group } = account {
            chown(folder.path(), Some(user), Some(group))?;
        }
        create_cluster(&programs, folder.path(), account)?;
        let mut failure = StartError::NotInstalled;
        // Another process may take the port between its choice and its use.
        for _ in 0..PORT_ATTEMPTS {
            let server = Self::spawn(&programs, folder.path(), account)?;
            match server.wait_until_ready().await {
                Ok(()) => {
                    // From here on the server's own end removes it.
                    drop(folder.keep());
                    return Ok(server);
                }
                Err(error) => failure = error,
            }
            create_cluster(&programs, folder.path(), account)?;
        }
        Err(failure)
    }

    /// Creates an empty database and gives its URL.
    ///
    /// # Errors
    /// The server's.
    pub async fn create_database(&self) -> Result<String, sqlx::Error> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(self.url(&name))
    }

    /// The URL of the database `name` on this server.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn spawn(programs: &Path, folder: &Path, account: Account) -> Result<Self, StartError> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut supervisor = account
            .command("sh")
            .args(["-c", SUPERVISOR, "postgres-supervisor"])
            .arg(programs.join("postgres"))
            .arg(folder)
            .arg(port.to_string())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            lifeline: supervisor.stdin.take(),
            supervisor,
            folder: folder.to_owned(),
            port,
            databases: AtomicU32::new(0),
        })
    }

    async fn wait_until_ready(&self) -> Result<(), StartError> {
        let mut last = String::new();
        for _ in 0..READY_ATTEMPTS {
            tokio::time::sleep(READY_INTERVAL).await;
            match PgConnection::connect(&self.url("postgres")).await {
                Ok(connection) => {
                    drop(connection.close().await);
                    return Ok(());
                }
                Err(error) => last = error.to_string(),
            }
            if self.log().contains("database system is shut down") {
                break;
            }
        }
        Err(StartError::NotReady(format!("{last}\n{}", self.log())))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for TemporaryPostgres {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        drop(self.supervisor.wait());
    }
}

/// The account that a server runs under: Postgres refuses to run as root.
#[derive(Clone, Copy)]
enum Account {
    Own,
    Other { user: u32, group: u32 },
}

impl Account {
    fn for_server() -> Result<Self, StartError> {
        if id(&["-u"])? != 0 {
            return Ok(Self::Own);
        }
        Ok(Self::Other { user: id(&["-u", "postgres"])?, group: id(&["-g", "postgres"])? })
    }

    fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
        command
    }
}

fn id(arguments: &[&str]) -> Result<u32, StartError> {
    let output = Command::new("id").args(arguments).output()?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| StartError::NoAccount(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// The folder with `initdb` and `postgres`: the newest that Debian's packages installed, else one of the PATH.
fn find_programs() -> Result<PathBuf, StartError> {
    let version = |folder: &Path| {
        folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok())
    };
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed
        .map(|entry| entry.path())
        .filter(|folder| folder.join("bin/initdb").exists())
        .max_by_key(|folder| version(folder));
    if let Some(folder) = newest {
        return Ok(folder.join("bin"));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .ok_or(StartError::NotInstalled)
}

fn create_cluster(programs: &Path, folder: &Path, account: Account) -> Result<(), StartError> {
    let data = folder.join("data");
    if data.exists() {
        return Ok(());
    }
    let output = account
        .command(programs.join("initdb"))
        .args(["--no-sync", "--auth=trust", "--username=postgres"])
        .args(["--encoding=UTF8", "--locale=C", "-D"])
        .arg(data)
        .current_dir(folder)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError::InitFailed(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Runs the server until standard input ends, which it does when the test's process ends, however that dies.
const SUPERVISOR: &str = r#"
"$1" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$2" \
    -c fsync=off -c full_page_writes=off -c max_connections=200 > "$2/log" 2>&1 < /dev/null &
cat > /dev/null
kill -QUIT $! 2> /dev/null
wait $!
rm -rf "$2/data" "$2/log"
rmdir "$2"
"#;

const PORT_ATTEMPTS: usize = 3;
const READY_ATTEMPTS: usize = 600;
const READY_INTERVAL: Duration = Duration::from_millis(50);
