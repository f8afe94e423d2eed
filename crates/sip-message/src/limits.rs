//! How much of everything a message may have.

/// Bounds on a message, checked before and while it is indexed.
///
/// Each bound that is passed is an error of its own in [`crate::ParseError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Head and body together, in bytes (513 when passed). At most `u32::MAX` is honoured.
    pub max_message_bytes: usize,
    /// Number of header lines; a folded line counts once (513 when passed).
    pub max_headers: usize,
    /// One header line with its name and its folds, in bytes (513 when passed). Holds for the start
    /// line as well.
    pub max_header_bytes: usize,
    /// The Request-URI, in bytes (414 when passed).
    pub max_uri_bytes: usize,
    /// Whether a line feed alone ends a line. RFC 3261 section 7 asks for CRLF, and a hop that takes
    /// more than its neighbours do can be fed headers that they do not see, so this is off unless a
    /// closed network needs it.
    pub accept_bare_lf: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: 65_535,
            max_headers: 128,
            max_header_bytes: 8_192,
            max_uri_bytes: 2_048,
            accept_bare_lf: false,
        }
    }
}
