//! The server's end of the control socket.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::directory::DataDirectory;
use crate::error::PlatformError;

/// A control socket that is listening. Dropping it removes the socket.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    path: PathBuf,
    directory: DataDirectory,
    name: &'static str,
    /// Held as long as the process runs, so that no second one works on the same directory.
    _lock: File,
}

impl ControlSocket {
    /// Opens the socket `name` in `directory` for the owner alone. A socket left behind by a killed
    /// process is replaced.
    pub(crate) fn open(
        directory: DataDirectory,
        name: &'static str,
    ) -> Result<(Self, UnixListener), PlatformError> {
        let Some(lock) = directory.lock(&format!("{name}.lock"))? else {
            return Err(PlatformError::AlreadyRunning { path: directory.path().to_owned() });
        };
        let path = directory.path().join(name);
        let listener = listen(&directory, name)
            .map_err(|error| PlatformError::ControlSocket { path: path.clone(), error })?;
        Ok((Self { path, directory, name, _lock: lock }, listener))
    }

    pub(crate) const fn path(&self) -> &PathBuf {
        &self.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // What cannot be removed is replaced at the next start.
        let _ = fs::remove_file(self.directory.socket_path(self.name));
    }
}

/// Listens on a socket within a directory of the owner's, closes it to everybody else, and only then
/// moves it to its place, so that nobody else can connect at any moment.
fn listen(directory: &DataDirectory, name: &str) -> io::Result<UnixListener> {
    let nursery = format!("{name}.new");
    let inside = format!("{nursery}/s");
    let nursery = directory.socket_path(&nursery);
    match fs::remove_dir_all(&nursery) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    DirBuilder::new().mode(0o700).create(&nursery)?;
    let socket = directory.socket_path(&inside);
    let listener = UnixListener::bind(&socket)?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
    fs::rename(&socket, directory.socket_path(name))?;
    fs::remove_dir(&nursery)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio::net::UnixStream;

    use super::*;

    const NAME: &str = "control.sock";

    #[tokio::test]
    async fn is_for_the_owner_and_goes_with_its_server() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(NAME);
        let open = || ControlSocket::open(DataDirectory::create(dir.path()).unwrap(), NAME);
        let (socket, _listener) = open().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(UnixStream::connect(&path).await.is_ok());
        assert!(matches!(open(), Err(PlatformError::AlreadyRunning { .. })));
        drop(socket);
        assert!(!path.exists());
        assert!(open().is_ok());
    }

    #[tokio::test]
    async fn replaces_what_a_killed_process_left() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(NAME);
        drop(UnixListener::bind(&path).unwrap());
        fs::create_dir(dir.path().join("control.sock.new")).unwrap();
        let (_socket, _listener) =
            ControlSocket::open(DataDirectory::create(dir.path()).unwrap(), NAME).unwrap();
        assert!(UnixStream::connect(&path).await.is_ok());
    }

    #[tokio::test]
    async fn works_however_long_the_path() {
        let dir = TempDir::new().unwrap();
        let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
        let (socket, _listener) =
            ControlSocket::open(DataDirectory::create(&deep).unwrap(), NAME).unwrap();
        let directory = DataDirectory::open(&deep).unwrap();
        assert!(UnixStream::connect(directory.socket_path(NAME)).await.is_ok());
        drop(socket);
        assert!(!deep.join(NAME).exists());
    }
}
