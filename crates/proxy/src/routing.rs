//! Where a request leads: its Route headers and its Request-URI (RFC 3261 sections 16.4 and 16.5).

use bytes::Bytes;
use offhook_sip_core::flow_token::FlowTokens;
use offhook_sip_message::{Flow, Request, StatusCode, Uri};

use crate::admission::Refusal;
use crate::{ProxyConfig, record_route, strict_routing};

/// What a request says about its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// How many Route values at the front name this platform; they are consumed.
    pub(crate) own_routes: usize,
    /// The target, where a strict router upstream has moved it to the end of the Route.
    pub(crate) target: Option<Bytes>,
    /// Set if the request belongs to a dialog that this platform is in the path of: it carries a
    /// Record-Route token of ours for its Call-ID.
    pub(crate) dialog: Option<DialogRoute>,
    /// What comes next.
    pub(crate) next: Next,
}

/// What a Record-Route token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DialogRoute {
    /// The flow that leads to the other party, if its Contact alone does not.
    pub(crate) flow: Option<Flow>,
    /// Whether the media relay is in the path of the call.
    pub(crate) relayed: bool,
}

/// The next step of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The Request-URI names a user of ours: look up the bindings of this address of record.
    User(String),
    /// The Request-URI names the platform itself.
    Platform,
    /// The Request-URI names the peer of the dialog; it, or the flow, is the next hop.
    Peer,
    /// Another element's Route value is left; it is the next hop.
    Hop(Bytes),
}

/// Reads the way of `request`.
pub(crate) fn examine(
    request: &Request,
    config: &ProxyConfig,
    tokens: &FlowTokens,
) -> Result<Route, Refusal> {
    let open = |uri: &Uri<'_>| {
        let flow = tokens.open(uri.user?, request.call_id()).ok()?;
        Some(DialogRoute { flow, relayed: record_route::is_relayed(uri) })
    };
    let moved = strict_routing::moved_target(request, config, open);
    let uri = moved.map_or_else(|| request.uri(), |(uri, _)| uri);
    let mut dialog = moved.map(|(_, dialog)| dialog);
    let mut own_routes = 0;
    let mut hop = None;
    let last = if moved.is_some() { request.routes().count() - 1 } else { usize::MAX };
    for route in request.routes().take(last) {
        let bad = |_| Refusal::new(StatusCode::BAD_REQUEST, "Bad Route header");
        let route = route.map_err(bad)?;
        if !is_own(&route.uri, config) {
            hop = Some(Bytes::copy_from_slice(route.uri.raw()));
            break;
        }
        own_routes += 1;
        // The value of the farthest of our own entries is that of the other party's side.
        dialog = open(&route.uri).or(dialog);
    }
    // A token without a To tag would let a party open new dialogs past authentication.
    let dialog = dialog.filter(|_| request.to().tag().is_some());
    let next = next(&uri, config, dialog.is_some(), hop)?;
    let target = moved.map(|(uri, _)| Bytes::copy_from_slice(uri.raw()));
    Ok(Route { own_routes, target, dialog, next })
}

fn next(
    uri: &Uri<'_>,
    config: &ProxyConfig,
    in_dialog: bool,
    hop: Option<Bytes>,
) -> Result<Next, Refusal> {
    match hop {
        Some(hop) if in_dialog => return Ok(Next::Hop(hop)),
        // Outside a dialog of ours a Route header cannot lead elsewhere: that would be an open relay.
        Some(_) => return Err(no_relay()),
        None => {}
    }
    if in_dialog && !is_own(uri, config) {
        return Ok(Next::Peer);
    }
    if config.domains.canonical(uri.host).is_none() {
        return Err(no_relay());
    }
    match (config.domains.aor(uri), uri.user) {
        (Some(aor), _) => Ok(Next::User(aor)),
        (None, None) => Ok(Next::Platform),
        (None, Some(_)) => Err(Refusal::new(StatusCode::NOT_FOUND, "No such user")),
    }
}

fn no_relay() -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "Not a domain of this platform")
}

/// Whether `uri` names this platform: one of its domains, at a port where it listens.
pub(crate) fn is_own(uri: &Uri<'_>, config: &ProxyConfig) -> bool {
    config.interfaces.has_port(uri.port) && config.domains.canonical(uri.host).is_some()
}
