//! The pool of ports.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::MediaIoError;

/// What ports a pool has.
#[derive(Clone, Debug)]
pub struct PortPoolConfig {
    /// The local addresses; the first of a family is bound.
    pub addresses: Vec<IpAddr>,
    /// The ports, for each family.
    pub ports: RangeInclusive<u16>,
    /// The receive buffer of each socket, in bytes (`SO_RCVBUF`); the system may allow less.
    pub receive_buffer_bytes: usize,
}

/// A pool of pairs of UDP ports. Clones share it.
///
/// Pairs are taken in turn, from a place that the seed decides, so that a port that has been given
/// back rests for as long as possible: late packets of one call do not end up in the next one.
#[derive(Clone, Debug)]
pub struct PortPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: PortPoolConfig,
    /// The first even port.
    first: u16,
    pairs: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The pair to be tried next.
    next: usize,
    /// For IPv4 and IPv6, which pairs are taken.
    taken: [Vec<bool>; 2],
    in_use: usize,
}

/// Two bound sockets. Dropping them closes the ports and gives them back.
#[derive(Debug)]
pub struct SocketPair {
    // Before the lease: the ports must be closed when they are given back.
    rtp: UdpSocket,
    rtcp: UdpSocket,
    lease: Lease,
}

#[derive(Debug)]
struct Lease {
    shared: Arc<Shared>,
    ipv6: bool,
    index: usize,
}

impl PortPool {
    /// Sets the pool up; nothing is bound yet.
    ///
    /// # Errors
    /// When the range has no pair.
    pub fn new(config: PortPoolConfig, seed: u64) -> Result<Self, MediaIoError> {
        let (start, end) = (*config.ports.start(), *config.ports.end());
        let first = start.saturating_add(start % 2);
        // In u32, because the end of the range may be the last port of all.
        let pairs = (u32::from(end) + 1).saturating_sub(u32::from(first)) as usize / 2;
        let empty = MediaIoError::EmptyRange { first: start, last: end };
        let next = usize::try_from(seed >> 32).unwrap_or_default();
        let next = next.checked_rem(pairs).ok_or(empty)?;
        let taken = [vec![false; pairs], vec![false; pairs]];
        let state = Mutex::new(State { next, taken, in_use: 0 });
        Ok(Self { shared: Arc::new(Shared { config, first, pairs, state }) })
    }

    /// Binds the next free pair.
    ///
    /// # Errors
    /// When all pairs are in use, or the address cannot be bound at all.
    pub fn bind(&self, ipv6: bool) -> Result<SocketPair, MediaIoError> {
        let family = if ipv6 { "IPv6" } else { "IPv4" };
        let addresses = &self.shared.config.addresses;
        let address = addresses.iter().copied().find(|address| address.is_ipv6() == ipv6);
        let address = address.ok_or(MediaIoError::NoAddress(family))?;
        // A pair that another process holds is skipped, so each is tried once at most.
        for _ in 0..self.shared.pairs {
            let Some(lease) = self.lease(ipv6) else { break };
            let port = lease.port();
            match (self.socket(address, port), self.socket(address, port + 1)) {
                (Ok(rtp), Ok(rtcp)) => return Ok(SocketPair { rtp, rtcp, lease }),
                (Err(error), _) | (_, Err(error)) => {
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(MediaIoError::Bind {
                            address: SocketAddr::new(address, port),
                            error,
                        });
                    }
                }
            }
        }
        let ports = &self.shared.config.ports;
        Err(MediaIoError::Exhausted { first: *ports.start(), last: *ports.end() })
    }

    /// How many pairs the pool has, for each family.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.shared.pairs
    }

    /// How many pairs are in use, of both families.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).in_use
    }

    /// Takes the next free pair off the pool.
    fn lease(&self, ipv6: bool) -> Option<Lease> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let taken = &mut state.taken[usize::from(ipv6)];
        let (before, from) = (0..state.next, state.next..self.shared.pairs);
        let index = from.chain(before).find(|&index| !taken[index])?;
        taken[index] = true;
        state.next = (index + 1) % self.shared.pairs;
        state.in_use += 1;
        Some(Lease { shared: Arc::clone(&self.shared), ipv6, index })
    }

    fn socket(&self, address: IpAddr, port: u16) -> io::Result<UdpSocket> {
        let domain = if address.is_ipv6() { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_recv_buffer_size(self.shared.config.receive_buffer_bytes)?;
        socket.bind(&SocketAddr::new(address, port).into())?;
        Ok(socket.into())
    }
}

impl SocketPair {
    /// The port of RTP; RTCP has the next one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.lease.port()
    }

    /// Whether the ports are of IPv6.
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.lease.ipv6
    }

    pub(crate) const fn rtp(&self) -> &UdpSocket {
        &self.rtp
    }

    pub(crate) const fn rtcp(&self) -> &UdpSocket {
        &self.rtcp
    }
}

impl Lease {
    fn port(&self) -> u16 {
        // Fits, because the range does.
        self.shared.first + 2 * self.index as u16
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.taken[usize::from(self.ipv6)][self.index] = false;
        state.in_use -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(ports: RangeInclusive<u16>, seed: u64) -> Result<PortPool, MediaIoError> {
        let addresses = vec![[127, 0, 0, 1].into()];
        PortPool::new(PortPoolConfig { addresses, ports, receive_buffer_bytes: 65_536 }, seed)
    }

    #[test]
    fn pairs_are_even_taken_in_turn_and_given_back() {
        let pool = pool(31_001..=31_006, 1 << 32).expect("pool");
        assert_eq!(pool.pairs(), 2);
        let first = pool.bind(false).expect("ports");
        assert_eq!((first.port(), first.is_ipv6()), (31_004, false));
        assert_eq!(first.rtcp().local_addr().map(|address| address.port()).ok(), Some(31_005));
        let second = pool.bind(false).expect("ports");
        assert_eq!((second.port(), pool.in_use()), (31_002, 2));
        let error = pool.bind(false).expect_err("none left");
        assert_eq!(error.to_string(), "all UDP ports from 31001 to 31006 are in use");
        drop(second);
        assert_eq!(pool.bind(false).expect("ports").port(), 31_002);
    }

    #[test]
    fn ports_of_others_are_skipped() {
        let other = UdpSocket::bind("127.0.0.1:31013").expect("bind");
        let pool = pool(31_010..=31_017, 1 << 32).expect("pool");
        assert_eq!(pool.bind(false).expect("ports").port(), 31_014);
        drop(other);
        let taken: Vec<_> = (0..4).map(|_| pool.bind(false).expect("ports").port()).collect();
        assert_eq!(taken, [31_016, 31_010, 31_012, 31_014]);
    }

    #[test]
    fn what_cannot_be_bound_is_an_error() {
        assert!(matches!(pool(31_021..=31_022, 0), Err(MediaIoError::EmptyRange { .. })));
        let last = pool(65_534..=65_535, 7).expect("pool");
        assert_eq!(last.pairs(), 1);
        assert!(matches!(last.bind(true), Err(MediaIoError::NoAddress("IPv6"))));
        let addresses = vec![[192, 0, 2, 1].into()];
        let config =
            PortPoolConfig { addresses, ports: 31_030..=31_031, receive_buffer_bytes: 65_536 };
        let foreign = PortPool::new(config, 0).expect("pool");
        assert!(matches!(foreign.bind(false), Err(MediaIoError::Bind { .. })));
        assert_eq!(foreign.in_use(), 0);
    }
}
