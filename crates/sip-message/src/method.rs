//! Request methods.

use std::fmt;

/// A request method that has meaning to this code, or [`Method::Other`] for any other token.
///
/// Methods are case-sensitive (RFC 3261 section 7.1); `invite` is `Other`. The token itself is kept
/// in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261 section 13.
    Invite,
    /// RFC 3261 section 13.
    Ack,
    /// RFC 3261 section 15.
    Bye,
    /// RFC 3261 section 9.
    Cancel,
    /// RFC 3261 section 10.
    Register,
    /// RFC 3261 section 11.
    Options,
    /// RFC 3262.
    Prack,
    /// RFC 6665.
    Subscribe,
    /// RFC 6665.
    Notify,
    /// RFC 3903.
    Publish,
    /// RFC 6086.
    Info,
    /// RFC 3515.
    Refer,
    /// RFC 3428.
    Message,
    /// RFC 3311.
    Update,
    /// An extension method.
    Other,
}

impl Method {
    /// Every variant, in the order of their discriminants: a table by method is indexed with
    /// `method as usize`.
    pub const ALL: [Self; 15] = [
        Self::Invite,
        Self::Ack,
        Self::Bye,
        Self::Cancel,
        Self::Register,
        Self::Options,
        Self::Prack,
        Self::Subscribe,
        Self::Notify,
        Self::Publish,
        Self::Info,
        Self::Refer,
        Self::Message,
        Self::Update,
        Self::Other,
    ];

    /// Recognises a method token.
    #[must_use]
    #[inline]
    pub fn from_token(token: &[u8]) -> Self {
        match token {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"REGISTER" => Self::Register,
            b"OPTIONS" => Self::Options,
            b"PRACK" => Self::Prack,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"PUBLISH" => Self::Publish,
            b"INFO" => Self::Info,
            b"REFER" => Self::Refer,
            b"MESSAGE" => Self::Message,
            b"UPDATE" => Self::Update,
            _ => Self::Other,
        }
    }

    /// The token of a known method; `OTHER` for an extension method, whose token is in the message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
            Self::Prack => "PRACK",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Publish => "PUBLISH",
            Self::Info => "INFO",
            Self::Refer => "REFER",
            Self::Message => "MESSAGE",
            Self::Update => "UPDATE",
            Self::Other => "OTHER",
        }
    }

    /// Whether a success, or a provisional response with a To tag, creates a dialog (RFC 3261
    /// section 12.1, RFC 6665 section 4.4.1, RFC 3515 section 2.4.4).
    #[must_use]
    pub fn creates_dialog(self) -> bool {
        match self {
            Self::Invite | Self::Subscribe | Self::Refer => true,
            Self::Ack
            | Self::Bye
            | Self::Cancel
            | Self::Register
            | Self::Options
            | Self::Prack
            | Self::Notify
            | Self::Publish
            | Self::Info
            | Self::Message
            | Self::Update
            | Self::Other => false,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn a_table_by_method_is_indexed_by_its_discriminant() {
        for (index, method) in Method::ALL.into_iter().enumerate() {
            assert_eq!(method as usize, index);
        }
    }

    #[test]
    fn tokens_round_trip_and_keep_their_case() {
        for name in [
            "INVITE",
            "ACK",
            "BYE",
            "CANCEL",
            "REGISTER",
            "OPTIONS",
            "PRACK",
            "SUBSCRIBE",
            "NOTIFY",
            "PUBLISH",
            "INFO",
            "REFER",
            "MESSAGE",
            "UPDATE",
        ] {
            let method = Method::from_token(name.as_bytes());
            assert_ne!(method, Method::Other, "{name}");
            assert_eq!(method.as_str(), name);
            assert_eq!(Method::from_token(name.to_lowercase().as_bytes()), Method::Other);
        }
        assert_eq!(Method::from_token(b"INVITED"), Method::Other);
        assert_eq!(Method::from_token(b""), Method::Other);
    }
}
