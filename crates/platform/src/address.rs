//! The address to tell other parties, and how it was found.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::config::Advertise;

/// An address that other parties can send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The address.
    pub address: IpAddr,
    /// How it was found.
    pub found: Found,
}

/// How an advertised address was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was configured.
    Configured,
    /// The listener is bound to it.
    Listener,
    /// It is the source address of packets that take the default route.
    DefaultRoute,
    /// There is no default route; it is the address on the network of this interface.
    Interface(String),
    /// The machine has no network: only programs on it can connect.
    LoopbackOnly,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured => f.write_str("configured"),
            Self::Listener => f.write_str("the address of the listener"),
            Self::DefaultRoute => f.write_str("source address of the default route"),
            Self::Interface(name) => {
                write!(f, "address of the interface {name}; there is no default route")
            }
            Self::LoopbackOnly => f.write_str("no network found, so only this machine can connect"),
        }
    }
}

/// The address to advertise for a socket bound to `bound`.
///
/// A configured address wins; a socket bound to one address advertises that; a wildcard socket
/// advertises what [`Routes`] finds. Nothing is sent to find it.
#[must_use]
pub fn advertised(setting: Advertise, bound: IpAddr) -> Advertised {
    choose(setting, bound, &SystemRoutes)
}

/// Every address of this machine's interfaces, loopback included, as far as the system tells.
#[must_use]
pub fn local_addresses() -> Vec<IpAddr> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let mut addresses = local_v4(&read("/proc/net/fib_trie"));
    addresses
        .extend(table_v6(&read("/proc/net/if_inet6")).map(|(_, _, address)| IpAddr::V6(address)));
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The addresses in Linux's `/proc/net/fib_trie` that packets are delivered locally for: a leaf with the
/// address, and below it its prefixes, of which `/32 host LOCAL` marks one of our own.
fn local_v4(table: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    let mut leaf: Option<Ipv4Addr> = None;
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            addresses.extend(leaf.map(IpAddr::V4));
        }
    }
    addresses
}

/// What the machine knows about the ways out of it.
trait Routes {
    /// The source address of a packet to `target`, if there is a route.
    fn source_towards(&self, target: IpAddr) -> Option<IpAddr>;
    /// The interfaces other than loopback, each with an address on a network that it is attached to.
    fn attached(&self, v6: bool) -> Vec<(String, IpAddr)>;
}

fn choose(setting: Advertise, bound: IpAddr, routes: &impl Routes) -> Advertised {
    if let Advertise::Address(address) = setting {
        return Advertised { address, found: Found::Configured };
    }
    if !bound.is_unspecified() {
        return Advertised { address: bound, found: Found::Listener };
    }
    let usable = |ip: &IpAddr| !ip.is_unspecified() && !ip.is_loopback();
    if let Some(address) = routes.source_towards(far_away(bound.is_ipv6())).filter(usable) {
        return Advertised { address, found: Found::DefaultRoute };
    }
    for (interface, neighbour) in routes.attached(bound.is_ipv6()) {
        if let Some(address) = routes.source_towards(neighbour).filter(usable) {
            return Advertised { address, found: Found::Interface(interface) };
        }
    }
    let loopback =
        if bound.is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    Advertised { address: loopback, found: Found::LoopbackOnly }
}

/// An address that only the default route leads to: a root name server, which is on nobody's own
/// network. (Documentation prefixes are: test networks use them.)
const fn far_away(v6: bool) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30))
    } else {
        IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4))
    }
}

/// The routes of the operating system.
struct SystemRoutes;

impl Routes for SystemRoutes {
    fn source_towards(&self, target: IpAddr) -> Option<IpAddr> {
        let any: IpAddr = if target.is_ipv6() {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        // Connecting a datagram socket looks up the route and sends nothing; the port (discard) is moot.
        socket.connect(SocketAddr::new(target, 9)).ok()?;
        socket.local_addr().ok().map(|addr| addr.ip())
    }

    fn attached(&self, v6: bool) -> Vec<(String, IpAddr)> {
        if v6 {
            std::fs::read_to_string("/proc/net/if_inet6")
                .map(|text| interfaces_v6(&text))
                .unwrap_or_default()
        } else {
            std::fs::read_to_string("/proc/net/route")
                .map(|text| networks_v4(&text))
                .unwrap_or_default()
        }
    }
}

/// The directly attached networks of Linux's `/proc/net/route`, each by an address within it.
fn networks_v4(table: &str) -> Vec<(String, IpAddr)> {
    const UP: u32 = 0x1;
    let attached = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, flags, ..] = columns[..] else { return None };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let network = u32::from_str_radix(destination, 16).ok()?;
        let direct = gateway == "00000000" && flags & UP != 0 && interface != "lo" && network != 0;
        // The columns are in the byte order of the machine, as the kernel has them in memory.
        let first = u32::from_be_bytes(network.to_ne_bytes()).saturating_add(1);
        direct.then(|| (interface.to_owned(), IpAddr::V4(Ipv4Addr::from_bits(first))))
    };
    table.lines().skip(1).filter_map(attached).collect()
}

