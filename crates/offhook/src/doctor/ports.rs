//! Can the listeners be opened, or does the running server hold them?

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use offhook_platform::{Config, ListenTransport, bind_advice};

use offhook_sip_message::Transport;
use offhook_sip_transport::port_holder;

use super::finding::Finding;

/// Looks at every listener. `pid` is the running server's.
pub(super) fn examine(config: &Config, pid: Option<u32>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for listener in &config.sip.listen {
        findings.push(examine_one("SIP port", listener.transport, listener.addr, pid));
    }
    let tcp = ListenTransport::Tcp;
    findings.extend(config.http.listen.map(|addr| examine_one("HTTP port", tcp, addr, pid)));
    findings.extend(config.metrics.listen.map(|addr| examine_one("metrics port", tcp, addr, pid)));
    if offhook_platform::Program::Offhook.has_relay(config) {
        let udp = ListenTransport::Udp;
        findings.extend(config.media.listen_ng.map(|addr| examine_one("ng port", udp, addr, pid)));
    }
    findings
}

fn examine_one(
    subject: &'static str,
    transport: ListenTransport,
    addr: SocketAddr,
    pid: Option<u32>,
) -> Finding {
    let name = format!("{transport}:{addr}");
    match (try_to_bind(transport, addr), pid) {
        (Ok(()), None) => Finding::ok(subject, format!("{name} is free")),
        (Ok(()), Some(pid)) if addr.port() != 0 => Finding::warn(
            subject,
            format!("{name} is free, so the running server (process {pid}) does not listen there"),
        )
        .mend("restart the server if you changed this setting"),
        (Ok(()), Some(_)) => Finding::ok(subject, format!("{name}: the system chooses a port")),
        (Err(error), _) if error.kind() == io::ErrorKind::AddrInUse => {
            match (port_holder(signalling(transport), addr.port()), pid) {
                (Some(holder), Some(pid)) if holder.pid == pid => {
                    Finding::ok(subject, format!("{name} is held by the running {holder}"))
                }
                (Some(holder), _) => Finding::fail(subject, format!("{name} is held by {holder}"))
                    .mend(bind_advice(&error)),
                // Who holds it is another user's business.
                (None, _) => Finding::fail(subject, format!("{name} is held by another program"))
                    .mend(bind_advice(&error)),
            }
        }
        (Err(error), _) => Finding::fail(subject, format!("{name} cannot be opened: {error}"))
            .mend(bind_advice(&error)),
    }
}

fn signalling(transport: ListenTransport) -> Transport {
    match transport {
        ListenTransport::Udp => Transport::Udp,
        ListenTransport::Tcp => Transport::Tcp,
    }
}

fn try_to_bind(transport: ListenTransport, addr: SocketAddr) -> io::Result<()> {
    match transport {
        ListenTransport::Udp => UdpSocket::bind(addr).map(drop),
        ListenTransport::Tcp => TcpListener::bind(addr).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_held_by_us_or_taken() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let subject = "SIP port";
        let udp = ListenTransport::Udp;
        let name = format!("udp:{addr}");
        let holder = port_holder(Transport::Udp, addr.port()).unwrap();
        assert_eq!(
            examine_one(subject, udp, addr, Some(std::process::id())),
            Finding::ok(subject, format!("{name} is held by the running {holder}"))
        );
        let error = UdpSocket::bind(addr).unwrap_err();
        for stranger in [None, Some(7)] {
            let expected = Finding::fail(subject, format!("{name} is held by {holder}"));
            let found = examine_one(subject, udp, addr, stranger);
            assert_eq!(found, expected.mend(bind_advice(&error)));
        }
        let free = ListenTransport::Tcp;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        assert_eq!(
            examine_one(subject, free, any, None),
            Finding::ok(subject, "tcp:127.0.0.1:0 is free")
        );
    }
}
