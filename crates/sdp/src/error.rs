//! What can be wrong with a body.

use thiserror::Error;

/// Why bytes are not a session description. Lines are counted from 1.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SdpError {
    /// The body is empty.
    #[error("the body is empty")]
    Empty,
    /// The body is longer than [`crate::Limits::max_bytes`].
    #[error("the body is longer than the limit")]
    TooLong,
    /// There are more lines than [`crate::Limits::max_lines`].
    #[error("line {line}: more lines than the limit")]
    TooManyLines {
        /// The first line over the limit.
        line: usize,
    },
    /// There are more media than [`crate::Limits::max_media`].
    #[error("line {line}: more media than the limit")]
    TooManyMedia {
        /// The first `m=` line over the limit.
        line: usize,
    },
    /// A line is not one letter, an equals sign and a value.
    #[error("line {line}: not of the form x=value")]
    NotALine {
        /// The line.
        line: usize,
    },
    /// The first line is not `v=0` (RFC 8866 section 5.1).
    #[error("line 1: the version is not 0")]
    Version,
    /// An `o=` line does not have its six fields (RFC 8866 section 5.2).
    #[error("line {line}: bad o= line")]
    Origin {
        /// The line.
        line: usize,
    },
    /// A `c=` line does not have its three fields, or its address is malformed (section 5.7).
    #[error("line {line}: bad c= line")]
    Connection {
        /// The line.
        line: usize,
    },
    /// An `m=` line does not have its fields, or its port is malformed (section 5.14).
    #[error("line {line}: bad m= line")]
    Media {
        /// The line.
        line: usize,
    },
    /// An `a=rtcp` attribute is malformed (RFC 3605).
    #[error("line {line}: bad a=rtcp attribute")]
    Rtcp {
        /// The line.
        line: usize,
    },
}
