//! What can be wrong with what a peer sent.

use thiserror::Error;

/// Digest credentials or a stored hash that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DigestError {
    /// The scheme is not Digest.
    #[error("the authentication scheme is not Digest")]
    OtherScheme,
    /// Not the syntax of RFC 7616 section 3.4, or a parameter that comes twice.
    #[error("malformed digest credentials")]
    Malformed,
    /// A parameter is missing, by its name.
    #[error("digest credentials without {0}")]
    Missing(&'static str),
    /// An algorithm that is not implemented.
    #[error("unknown digest algorithm")]
    UnknownAlgorithm,
    /// `userhash=true`, which was not offered.
    #[error("digest credentials with a hashed user name")]
    HashedUser,
    /// A stored hash of the wrong length or with characters that are not hexadecimal.
    #[error("a stored password hash is not hexadecimal of the algorithm's length")]
    BadHash,
}

/// A flow token that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not of the form of a token of ours.
    #[error("not a flow token")]
    Malformed,
    /// Not made with this key for this call.
    #[error("the flow token's signature does not match")]
    Forged,
}
