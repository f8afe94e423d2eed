//! The Record-Route values that keep the proxy in the path of a dialog (RFC 3261 section 16.6 step 4).
//!
//! A value's user part is a token signed for the dialog's Call-ID. It proves to a later request that
//! the dialog was let through here, and carries the flow to a party that cannot be reached by its
//! Contact alone (behind a NAT, or connected by TCP), as RFC 5626 section 5.2 has it. Where a flow is
//! needed, or the two sides differ in transport or address, there are two values: one facing each side.

use offhook_sip_core::flow_token::FlowTokens;
use offhook_sip_message::{Flow, Uri};
use smallvec::SmallVec;

use crate::Interface;

/// The URI parameter that marks a call whose media is relayed.
const RELAYED: &str = "relayed";

/// Whether a Record-Route URI of ours says that the call's media is relayed.
pub(crate) fn is_relayed(uri: &Uri<'_>) -> bool {
    uri.params.has(RELAYED)
}

/// One side of the proxy in a dialog.
pub(crate) struct Side<'a> {
    /// Where that side reaches the proxy.
    pub(crate) interface: &'a Interface,
    /// The flow to that side, if requests have to use it.
    pub(crate) flow: Option<Flow>,
}

/// The values to add, in the order in which they are pushed: the last one becomes the topmost.
pub(crate) fn values(
    caller: &Side<'_>,
    callee: &Side<'_>,
    tokens: &FlowTokens,
    call_id: &[u8],
    relayed: bool,
) -> SmallVec<[String; 2]> {
    let value = |side: &Side<'_>| {
        let token = tokens.seal(side.flow.as_ref(), call_id);
        // UDP is what a SIP URI means without saying so.
        let transport = match side.interface.transport.uri_param() {
            "udp" => String::new(),
            name => format!(";transport={name}"),
        };
        let relayed = if relayed { ";relayed" } else { "" };
        format!("<sip:{token}@{}{transport};lr{relayed}>", side.interface.advertised)
    };
    let same = caller.interface == callee.interface;
    if same && caller.flow.is_none() && callee.flow.is_none() {
        return SmallVec::from_iter([value(caller)]);
    }
    SmallVec::from_buf([value(caller), value(callee)])
}