/// The global addresses of Linux's `/proc/net/if_inet6`.
fn interfaces_v6(table: &str) -> Vec<(String, IpAddr)> {
    const SCOPE_GLOBAL: &str = "00";
    table_v6(table)
        .filter(|(interface, scope, _)| *scope == SCOPE_GLOBAL && *interface != "lo")
        .map(|(interface, _, address)| (interface.to_owned(), IpAddr::V6(address)))
        .collect()
}

/// Interface, scope and address of each line of `/proc/net/if_inet6`.
fn table_v6(table: &str) -> impl Iterator<Item = (&str, &str, Ipv6Addr)> {
    table.lines().filter_map(|line| {
        let mut columns = line.split_whitespace();
        let bits = u128::from_str_radix(columns.next()?, 16).ok()?;
        // Index of the interface and length of the prefix stand in between.
        let scope = columns.nth(2)?;
        let interface = columns.nth(1)?;
        Some((interface, scope, Ipv6Addr::from_bits(bits)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake {
        default: Option<&'static str>,
        attached: Vec<(&'static str, &'static str)>,
    }

    impl Routes for Fake {
        fn source_towards(&self, target: IpAddr) -> Option<IpAddr> {
            if target == far_away(target.is_ipv6()) {
                return self.default.map(|ip| ip.parse().unwrap());
            }
            Some(target)
        }

        fn attached(&self, _v6: bool) -> Vec<(String, IpAddr)> {
            self.attached
                .iter()
                .map(|(name, ip)| ((*name).to_owned(), ip.parse().unwrap()))
                .collect()
        }
    }

    #[test]
    fn precedence() {
        let auto = Advertise::Auto;
        let fixed = Advertise::Address("203.0.113.7".parse().unwrap());
        let eth0 = || Found::Interface("eth0".to_owned());
        let cases = [
            (fixed, "0.0.0.0", Some("10.0.0.5"), vec![], "203.0.113.7", Found::Configured),
            (auto, "10.0.0.9", Some("10.0.0.5"), vec![], "10.0.0.9", Found::Listener),
            (auto, "127.0.0.1", Some("10.0.0.5"), vec![], "127.0.0.1", Found::Listener),
            (auto, "0.0.0.0", Some("10.0.0.5"), vec![], "10.0.0.5", Found::DefaultRoute),
            (auto, "0.0.0.0", None, vec![("eth0", "10.1.0.1")], "10.1.0.1", eth0()),
            (auto, "0.0.0.0", None, vec![("eth0", "127.0.0.2")], "127.0.0.1", Found::LoopbackOnly),
            (auto, "0.0.0.0", None, vec![], "127.0.0.1", Found::LoopbackOnly),
            (auto, "::", Some("2001:db8:1::5"), vec![], "2001:db8:1::5", Found::DefaultRoute),
            (auto, "::", None, vec![], "::1", Found::LoopbackOnly),
        ];
        for (setting, bound, default, attached, address, found) in cases {
            let got = choose(setting, bound.parse().unwrap(), &Fake { default, attached });
            assert_eq!(
                got,
                Advertised { address: address.parse().unwrap(), found },
                "{setting} {bound}"
            );
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn reads_the_route_table() {
        let table = "Iface\tDestination\tGateway\tFlags\n\
                     eth0\t00000000\t0102A8C0\t0003\t0\n\
                     eth0\t0002A8C0\t00000000\t0001\t0\n\
                     lo\t0000007F\t00000000\t0001\t0\n\
                     broken\n";
        assert_eq!(networks_v4(table), [("eth0".to_owned(), "192.168.2.1".parse().unwrap())]);
    }

    #[test]
    fn reads_the_interface_table() {
        let table = "00000000000000000000000000000001 01 80 10 80 lo\n\
                     fe800000000000000000000000000001 02 40 20 80 eth0\n\
                     20010db8000000000000000000000005 02 40 00 80 eth0\n";
        assert_eq!(interfaces_v6(table), [("eth0".to_owned(), "2001:db8::5".parse().unwrap())]);
    }

    #[test]
    fn reads_local_addresses() {
        let table = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                     \x20    |-- 192.168.2.7\n        /32 host LOCAL\n     |-- 192.168.2.255\n\
                     \x20       /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        let expected = ["192.168.2.7", "127.0.0.1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert_eq!(local_v4(table), expected);
        assert!(local_addresses().contains(&"127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn this_machine_has_an_address() {
        let found = advertised(Advertise::Auto, Ipv4Addr::UNSPECIFIED.into());
        assert!(!found.address.is_unspecified());
    }
}
