//! Flow tokens: where a request came from, written into a URI and signed (RFC 5626 section 5.2).
//!
//! A proxy puts a token into the user part of its Record-Route or Path and gets it back in the Route of
//! a later request, perhaps after a restart or on another node with the same key. It says which flow
//! leads to the client, and nobody but us can have made it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use offhook_sip_message::{ConnectionId, Flow, Transport};
use subtle::ConstantTimeEq;

use crate::error::TokenError;
use crate::mac::Mac;

/// Bits 0 to 2 of the first byte: the transport, or that there is no flow.
const TRANSPORT_MASK: u8 = 0b0000_0111;
const NO_FLOW: u8 = 0;
/// Bit 3: IPv6 addresses.
const IPV6: u8 = 0b0000_1000;
/// Bit 4: a connection id follows.
const CONNECTED: u8 = 0b0001_0000;
/// Bits 5 to 7: the version of the format.
const VERSION_MASK: u8 = 0b1110_0000;
const VERSION: u8 = 0b0010_0000;

/// RFC 5626 section 5.2 proposes 80 bits; these are 96.
const MAC_BYTES: usize = 12;

/// First byte, two IPv6 addresses with ports, connection, signature.
const MAX_TOKEN_BYTES: usize = 1 + 2 * 18 + 8 + MAC_BYTES;
const MAX_TOKEN_CHARS: usize = MAX_TOKEN_BYTES.div_ceil(3) * 4;

/// Seals and opens flow tokens with one key.
#[derive(Clone)]
pub struct FlowTokens {
    mac: Mac,
}

impl FlowTokens {
    /// Tokens signed with `key`, which all nodes that route for each other share and nobody else
    /// knows.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { mac: Mac::new(&key, b"offhook flow token") }
    }

    /// A token for `flow`, or one that says only that this URI is of our making.
    ///
    /// It is good for the dialog with this Call-ID alone; a token that must outlive a dialog (in a
    /// Path) takes an empty one. The result consists of characters that a user part may contain.
    #[must_use]
    pub fn seal(&self, flow: Option<&Flow>, call_id: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(MAX_TOKEN_BYTES);
        write_flow(&mut bytes, flow);
        let signature = self.mac.sign::<MAC_BYTES>(&[&bytes, call_id]);
        bytes.extend_from_slice(&signature);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The flow that a token of ours was made for.
    ///
    /// The connection in it may be gone, or the process that had it: whoever sends must find the
    /// connection by its id and compare its remote address.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if it cannot be a token, [`TokenError::Forged`] if it was not made
    /// with this key for this Call-ID.
    pub fn open(&self, token: &[u8], call_id: &[u8]) -> Result<Option<Flow>, TokenError> {
        let mut buffer = [0; MAX_TOKEN_BYTES];
        if token.len() > MAX_TOKEN_CHARS {
            return Err(TokenError::Malformed);
        }
        let length = URL_SAFE_NO_PAD
            .decode_slice(token, &mut buffer)
            .map_err(|_error| TokenError::Malformed)?;
        let (body, signature) =
            buffer[..length].split_last_chunk::<MAC_BYTES>().ok_or(TokenError::Malformed)?;
        let expected = self.mac.sign::<MAC_BYTES>(&[body, call_id]);
        if !bool::from(expected.ct_eq(signature)) {
            return Err(TokenError::Forged);
        }
        read_flow(body).ok_or(TokenError::Malformed)
    }
}

impl std::fmt::Debug for FlowTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FlowTokens(secret)")
    }
}

fn write_flow(bytes: &mut Vec<u8>, flow: Option<&Flow>) {
    let Some(flow) = flow else {
        bytes.push(VERSION | NO_FLOW);
        return;
    };
    let is_v6 = flow.local.is_ipv6() || flow.remote.is_ipv6();
    let mut first = VERSION | transport_code(flow.transport);
    if is_v6 {
        first |= IPV6;
    }
    if flow.connection.is_some() {
        first |= CONNECTED;
    }
    bytes.push(first);
    for address in [flow.local, flow.remote] {
        match address.ip() {
            IpAddr::V4(ip) if is_v6 => bytes.extend_from_slice(&ip.to_ipv6_mapped().octets()),
            IpAddr::V4(ip) => bytes.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes.extend_from_slice(&ip.octets()),
        }
        bytes.extend_from_slice(&address.port().to_be_bytes());
    }
    if let Some(ConnectionId(id)) = flow.connection {
        bytes.extend_from_slice(&id.to_be_bytes());
    }
}

