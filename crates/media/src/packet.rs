//! What kind of packet this is, by its first two bytes.

/// Bytes in front of the payload of an RTP packet (RFC 3550 section 5.1).
const RTP_HEADER_BYTES: usize = 12;
/// Bytes of the shortest RTCP packet: an empty receiver report (RFC 3550 section 6.4.2).
const RTCP_HEADER_BYTES: usize = 8;

/// The kinds that a relay tells apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// Something else that the two parties may have agreed on, such as DTLS or ZRTP.
    Opaque,
    /// Meant for the NAT on the way and not for the other party (RFC 6263): passed on to nobody.
    Keepalive,
    /// A cut-off RTP or RTCP packet.
    Malformed,
}

/// Sorts packets of an RTP session by RFC 7983 section 7, and RTP from RTCP by RFC 5761 section 4.
pub(crate) fn classify(packet: &[u8]) -> Kind {
    match *packet {
        // RTP version 2. The second byte of RTCP is its packet type; the RTP payload types that
        // would look the same with their marker bit are not in use on a shared port.
        [128..=191, 192..=223, ..] if packet.len() >= RTCP_HEADER_BYTES => Kind::Rtcp,
        [128..=191, 192..=223, ..] => Kind::Malformed,
        [128..=191, ..] if packet.len() >= RTP_HEADER_BYTES => Kind::Rtp,
        [128..=191, ..] => Kind::Malformed,
        // STUN.
        [0..=3, ..] => Kind::Keepalive,
        _ if packet.len() < RTP_HEADER_BYTES => Kind::Keepalive,
        _ => Kind::Opaque,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_the_first_bytes() {
        for (start, length, expected) in [
            ([0x80, 0], 172, Kind::Rtp),
            ([0x80, 0x80 | 96], 12, Kind::Rtp),
            ([0xb0, 127], 20, Kind::Rtp),
            ([0x80, 0], 11, Kind::Malformed),
            ([0x80, 200], 28, Kind::Rtcp),
            ([0x81, 201], 8, Kind::Rtcp),
            ([0x81, 201], 7, Kind::Malformed),
            ([0x80, 192], 8, Kind::Rtcp),
            ([0x80, 223], 8, Kind::Rtcp),
            ([0x80, 224], 12, Kind::Rtp),
            ([0x80, 191], 12, Kind::Rtp),
            ([0, 1], 20, Kind::Keepalive),
            ([22, 254], 60, Kind::Opaque),
            ([0x10, 0], 40, Kind::Opaque),
            (*b"\r\n", 4, Kind::Keepalive),
        ] {
            let mut packet = start.to_vec();
            packet.resize(length, 0);
            assert_eq!(classify(&packet), expected, "{start:?}, {length} bytes");
        }
        assert_eq!(classify(&[]), Kind::Keepalive);
        assert_eq!(classify(&[0x80]), Kind::Malformed);
    }
}
