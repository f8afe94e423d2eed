//! Why a REGISTER is refused, and with which status.

use offhook_sip_message::{HeaderName, StatusCode};

/// The reason for a final answer other than 200 and 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request contradicts RFC 3261; the text says where.
    Malformed(&'static str),
    /// Only REGISTER is served here.
    MethodNotAllowed,
    /// The Request-URI is of a domain that is not ours: a registrar is no open relay.
    ForeignDomain,
    /// To names nobody in our domains.
    UnknownUser,
    /// The credentials are good, and somebody else's.
    NotOwner,
    /// These option tags are not understood.
    UnsupportedExtensions(String),
    /// A contact asks for less than the minimum, which is this many seconds.
    IntervalTooBrief(u32),
    /// The address of record has as many bindings as it may have.
    TooManyBindings,
    /// A binding was made by a later request of the same Call-ID.
    OutOfOrder,
    /// The texts of a contact are too long.
    TooLong,
    /// Something that is needed cannot be had; the text says what. Come back in so many seconds.
    Unavailable(&'static str, u32),
}

impl Refusal {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignDomain | Self::NotOwner | Self::TooManyBindings => StatusCode::FORBIDDEN,
            Self::UnknownUser => StatusCode::NOT_FOUND,
            Self::UnsupportedExtensions(_) => StatusCode::BAD_EXTENSION,
            Self::IntervalTooBrief(_) => StatusCode::INTERVAL_TOO_BRIEF,
            Self::OutOfOrder => StatusCode::SERVER_INTERNAL_ERROR,
            Self::TooLong => StatusCode::MESSAGE_TOO_LARGE,
            Self::Unavailable(..) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason phrase, where the usual one would not tell enough.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Malformed(reason) | Self::Unavailable(reason, _) => Some(reason),
            Self::ForeignDomain => Some("Domain not served here"),
            Self::NotOwner => Some("Not the owner of this address"),
            Self::TooManyBindings => Some("Too many bindings for this address"),
            Self::OutOfOrder => Some("CSeq out of order"),
            Self::MethodNotAllowed
            | Self::UnknownUser
            | Self::UnsupportedExtensions(_)
            | Self::IntervalTooBrief(_)
            | Self::TooLong => None,
        }
    }

    /// The header that goes with the status.
    pub(crate) fn header(&self) -> Option<(HeaderName, String)> {
        match self {
            Self::MethodNotAllowed => Some((HeaderName::Allow, "REGISTER".to_owned())),
            Self::UnsupportedExtensions(tags) => Some((HeaderName::Unsupported, tags.clone())),
            Self::IntervalTooBrief(seconds) => Some((HeaderName::MinExpires, seconds.to_string())),
            Self::Unavailable(_, seconds) => Some((HeaderName::RetryAfter, seconds.to_string())),
            Self::Malformed(_)
            | Self::ForeignDomain
            | Self::UnknownUser
            | Self::NotOwner
            | Self::TooManyBindings
            | Self::OutOfOrder
            | Self::TooLong => None,
        }
    }
}
