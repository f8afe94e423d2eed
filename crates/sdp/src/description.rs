//! A session description: the session's part, and the media.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
    str,
};

use crate::{
    Media, SdpError,
    line::{Line, fields, lines},
};

/// The bounds within which a body is parsed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest body, in bytes.
    pub max_bytes: usize,
    /// The most lines.
    pub max_lines: usize,
    /// The most media (`m=` lines).
    pub max_media: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 65_507, max_lines: 2000, max_media: 32 }
    }
}

/// A parsed body. It borrows the text and holds only places in it.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    text: &'a [u8],
    lines: Vec<Line>,
    /// How many of the lines come before the first medium.
    session_lines: usize,
    origin_address: Option<Range<usize>>,
    connection: Option<Connection>,
    media: Vec<Media>,
}

impl<'a> Description<'a> {
    /// Parses a body.
    ///
    /// # Errors
    /// With the line at which the body is malformed or over a limit.
    pub fn parse(text: &'a [u8], limits: &Limits) -> Result<Self, SdpError> {
        if text.len() > limits.max_bytes {
            return Err(SdpError::TooLong);
        }
        let lines = lines(text, limits)?;
        let version = lines.first().ok_or(SdpError::Empty)?;
        if version.kind != b'v' || text[version.value.clone()].trim_ascii() != b"0" {
            return Err(SdpError::Version);
        }
        let session_lines = lines.iter().position(|line| line.kind == b'm').unwrap_or(lines.len());
        let mut origin_address = None;
        let mut connection = None;
        for line in &lines[..session_lines] {
            match line.kind {
                b'o' if origin_address.is_none() => origin_address = Some(origin(text, line)?),
                b'c' if connection.is_none() => connection = Some(Connection::parse(text, line)?),
                _ => {}
            }
        }
        let media = Media::parse_all(text, &lines, session_lines, limits)?;
        Ok(Self { text, lines, session_lines, origin_address, connection, media })
    }

    /// The body as received.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The session's `c=` line (RFC 8866 section 5.7).
    #[must_use]
    pub const fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// The media, in the order of the body.
    #[must_use]
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The `c=` line that holds for a medium: its own, else the session's.
    #[must_use]
    pub fn connection_of<'d>(&'d self, media: &'d Media) -> Option<&'d Connection> {
        media.connection().or(self.connection.as_ref())
    }

    /// The direction of a medium: its own attribute, else the session's, else `sendrecv`
    /// (RFC 8866 section 6.7).
    #[must_use]
    pub fn direction_of(&self, media: &Media) -> Direction {
        let find = |lines: &[Line]| self.attributes_in(lines).find_map(Direction::of);
        find(self.lines_of(media))
            .or_else(|| find(&self.lines[..self.session_lines]))
            .unwrap_or(Direction::SendRecv)
    }

    /// The attributes of the session.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> {
        self.attributes_in(&self.lines[..self.session_lines])
    }

    /// The attributes of a medium.
    pub fn attributes_of(&self, media: &Media) -> impl Iterator<Item = Attribute<'a>> {
        self.attributes_in(self.lines_of(media))
    }

    /// The bytes of a range of the body.
    pub(crate) fn slice(&self, range: &Range<usize>) -> &'a [u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(crate) fn lines_of(&self, media: &Media) -> &[Line] {
        self.lines.get(media.lines.clone()).unwrap_or_default()
    }

    pub(crate) const fn origin_address(&self) -> Option<&Range<usize>> {
        self.origin_address.as_ref()
    }

    fn attributes_in(&self, lines: &[Line]) -> impl Iterator<Item = Attribute<'a>> {
        lines.iter().filter_map(|line| Attribute::of(self.text, line))
    }
}

/// `a=name` or `a=name:value` (RFC 8866 section 5.13).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attribute<'a> {
    /// The name, as spelled in the body.
    pub name: &'a [u8],
    /// What stands behind the colon.
    pub value: Option<&'a [u8]>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn of(text: &'a [u8], line: &Line) -> Option<Self> {
        if line.kind != b'a' {
            return None;
        }
        let value = text.get(line.value.clone())?;
        Some(match value.iter().position(|&byte| byte == b':') {
            Some(colon) => Self { name: &value[..colon], value: Some(&value[colon + 1..]) },
            None => Self { name: value.trim_ascii_end(), value: None },
        })
    }

    /// Whether the attribute has this name. Names are case-sensitive, but phones err.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Who sends (RFC 3264 section 5.1), as the body's author sees it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// The author only.
    SendOnly,
    /// The other party only.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    fn of(attribute: Attribute<'_>) -> Option<Self> {
        [
            ("sendrecv", Self::SendRecv),
            ("sendonly", Self::SendOnly),
            ("recvonly", Self::RecvOnly),
            ("inactive", Self::Inactive),
        ]
        .into_iter()
        .find(|(name, _)| attribute.value.is_none() && attribute.is(name))
        .map(|(_, direction)| direction)
    }

    /// Whether the author of the body sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the author of the body receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// A `c=` line (RFC 8866 section 5.7).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    host: Host,
    /// The value of the line: network type, address type and address.
    pub(crate) value: Range<usize>,
}

impl Connection {
    /// The address.
    #[must_use]
    pub const fn host(&self) -> Host {
        self.host
    }

    pub(crate) fn parse(text: &[u8], line: &Line) -> Result<Self, SdpError> {
        let error = SdpError::Connection { line: line.number };
        let mut fields = fields(text, line.value.clone());
        let (Some(_network), Some(family), Some(address)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(error);
        };
        let host = Host::parse(&text[family], &text[address]).ok_or(error)?;
        Ok(Self { host, value: line.value.clone() })
    }
}

/// Where media go: an address, or a name that would have to be looked up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Host {
    /// An IPv4 or IPv6 address.
    Address(IpAddr),
    /// A domain name; its place in the body is not kept.
    Name,
}

impl Host {
    /// Reads an address of the family that stands before it. A multicast time-to-live or count
    /// behind a slash is left aside.
    pub(crate) fn parse(family: &[u8], address: &[u8]) -> Option<Self> {
        let address = address.split(|&byte| byte == b'/').next()?;
        let text = str::from_utf8(address).ok()?;
        let parsed = if family.eq_ignore_ascii_case(b"IP4") {
            text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
        } else if family.eq_ignore_ascii_case(b"IP6") {
            text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        } else {
            return None;
        };
        if let Some(address) = parsed {
            return Some(Self::Address(address));
        }
        let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        // A name has a letter; what has none is a malformed IPv4 address.
        let plausible =
            text.bytes().all(name) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
        plausible.then_some(Self::Name)
    }

    /// The address, where it is one and not the zero address of an old-style hold (RFC 3264
    /// section 8.4).
    #[must_use]
    pub fn reachable(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address).filter(|address| !address.is_unspecified()),
            Self::Name => None,
        }
    }

    /// Whether it is the zero address.
    #[must_use]
    pub const fn is_unspecified(self) -> bool {
        match self {
            Self::Address(address) => address.is_unspecified(),
            Self::Name => false,
        }
    }
}

/// The last two fields of `o=`: address type and address.
fn origin(text: &[u8], line: &Line) -> Result<Range<usize>, SdpError> {
    let fields: Vec<_> = fields(text, line.value.clone()).take(7).collect();
    match fields.as_slice() {
        [_, _, _, _, family, address] => Ok(family.start..address.end),
        _ => Err(SdpError::Origin { line: line.number }),
    }
}
