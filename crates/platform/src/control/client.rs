//! The command's end of the control socket.

use std::io;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::directory::DataDirectory;
use crate::config::{Config, Program};
use crate::web::{GetError, ProblemDetails, get};

/// Asks a running process on this machine.
#[derive(Clone, Debug)]
pub struct Client {
    data_dir: PathBuf,
    socket: &'static str,
}

/// Why a running process gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No process runs on this data directory.
    #[error("nothing is running on {}", data_dir.display())]
    NotRunning {
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The socket is there and cannot be used.
    #[error("cannot use the control socket {}: {error}", path.display())]
    Unusable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The process does not answer as it should.
    #[error("the running process does not answer: {0}")]
    NoAnswer(#[from] GetError),
    /// The process answered with an error.
    #[error("the running process says: {0}")]
    Refused(String),
    /// The answer is not what was asked for: perhaps the process is of another version.
    #[error("cannot read the answer of the running process (is it of another version?): {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl Client {
    /// For the process of `program` that works on the data directory of `config`.
    #[must_use]
    pub fn new(config: &Config, program: Program) -> Self {
        Self { data_dir: config.data_dir().to_owned(), socket: program.control_socket() }
    }

    /// The answer to `GET path`.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`] if there is no such process, else what went wrong with it.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ControlError> {
        let stream = self.connect().await?;
        let (status, body) = get(stream, "localhost", path).await?;
        if !status.is_success() {
            let detail =
                serde_json::from_slice::<ProblemDetails>(&body).map(|problem| problem.detail);
            return Err(ControlError::Refused(detail.unwrap_or_else(|_| status.to_string())));
        }
        Ok(serde_json::from_slice(&body)?)
    }

    async fn connect(&self) -> Result<UnixStream, ControlError> {
        let fault = |error: io::Error| {
            // No directory, no socket, or one that a killed process left behind.
            let absent = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused];
            if absent.contains(&error.kind()) {
                ControlError::NotRunning { data_dir: self.data_dir.clone() }
            } else {
                ControlError::Unusable { path: self.data_dir.join(self.socket), error }
            }
        };
        let directory = DataDirectory::open(&self.data_dir).map_err(fault)?;
        UnixStream::connect(directory.socket_path(self.socket)).await.map_err(fault)
    }
}
