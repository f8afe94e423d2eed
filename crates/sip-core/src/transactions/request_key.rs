//! What makes two requests the same transaction to a server (RFC 3261 section 17.2.3).

use offhook_sip_message::{HeaderName, Host, Method, Request, Transport, Via};
use smallvec::SmallVec;

use super::branch::MAGIC_COOKIE;

/// Keys up to this size, which are those of nearly all phones and proxies, are stored in place.
const INLINE_BYTES: usize = 56;

/// The fields that must be equal, packed into a string of bytes.
///
/// By the rules of RFC 3261: branch, sent-by and method, where an ACK counts as its INVITE. The CSeq
/// number is added: no correct client changes it within a transaction, and some phones keep the branch
/// when they repeat a request with credentials, which then is not lost as a retransmission.
///
/// Without the magic cookie (RFC 2543 clients): Request-URI, From tag, Call-ID, CSeq and the whole top
/// Via. The To tag, which such an ACK takes from the response, is not part of the key; the caller
/// compares it ([`RequestKey::is_rfc_2543`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey(SmallVec<[u8; INLINE_BYTES]>);

const BY_BRANCH: u8 = 1;
const BY_FIELDS: u8 = 2;

impl RequestKey {
    /// The key of the transaction that `request` opens or repeats; of the INVITE's if it is an ACK.
    pub(crate) fn of(request: &Request) -> Self {
        let method = match request.method() {
            Method::Ack => Method::Invite.as_str().as_bytes(),
            Method::Invite
            | Method::Bye
            | Method::Cancel
            | Method::Register
            | Method::Options
            | Method::Prack
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Info
            | Method::Refer
            | Method::Message
            | Method::Update
            | Method::Other => request.method_token(),
        };
        Self::with_method(request, method)
    }

    /// The key of the INVITE that `cancel` is about (RFC 3261 section 9.2).
    pub(crate) fn of_cancelled(cancel: &Request) -> Self {
        Self::with_method(cancel, Method::Invite.as_str().as_bytes())
    }

    fn with_method(request: &Request, method: &[u8]) -> Self {
        let via = request.top_via();
        let branch = via.branch().and_then(|branch| branch.strip_prefix(MAGIC_COOKIE));
        let mut key = SmallVec::new();
        match branch {
            // A cookie with nothing behind it identifies nothing (RFC 4475 section 3.2.1), so the
            // other fields have to.
            Some(unique) if !unique.is_empty() => {
                push_common(&mut key, BY_BRANCH, request, method);
                push_sent_by(&mut key, &via);
                key.extend_from_slice(unique);
            }
            Some(_) | None => {
                push_common(&mut key, BY_FIELDS, request, method);
                push_field(&mut key, request.uri().raw());
                push_field(&mut key, request.from().tag().unwrap_or_default());
                push_field(&mut key, request.call_id());
                push_field(&mut key, request.values(HeaderName::Via).next().unwrap_or_default());
            }
        }
        Self(key)
    }

    /// Whether the client follows RFC 2543, so that an ACK must also show the response's To tag.
    pub(crate) fn is_rfc_2543(&self) -> bool {
        self.0.first() == Some(&BY_FIELDS)
    }
}

fn push_common(key: &mut SmallVec<[u8; INLINE_BYTES]>, kind: u8, request: &Request, method: &[u8]) {
    key.push(kind);
    push_field(key, method);
    key.extend_from_slice(&request.cseq().number.to_be_bytes());
}

/// Section 17.2.3 compares the sent-by as well, because branches are unique only to their maker. An
/// absent port is the default one (section 18.1.1), and names compare without case.
fn push_sent_by(key: &mut SmallVec<[u8; INLINE_BYTES]>, via: &Via<'_>) {
    let port = sent_by_port(via);
    key.extend_from_slice(&port.to_be_bytes());
    match via.host {
        Host::Name(name) => {
            key.push(0);
            key.extend(name.iter().map(u8::to_ascii_lowercase));
            key.push(0);
        }
        Host::V4(address) => {
            key.push(4);
            key.extend_from_slice(&address.octets());
        }
        Host::V6(address) => {
            key.push(6);
            key.extend_from_slice(&address.octets());
        }
    }
}

/// The port of a Via's sent-by, or the default one of its transport (RFC 3261 section 18.1.1).
pub(super) fn sent_by_port(via: &Via<'_>) -> u16 {
    via.port.unwrap_or_else(|| via.transport.map_or(DEFAULT_PORT, Transport::default_port))
}

/// The port of transports that have no default of their own.
const DEFAULT_PORT: u16 = 5060;

/// No field of a parsed message holds a zero byte, so one ends each field unmistakably.
fn push_field(key: &mut SmallVec<[u8; INLINE_BYTES]>, field: &[u8]) {
    key.extend_from_slice(field);
    key.push(0);
}
