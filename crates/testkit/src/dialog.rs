//! What a user agent remembers of a dialog (RFC 3261 section 12).

use offhook_sip_message::{Contact, Head, HeaderName, Request, Response};

use crate::messages::RequestSketch;

/// One side of a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// The Call-ID.
    pub call_id: String,
    /// The From value of requests from this side.
    pub local: String,
    /// The To value of requests from this side.
    pub remote: String,
    /// The Request-URI of requests from this side.
    pub target: String,
    /// Their Route values, in order.
    pub routes: Vec<String>,
    /// The number in the CSeq of the last request from this side.
    pub cseq: u32,
}

impl Dialog {
    /// The caller's side, by the response that began it (section 12.1.2).
    #[must_use]
    pub fn of_caller(response: &Response) -> Self {
        let mut routes: Vec<String> = texts(response, HeaderName::RecordRoute);
        routes.reverse();
        Self {
            call_id: text(response.call_id()),
            local: first(response, HeaderName::From),
            remote: first(response, HeaderName::To),
            target: contact(response),
            routes,
            cseq: response.cseq().number,
        }
    }

    /// The callee's side, by the request that it answers with a To tag of `tag` (section 12.1.1).
    #[must_use]
    pub fn of_callee(request: &Request, tag: &str) -> Self {
        Self {
            call_id: text(request.call_id()),
            local: format!("{};tag={tag}", first(request, HeaderName::To)),
            remote: first(request, HeaderName::From),
            target: contact(request),
            routes: texts(request, HeaderName::RecordRoute),
            cseq: 0,
        }
    }

    /// The next request in the dialog (section 12.2.1.1), sent from `host` (`address:port`) over
    /// `transport` with this branch.
    #[must_use]
    pub fn request(
        &mut self,
        method: &str,
        transport: &str,
        host: &str,
        branch: &str,
    ) -> RequestSketch {
        // Section 13.2.2.4: an ACK has the number of its INVITE.
        if method != "ACK" {
            self.cseq += 1;
        }
        let mut sketch = RequestSketch::new(method, &self.target)
            .via(&format!("SIP/2.0/{transport} {host};branch={branch};rport"))
            .from(&self.local)
            .to(&self.remote)
            .call_id(&self.call_id)
            .cseq(self.cseq);
        for route in &self.routes {
            sketch = sketch.header("Route", route);
        }
        sketch
    }
}

/// The URI of the first Contact; empty if there is none.
fn contact(head: &Head) -> String {
    match head.contacts().next() {
        Some(Ok(Contact::Addr(address))) => text(address.uri.raw()),
        Some(Ok(Contact::Star) | Err(_)) | None => String::new(),
    }
}

fn first(head: &Head, name: HeaderName) -> String {
    text(head.header(name).unwrap_or_default())
}

fn texts(head: &Head, name: HeaderName) -> Vec<String> {
    head.values(name).map(text).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReplySketch;

    #[test]
    fn the_two_sides_see_the_proxies_in_opposite_order() {
        let invite = RequestSketch::new("INVITE", "sip:bob@192.0.2.20")
            .header("Contact", "<sip:alice@192.0.2.10>")
            .header("Record-Route", "<sip:p2;lr>")
            .header("Record-Route", "<sip:p1;lr>")
            .request();
        let answer = ReplySketch::new(&invite, 200).contact("sip:bob@192.0.2.20").response();
        let caller = Dialog::of_caller(&answer);
        assert_eq!(caller.routes, ["<sip:p1;lr>", "<sip:p2;lr>"]);
        assert_eq!((caller.target.as_str(), caller.cseq), ("sip:bob@192.0.2.20", 1));
        let mut callee = Dialog::of_callee(&invite, "b1");
        assert_eq!(callee.routes, ["<sip:p2;lr>", "<sip:p1;lr>"]);
        assert_eq!((&callee.local, &callee.remote), (&caller.remote, &caller.local));
        let bye = callee.request("BYE", "UDP", "192.0.2.20:5060", "z9hG4bK2").request();
        assert_eq!(bye.uri().raw(), b"sip:alice@192.0.2.10");
        assert_eq!(bye.cseq().number, 1);
    }
}
