//! What can be wrong with a datagram, a bencoded document, a command or a reply.

use thiserror::Error;

/// Why a datagram is not `<cookie> <document>`.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FrameError {
    /// The datagram is larger than [`crate::MAX_DATAGRAM_BYTES`].
    #[error("the datagram is longer than {} bytes", crate::MAX_DATAGRAM_BYTES)]
    TooLong,
    /// There is no space behind a cookie.
    #[error("no cookie in front of the document")]
    NoCookie,
    /// The cookie is longer than [`crate::MAX_COOKIE_BYTES`].
    #[error("the cookie is longer than {} bytes", crate::MAX_COOKIE_BYTES)]
    CookieTooLong,
}

/// Why bytes are not a bencoded value. Offsets count bytes from the start of the document.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BencodeError {
    /// The document ends inside a value.
    #[error("the document ends early, at byte {0}")]
    Truncated(usize),
    /// A byte that starts no value, or a key that is no byte string.
    #[error("unexpected byte at {0}")]
    Unexpected(usize),
    /// A number or a length that is malformed or does not fit.
    #[error("bad number at byte {0}")]
    BadNumber(usize),
    /// Lists and dictionaries are nested deeper than the limit.
    #[error("nested too deeply at byte {0}")]
    TooDeep(usize),
    /// The document holds more values than the limit.
    #[error("too many values at byte {0}")]
    TooManyValues(usize),
    /// Bytes follow the value.
    #[error("bytes behind the document at {0}")]
    Trailing(usize),
}

/// Why a document is not a command. The texts are sent to the peer as `error-reason`.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CommandError {
    /// The document is not bencode.
    #[error("Could not decode bencode dictionary: {0}")]
    Bencode(#[from] BencodeError),
    /// The document is not a dictionary.
    #[error("The document is not a dictionary")]
    NotADictionary,
    /// The dictionary has no `command`.
    #[error("Dictionary contains no key \"command\"")]
    NoCommand,
    /// The command is not implemented.
    #[error("Unrecognized command")]
    Unrecognized,
    /// A key that this command needs is missing, empty or of a wrong type.
    #[error("No {0} in message")]
    Missing(&'static str),
    /// The value of a key is not of its form.
    #[error("Bad value of {0}")]
    BadValue(&'static str),
}

/// Why a document is not a reply.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ReplyError {
    /// The document is not bencode.
    #[error("not a bencoded dictionary: {0}")]
    Bencode(#[from] BencodeError),
    /// The document is not a dictionary.
    #[error("the document is not a dictionary")]
    NotADictionary,
    /// There is no `result`, or one that the protocol does not define.
    #[error("no known result")]
    NoResult,
}
