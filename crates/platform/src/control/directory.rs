//! The data directory, opened once and addressed through its descriptor.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::PlatformError;

/// The longest path that fits a socket address, in bytes (`sun_path` of Linux, less its final zero).
const MAX_SOCKET_PATH: usize = 107;

/// An open data directory.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    directory: File,
}

impl DataDirectory {
    /// Makes the directory if there is none (for its owner alone) and opens it.
    pub(crate) fn create(path: &Path) -> Result<Self, PlatformError> {
        let fault = |error| PlatformError::DataDir { path: path.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fault)?;
        Self::open(path).map_err(fault)
    }

    /// Opens a directory that is there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), directory: File::open(path)? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A path to `name` in the directory that fits a socket address however deep the directory is: a
    /// long one goes through the descriptor, which Linux shows as a link.
    pub(crate) fn socket_path(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        if path.as_os_str().len() <= MAX_SOCKET_PATH {
            return path;
        }
        PathBuf::from(format!("/proc/self/fd/{}", self.directory.as_raw_fd())).join(name)
    }

    /// Takes the lock `name`, held until the file is dropped; `None` if another process holds it.
    pub(crate) fn lock(&self, name: &str) -> Result<Option<File>, PlatformError> {
        let fault = |error| PlatformError::DataDir { path: self.path.clone(), error };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.path.join(name)).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(fault(error)),
        }
    }
}
