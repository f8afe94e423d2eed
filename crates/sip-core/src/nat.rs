//! Whether a request has passed a NAT, as far as its Via shows.

use offhook_sip_message::{Flow, Request, Transport};

/// Whether a request that came by `flow` passed a NAT: its top Via names another address than the one
/// it came from, or asks for `rport` (so the sender listens where it sends from, RFC 3581 section 3) and
/// names another port. A host name in the Via tells nothing; on other transports than UDP the
/// connection is the way back in any case.
#[must_use]
pub fn passed_nat(request: &Request, flow: &Flow) -> bool {
    let via = request.top_via();
    let sent_by = via.sent_by();
    let port = sent_by.port.unwrap_or_else(|| flow.transport.default_port());
    flow.transport == Transport::Udp
        && sent_by.host.ip().is_some_and(|ip| {
            ip.to_canonical() != flow.remote.ip().to_canonical()
                || (via.rport().is_some() && port != flow.remote.port())
        })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use offhook_sip_message::{Limits, Message};

    use super::*;

    #[test]
    fn the_via_is_compared_with_the_source() {
        for (via, passed) in [
            ("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport", false),
            ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;rport", false),
            ("SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1", true),
            ("SIP/2.0/UDP 192.0.2.9:6000;branch=z9hG4bK1;rport", true),
            ("SIP/2.0/UDP 192.0.2.9:6000;branch=z9hG4bK1", false),
            ("SIP/2.0/UDP phone.example:5060;branch=z9hG4bK1;rport", false),
        ] {
            let text = format!(
                "OPTIONS sip:x SIP/2.0\r\nVia: {via}\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:x>\r\n\
                 Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            let parsed = Message::parse(Bytes::from(text), &Limits::default());
            let Ok(Message::Request(request)) = parsed else { panic!("{via}") };
            let flow = Flow {
                transport: Transport::Udp,
                local: "192.0.2.1:5060".parse().unwrap(),
                remote: "192.0.2.9:5060".parse().unwrap(),
                connection: None,
            };
            assert_eq!(passed_nat(&request, &flow), passed, "{via}");
            let tcp = Flow { transport: Transport::Tcp, ..flow };
            assert!(!passed_nat(&request, &tcp), "{via}");
        }
    }
}