/// Reads what [`write_flow`] wrote; `None` if this is something else.
fn read_flow(bytes: &[u8]) -> Option<Option<Flow>> {
    let (&first, rest) = bytes.split_first()?;
    if first & VERSION_MASK != VERSION {
        return None;
    }
    if first & TRANSPORT_MASK == NO_FLOW {
        return rest.is_empty().then_some(None);
    }
    let transport = transport_of(first & TRANSPORT_MASK)?;
    let (local, rest) = read_address(rest, first & IPV6 != 0)?;
    let (remote, rest) = read_address(rest, first & IPV6 != 0)?;
    let (connection, rest) = if first & CONNECTED == 0 {
        (None, rest)
    } else {
        let (id, rest) = rest.split_first_chunk()?;
        (Some(ConnectionId(u64::from_be_bytes(*id))), rest)
    };
    rest.is_empty().then_some(Some(Flow { transport, local, remote, connection }))
}

fn read_address(bytes: &[u8], is_v6: bool) -> Option<(SocketAddr, &[u8])> {
    let (ip, rest) = if is_v6 {
        let (octets, rest) = bytes.split_first_chunk::<16>()?;
        (IpAddr::V6(Ipv6Addr::from(*octets)), rest)
    } else {
        let (octets, rest) = bytes.split_first_chunk::<4>()?;
        (IpAddr::V4(Ipv4Addr::from(*octets)), rest)
    };
    let (port, rest) = rest.split_first_chunk()?;
    Some((SocketAddr::new(ip, u16::from_be_bytes(*port)), rest))
}

const fn transport_code(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 3,
        Transport::Ws => 4,
        Transport::Wss => 5,
    }
}

fn transport_of(code: u8) -> Option<Transport> {
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]
        .into_iter()
        .find(|transport| transport_code(*transport) == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL_ID: &[u8] = b"a84b4c76e66710@pc33.example.com";

    fn tokens() -> FlowTokens {
        FlowTokens::new([7; 32])
    }

    fn flow(transport: Transport, remote: &str, connection: Option<u64>) -> Flow {
        let remote: SocketAddr = remote.parse().unwrap();
        let local = if remote.is_ipv6() { "[2001:db8::1]:5060" } else { "192.0.2.1:5060" };
        Flow {
            transport,
            local: local.parse().unwrap(),
            remote,
            connection: connection.map(ConnectionId),
        }
    }

    #[test]
    fn every_kind_of_flow_comes_back() {
        let mut flows = vec![None];
        for transport in
            [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]
        {
            for remote in ["198.51.100.7:40000", "[2001:db8::7]:1"] {
                for connection in [None, Some(0), Some(u64::MAX)] {
                    flows.push(Some(flow(transport, remote, connection)));
                }
            }
        }
        for flow in flows {
            let token = tokens().seal(flow.as_ref(), CALL_ID);
            assert!(
                token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
            assert!(token.len() <= MAX_TOKEN_CHARS);
            assert_eq!(tokens().open(token.as_bytes(), CALL_ID), Ok(flow));
        }
    }

    #[test]
    fn tokens_are_short() {
        let udp = flow(Transport::Udp, "198.51.100.7:40000", None);
        assert_eq!(tokens().seal(Some(&udp), CALL_ID).len(), 34);
        assert_eq!(tokens().seal(None, CALL_ID).len(), 18);
    }

    #[test]
    fn a_token_is_good_for_its_call_and_its_key_alone() {
        let token = tokens().seal(None, CALL_ID);
        assert_eq!(tokens().open(token.as_bytes(), b"other"), Err(TokenError::Forged));
        let other = FlowTokens::new([8; 32]);
        assert_eq!(other.open(token.as_bytes(), CALL_ID), Err(TokenError::Forged));
    }

    #[test]
    fn a_token_changed_in_any_character_is_refused() {
        let flow = flow(Transport::Tcp, "198.51.100.7:40000", Some(12));
        let token = tokens().seal(Some(&flow), CALL_ID).into_bytes();
        for place in 0..token.len() {
            let mut changed = token.clone();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert!(tokens().open(&changed, CALL_ID).is_err(), "character {place}");
        }
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let long = [b'A'; 2 * MAX_TOKEN_CHARS];
        for text in [&b""[..], b"alice", b"AAAA", b"a b", &[0xff; 20], &long] {
            let result = tokens().open(text, CALL_ID);
            assert_eq!(result, Err(TokenError::Malformed), "{}", text.escape_ascii());
        }
        let forged = [b'A'; 40];
        assert_eq!(tokens().open(&forged, CALL_ID), Err(TokenError::Forged));
    }
}
