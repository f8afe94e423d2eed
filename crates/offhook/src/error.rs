//! Why a command could not be carried out.

use std::io;

use offhook_database::DatabaseError;
use offhook_directory::DirectoryError;
use offhook_location_store::StoreError;
use offhook_platform::PlatformError;
use offhook_platform::control::ControlError;

/// Everything that ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Start(#[from] offhook_proxy_service::StartError),
    #[error("the media relay cannot start")]
    Media(#[from] offhook_media_service::MediaError),
    #[error("cannot read a password from standard input: {0}")]
    PasswordInput(io::Error),
    #[error("cannot print the list: {0}")]
    Json(#[from] serde_json::Error),
}
