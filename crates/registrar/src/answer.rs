//! The answers to a REGISTER.

use bytes::Bytes;
use offhook_engine::Now;
use offhook_sip_message::{Flow, HeaderName, Request, ResponseBuilder, StatusCode};

use crate::Binding;
use crate::binding::DEFAULT_Q_MILLI;
use crate::date::rfc1123;
use crate::refusal::Refusal;

/// The 200 with every binding of the address of record (RFC 3261 section 10.3 step 8).
pub(crate) fn accepted<'b>(
    request: &Request,
    flow: &Flow,
    tag: &str,
    bindings: impl Iterator<Item = &'b Binding>,
    now: Now,
) -> Bytes {
    let mut response = ResponseBuilder::new(request, StatusCode::OK, flow.remote)
        .to_tag(tag.as_bytes())
        .header(HeaderName::Date, rfc1123(now.wall).as_bytes());
    for binding in bindings {
        response = response.header(HeaderName::Contact, &contact(binding, now));
    }
    // A client that knows Path may look at the one that was recorded (RFC 3327 section 5.3).
    if request.has_token(HeaderName::Supported, "path") {
        for line in request.lines(HeaderName::Path) {
            response = response.header(HeaderName::Path, line);
        }
    }
    response.finish()
}

/// The answer to a request that is refused.
pub(crate) fn refused(request: &Request, flow: &Flow, tag: &str, refusal: &Refusal) -> Bytes {
    let mut response =
        ResponseBuilder::new(request, refusal.status(), flow.remote).to_tag(tag.as_bytes());
    if let Some(reason) = refusal.reason() {
        response = response.reason(reason);
    }
    if let Some((name, value)) = refusal.header() {
        response = response.header(name, value.as_bytes());
    }
    response.finish()
}

/// A 401 (RFC 3261 section 22.2).
pub(crate) fn challenged(
    request: &Request,
    flow: &Flow,
    tag: &str,
    challenge: &(StatusCode, HeaderName, Vec<String>),
) -> Bytes {
    let (status, name, values) = challenge;
    let mut response = ResponseBuilder::new(request, *status, flow.remote).to_tag(tag.as_bytes());
    for value in values {
        response = response.header(*name, value.as_bytes());
    }
    response.finish()
}

/// One Contact value. The remaining time is rounded up: a phone that was granted an hour reads an hour.
fn contact(binding: &Binding, now: Now) -> Vec<u8> {
    let remaining = binding.remaining(now.mono);
    let seconds = remaining.as_secs() + u64::from(remaining.subsec_nanos() > 0);
    let mut value = Vec::with_capacity(binding.contact().len() + 96);
    value.push(b'<');
    value.extend_from_slice(binding.contact());
    value.extend_from_slice(format!(">;expires={seconds}").as_bytes());
    let q_milli = binding.q_milli();
    if q_milli != DEFAULT_Q_MILLI {
        value.extend_from_slice(format!(";q=0.{q_milli:03}").as_bytes());
    }
    if let Some(instance) = binding.instance() {
        value.extend_from_slice(b";+sip.instance=\"");
        value.extend_from_slice(instance);
        value.push(b'"');
    }
    if let Some(reg_id) = binding.reg_id() {
        value.extend_from_slice(format!(";reg-id={reg_id}").as_bytes());
    }
    value
}
