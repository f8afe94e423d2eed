//! What can be wrong with a message.

use crate::{HeaderName, StatusCode};

/// Why bytes are not a SIP message, or a value not what its header promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.reason())]
pub enum ParseError {
    /// Nothing but line ends: a keep-alive, not a message.
    Empty,
    /// More bytes than [`crate::Limits::max_message_bytes`].
    MessageTooLarge,
    /// A line longer than [`crate::Limits::max_header_bytes`].
    LineTooLong,
    /// More header lines than [`crate::Limits::max_headers`].
    TooManyHeaders,
    /// A Request-URI longer than [`crate::Limits::max_uri_bytes`].
    UriTooLong,
    /// The head does not end with an empty line.
    HeadUnfinished,
    /// A line feed without a carriage return ends a line.
    BareLineFeed,
    /// A carriage return that ends no line, or a NUL byte, in the head.
    ControlCharacter,
    /// The first line is neither a request line nor a status line (RFC 3261 section 7).
    MalformedStartLine,
    /// The method is not a token.
    MalformedMethod,
    /// The Request-URI is not a URI.
    MalformedRequestUri,
    /// The status code is not a number from 100 to 699.
    MalformedStatusCode,
    /// A SIP version other than 2.0.
    UnsupportedVersion,
    /// A line without a colon or without a header name before it.
    MalformedHeaderLine,
    /// A header that every message carries is absent (RFC 3261 section 8.1.1).
    MissingHeader(HeaderName),
    /// A header's value does not follow its grammar or its range.
    MalformedHeader(HeaderName),
    /// A header that may occur once occurs again.
    RepeatedHeader(HeaderName),
    /// The method of CSeq is not the method of the request (RFC 3261 section 8.1.1.5).
    MethodMismatch,
    /// Content-Length promises more than there is (RFC 3261 section 18.3).
    BodyTruncated,
    /// A value that should be a URI is not.
    MalformedUri,
    /// A value that should be a name-addr or addr-spec is not.
    MalformedAddress,
}

impl ParseError {
    /// The status that answers a request with this fault.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::MessageTooLarge | Self::LineTooLong | Self::TooManyHeaders => {
                StatusCode::MESSAGE_TOO_LARGE
            }
            Self::UriTooLong => StatusCode::REQUEST_URI_TOO_LONG,
            Self::UnsupportedVersion => StatusCode::VERSION_NOT_SUPPORTED,
            Self::Empty
            | Self::HeadUnfinished
            | Self::BareLineFeed
            | Self::ControlCharacter
            | Self::MalformedStartLine
            | Self::MalformedMethod
            | Self::MalformedRequestUri
            | Self::MalformedStatusCode
            | Self::MalformedHeaderLine
            | Self::MissingHeader(_)
            | Self::MalformedHeader(_)
            | Self::RepeatedHeader(_)
            | Self::MethodMismatch
            | Self::BodyTruncated
            | Self::MalformedUri
            | Self::MalformedAddress => StatusCode::BAD_REQUEST,
        }
    }

    /// The fault in a few words, fit to be a reason phrase.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "Empty Message",
            Self::MessageTooLarge => "Message Too Large",
            Self::LineTooLong => "Header Line Too Long",
            Self::TooManyHeaders => "Too Many Headers",
            Self::UriTooLong => "Request-URI Too Long",
            Self::HeadUnfinished => "No Empty Line After Headers",
            Self::BareLineFeed => "Bare Line Feed",
            Self::ControlCharacter => "Control Character In Header",
            Self::MalformedStartLine => "Malformed Start Line",
            Self::MalformedMethod => "Malformed Method",
            Self::MalformedRequestUri => "Malformed Request-URI",
            Self::MalformedStatusCode => "Malformed Status Code",
            Self::UnsupportedVersion => "Version Not Supported",
            Self::MalformedHeaderLine => "Malformed Header Line",
            Self::MissingHeader(name) => name.missing_reason(),
            Self::MalformedHeader(name) => name.malformed_reason(),
            Self::RepeatedHeader(name) => name.repeated_reason(),
            Self::MethodMismatch => "CSeq Method Differs From Request Method",
            Self::BodyTruncated => "Content-Length Exceeds Message",
            Self::MalformedUri => "Malformed URI",
            Self::MalformedAddress => "Malformed Address",
        }
    }
}
