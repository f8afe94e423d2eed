//! Why signalling cannot start.

use offhook_database::DatabaseError;
use offhook_directory::DirectoryError;
use offhook_location_store::StoreError;
use offhook_platform::PlatformError;
use offhook_sip_transport::BindError;
use thiserror::Error;

use crate::ng_client::NgError;

/// A fault at the start of the service. Its text is for the person who started it.
#[derive(Debug, Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] DatabaseError),
    /// The directory cannot be read.
    #[error("the directory cannot be read")]
    Directory(#[from] DirectoryError),
    /// The stored bindings cannot be read.
    #[error("the stored registrations cannot be read")]
    Bindings(#[from] StoreError),
    /// A SIP listener cannot be opened.
    #[error("a SIP listener cannot be opened")]
    Listener(#[from] BindError),
    /// The media relay cannot be used.
    #[error(transparent)]
    Relay(#[from] NgError),
    /// Media is to be relayed, and there is no relay.
    #[error(
        "media.engage is on, but this program has no media relay of its own: \
         set media.relay to one (\"udp:HOST:2223\", offhook-media or rtpengine), \
         or media.engage to \"never\""
    )]
    NoRelay,
    /// A thread cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// The process itself cannot be set up.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}
