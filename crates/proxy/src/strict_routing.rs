//! Peers that follow RFC 2543 and route strictly: they send a request to its Request-URI, so the next
//! hop stands there, and the real target at the end of the Route (RFC 3261 sections 16.4 and 16.6
//! step 6).

use std::collections::VecDeque;

use bytes::Bytes;
use offhook_sip_message::{Edit, HeaderName, NameAddr, Request, Uri};

use crate::ProxyConfig;
use crate::action::Target;
use crate::context::Context;
use crate::routing::{DialogRoute, Next, is_own};

/// Whether the Request-URI is a Record-Route value of ours, which a strict router upstream has moved
/// there; then the target is the last Route value.
pub(crate) fn moved_target<'r>(
    request: &'r Request,
    config: &ProxyConfig,
    open: impl FnOnce(&Uri<'_>) -> Option<DialogRoute>,
) -> Option<(Uri<'r>, DialogRoute)> {
    let uri = request.uri();
    let dialog = open(&uri).filter(|_| is_own(&uri, config))?;
    let last = request.routes().last()?.ok()?;
    Some((last.uri, dialog))
}

/// Whether the Route of a branch has to be written anew, because a strict router stands before or
/// behind us.
pub(crate) fn concerns(context: &Context, target: &Target) -> bool {
    let next = match (&context.route.next, target.path.first()) {
        (Next::Hop(hop), _) => Uri::parse(hop).ok(),
        (Next::User(_) | Next::Platform | Next::Peer, Some(path)) => address(path),
        (Next::User(_) | Next::Platform | Next::Peer, None) => None,
    };
    context.route.target.is_some() || next.is_some_and(|uri| !uri.is_loose_router())
}

/// Writes Request-URI and Route for a branch that a strict router has a part in.
pub(crate) fn write(edit: &mut Edit<'_>, context: &Context, target: &Target) {
    let received = context.request.values(HeaderName::Route).skip(context.route.own_routes);
    let mut routes: VecDeque<Bytes> =
        target.path.iter().cloned().chain(received.map(Bytes::copy_from_slice)).collect();
    if context.route.target.is_some() {
        routes.pop_back();
    }
    let mut uri = target.uri.clone();
    let strict = routes.front().and_then(|hop| address(hop)).filter(|uri| !uri.is_loose_router());
    if let Some(hop) = strict.map(|uri| Bytes::copy_from_slice(uri.raw())) {
        routes.pop_front();
        routes.push_back([b"<", &*uri, b">"].concat().into());
        uri = hop;
    }
    edit.set_request_uri(&uri);
    edit.remove_all(HeaderName::Route);
    for route in routes.iter().rev() {
        edit.push_first(HeaderName::Route, route);
    }
}

fn address(value: &[u8]) -> Option<Uri<'_>> {
    NameAddr::parse(value).ok().map(|address| address.uri)
}
