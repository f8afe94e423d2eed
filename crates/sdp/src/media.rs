//! One medium: an `m=` line and the lines below it.

use std::ops::Range;

use crate::{
    Attribute, Connection, Host, Limits, SdpError,
    line::{Line, fields, number},
};

/// One medium of a description.
#[derive(Clone, Debug)]
pub struct Media {
    /// The places of its lines, the `m=` line first, in the description's list of lines.
    pub(crate) lines: Range<usize>,
    pub(crate) kind: Range<usize>,
    /// The port with the number of ports behind it.
    pub(crate) port_field: Range<usize>,
    pub(crate) protocol_field: Range<usize>,
    pub(crate) rtcp_line: Option<usize>,
    port: u16,
    protocol: Protocol,
    connection: Option<Connection>,
    rtcp: Option<RtcpAttribute>,
    rtcp_mux: bool,
}

impl Media {
    /// The port; 0 where the medium is refused (RFC 3264 section 6) or bundled into another.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The transport.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// `audio`, `video`, ...
    #[must_use]
    pub fn kind<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.kind.clone()).unwrap_or_default()
    }

    /// The transport as spelled: `RTP/AVP`, ...
    #[must_use]
    pub fn protocol_name<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.protocol_field.clone()).unwrap_or_default()
    }

    /// The medium's own `c=` line.
    #[must_use]
    pub const fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// The `a=rtcp` attribute (RFC 3605).
    #[must_use]
    pub const fn rtcp(&self) -> Option<RtcpAttribute> {
        self.rtcp
    }

    /// Whether `a=rtcp-mux` is there (RFC 5761).
    #[must_use]
    pub const fn rtcp_mux(&self) -> bool {
        self.rtcp_mux
    }

    pub(crate) fn parse_all(
        text: &[u8],
        lines: &[Line],
        first: usize,
        limits: &Limits,
    ) -> Result<Vec<Self>, SdpError> {
        let mut all: Vec<Self> = Vec::new();
        for (index, line) in lines.iter().enumerate().skip(first) {
            if line.kind == b'm' {
                if all.len() == limits.max_media {
                    return Err(SdpError::TooManyMedia { line: line.number });
                }
                all.push(Self::parse(text, line, index)?);
            } else if let Some(media) = all.last_mut() {
                media.lines.end = index + 1;
                media.add(text, line, index)?;
            }
        }
        Ok(all)
    }

    fn parse(text: &[u8], line: &Line, index: usize) -> Result<Self, SdpError> {
        let error = SdpError::Media { line: line.number };
        let mut fields = fields(text, line.value.clone());
        let (Some(kind), Some(port_field), Some(protocol_field), Some(_format)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(error);
        };
        let mut port = text[port_field.clone()].split(|&byte| byte == b'/');
        let number = port.next().and_then(number).ok_or(error)?;
        let protocol = Protocol::of(&text[protocol_field.clone()]);
        Ok(Self {
            lines: index..index + 1,
            kind,
            port_field,
            protocol_field,
            rtcp_line: None,
            port: number,
            protocol,
            connection: None,
            rtcp: None,
            rtcp_mux: false,
        })
    }

    fn add(&mut self, text: &[u8], line: &Line, index: usize) -> Result<(), SdpError> {
        if line.kind == b'c' && self.connection.is_none() {
            self.connection = Some(Connection::parse(text, line)?);
        }
        let Some(attribute) = Attribute::of(text, line) else { return Ok(()) };
        if attribute.is("rtcp-mux") {
            self.rtcp_mux = true;
        } else if attribute.is("rtcp") && self.rtcp_line.is_none() {
            let value = attribute.value.and_then(RtcpAttribute::parse);
            self.rtcp = Some(value.ok_or(SdpError::Rtcp { line: line.number })?);
            self.rtcp_line = Some(index);
        }
        Ok(())
    }
}

/// What travels between the ports of a medium.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// `RTP/AVP` or `RTP/AVPF`: RTP and RTCP in the clear.
    Rtp,
    /// `RTP/SAVP(F)` or `UDP/TLS/RTP/SAVP(F)`: SRTP and SRTCP, whose first bytes are in the clear.
    SecureRtp,
    /// Any other protocol over UDP, such as `udptl` for T.38.
    Udp,
    /// A protocol that is not over UDP, or one that is unknown.
    Other,
}

impl Protocol {
    /// Whether there is RTCP beside it.
    #[must_use]
    pub const fn is_rtp(self) -> bool {
        matches!(self, Self::Rtp | Self::SecureRtp)
    }

    fn of(name: &[u8]) -> Self {
        let upper = name.to_ascii_uppercase();
        match upper.as_slice() {
            b"RTP/AVP" | b"RTP/AVPF" => Self::Rtp,
            b"RTP/SAVP" | b"RTP/SAVPF" | b"UDP/TLS/RTP/SAVP" | b"UDP/TLS/RTP/SAVPF" => {
                Self::SecureRtp
            }
            b"UDP" | b"UDPTL" => Self::Udp,
            other if other.starts_with(b"UDP/") => Self::Udp,
            _ => Self::Other,
        }
    }
}

/// `a=rtcp:port [nettype addrtype address]` (RFC 3605).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RtcpAttribute {
    /// The port of RTCP.
    pub port: u16,
    /// The address, where it is not that of `c=`.
    pub host: Option<Host>,
}

impl RtcpAttribute {
    fn parse(value: &[u8]) -> Option<Self> {
        let fields: Vec<_> = fields(value, 0..value.len()).take(5).collect();
        let (port, host) = match fields.as_slice() {
            [port] => (port, None),
            [port, _network, family, address] => {
                let host = Host::parse(&value[family.clone()], &value[address.clone()])?;
                (port, Some(host))
            }
            _ => return None,
        };
        Some(Self { port: number(&value[port.clone()])?, host })
    }
}
