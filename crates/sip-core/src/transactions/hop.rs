//! The requests that the transaction layer makes itself: the ACK of a failed INVITE and the CANCEL.

use bytes::Bytes;
use offhook_sip_message::{HeaderName, Limits, Message, Method, Request, RequestBuilder, Response};

/// The hops that an ACK or a CANCEL may travel (RFC 3261 section 8.1.1.6).
const MAX_FORWARDS: &[u8] = b"70";

/// The ACK for a final response that is not a 2xx (RFC 3261 section 17.1.1.3): the INVITE's
/// Request-URI, top Via, Call-ID, From, CSeq number and Route, and the response's To.
///
/// `None` if `invite`, which our own user built, is not a SIP request.
pub(crate) fn ack(invite: &Bytes, response: &Response) -> Option<Bytes> {
    let invite = parse_own(invite)?;
    let to = response.header(HeaderName::To)?;
    build(&invite, Method::Ack, to)
}

/// The CANCEL of an INVITE (RFC 3261 section 9.1): its Request-URI, top Via, Call-ID, From, To, CSeq
/// number and Route, and nothing that could make a server refuse it (no Require).
///
/// `None` if `invite`, which our own user built, is not a SIP request.
pub(crate) fn cancel(invite: &Bytes) -> Option<Bytes> {
    let invite = parse_own(invite)?;
    let to = invite.header(HeaderName::To)?;
    build(&invite, Method::Cancel, to)
}

/// Reads back a request that passed through here on its way out.
pub(crate) fn parse_own(request: &Bytes) -> Option<Request> {
    let limits = Limits {
        max_message_bytes: usize::MAX,
        max_headers: usize::MAX,
        max_header_bytes: usize::MAX,
        max_uri_bytes: usize::MAX,
        ..Limits::default()
    };
    match Message::parse(request.clone(), &limits) {
        Ok(Message::Request(request)) => Some(request),
        Ok(Message::Response(_)) | Err(_) => None,
    }
}

fn build(invite: &Request, method: Method, to: &[u8]) -> Option<Bytes> {
    let via = invite.values(HeaderName::Via).next()?;
    let from = invite.header(HeaderName::From)?;
    let cseq = format!("{} {method}", invite.cseq().number);
    let mut request = RequestBuilder::new(method, invite.uri().raw())
        .header(HeaderName::Via, via)
        .header(HeaderName::MaxForwards, MAX_FORWARDS)
        .header(HeaderName::From, from)
        .header(HeaderName::To, to)
        .header(HeaderName::CallId, invite.call_id())
        .header(HeaderName::CSeq, cseq.as_bytes());
    for route in invite.values(HeaderName::Route) {
        request = request.header(HeaderName::Route, route);
    }
    Some(request.finish())
}
