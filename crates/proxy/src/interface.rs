//! The addresses that the proxy writes into Via and Record-Route.

use std::net::{IpAddr, SocketAddr};

use offhook_sip_message::{Flow, Transport};

/// One listener, and the address by which others reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The transport it speaks.
    pub transport: Transport,
    /// The address it is bound to; may be a wildcard.
    pub local: SocketAddr,
    /// `host:port` as written into Via and Record-Route.
    pub advertised: String,
    /// The port in `advertised`.
    pub advertised_port: u16,
}

/// Every listener of the platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces(Vec<Interface>);

impl Interfaces {
    /// The given listeners, in order of preference.
    #[must_use]
    pub fn new(interfaces: Vec<Interface>) -> Self {
        Self(interfaces)
    }

    /// The listener that `flow` belongs to: the one it came by, or, for a connection that was opened
    /// from here (its local port is any), the first that speaks its transport.
    #[must_use]
    pub fn of(&self, flow: &Flow) -> Option<&Interface> {
        let bound_to = |interface: &&Interface| {
            interface.transport == flow.transport
                && interface.local.port() == flow.local.port()
                && (interface.local.ip() == flow.local.ip()
                    || interface.local.ip().is_unspecified())
        };
        self.0
            .iter()
            .find(bound_to)
            .or_else(|| self.toward(flow.transport, flow.remote.ip(), flow.local.ip()))
    }

    /// The listener to send from towards `remote` by `transport`: one of the same address family,
    /// preferably on the address `near` that the request came in by.
    #[must_use]
    pub fn toward(&self, transport: Transport, remote: IpAddr, near: IpAddr) -> Option<&Interface> {
        let fits = |interface: &&Interface| {
            interface.transport == transport && interface.local.is_ipv4() == remote.is_ipv4()
        };
        self.0
            .iter()
            .filter(fits)
            .find(|interface| interface.local.ip() == near)
            .or_else(|| self.0.iter().find(fits))
    }

    /// Whether a URI with this port may mean one of our listeners: it names a port that we listen on
    /// or advertise, or none at all.
    #[must_use]
    pub fn has_port(&self, port: Option<u16>) -> bool {
        port.is_none_or(|port| {
            self.0.iter().any(|interface| {
                interface.local.port() == port || interface.advertised_port == port
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(transport: Transport, local: &str) -> Interface {
        let local: SocketAddr = local.parse().unwrap();
        let advertised_port = local.port();
        Interface {
            transport,
            local,
            advertised: format!("192.0.2.9:{advertised_port}"),
            advertised_port,
        }
    }

    fn flow(transport: Transport, local: &str, remote: &str) -> Flow {
        let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
        Flow { transport, local, remote, connection: None }
    }

    #[test]
    fn a_flow_belongs_to_the_listener_it_came_by() {
        let one = interface(Transport::Udp, "127.0.0.1:5060");
        let two = interface(Transport::Udp, "127.0.0.2:5060");
        let any = interface(Transport::Tcp, "0.0.0.0:5070");
        let all = Interfaces::new(vec![one, two.clone(), any.clone()]);
        let of = |flow| all.of(&flow).cloned();
        assert_eq!(of(flow(Transport::Udp, "127.0.0.2:5060", "127.0.0.9:9")), Some(two));
        assert_eq!(of(flow(Transport::Tcp, "127.0.0.7:5070", "127.0.0.9:9")), Some(any.clone()));
        assert_eq!(of(flow(Transport::Tcp, "127.0.0.7:41234", "127.0.0.9:9")), Some(any));
        assert_eq!(of(flow(Transport::Tls, "127.0.0.7:41234", "127.0.0.9:9")), None);
    }

    #[test]
    fn sending_prefers_the_address_the_request_came_in_by_and_keeps_the_family() {
        let one = interface(Transport::Udp, "127.0.0.1:5060");
        let two = interface(Transport::Udp, "127.0.0.2:5060");
        let six = interface(Transport::Udp, "[::1]:5060");
        let all = Interfaces::new(vec![one.clone(), two.clone(), six.clone()]);
        let toward = |remote: &str, near: &str| {
            all.toward(Transport::Udp, remote.parse().unwrap(), near.parse().unwrap()).cloned()
        };
        assert_eq!(toward("127.0.0.9", "127.0.0.2"), Some(two));
        assert_eq!(toward("127.0.0.9", "127.0.0.3"), Some(one));
        assert_eq!(toward("::2", "127.0.0.2"), Some(six));
    }
}
