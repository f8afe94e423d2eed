//! Loopback networks: one per test, claimed against every other test on the machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// A network `127.x.y.0/24` that belongs to this test until it is dropped.
///
/// The claim is a listener on its highest address: it holds across threads and processes, and the
/// system releases it whatever becomes of the process.
#[derive(Debug)]
pub struct Subnet {
    second: u8,
    third: u8,
    _claim: TcpListener,
}

impl Subnet {
    /// Claims a free network.
    ///
    /// # Panics
    /// When every network is taken.
    #[must_use]
    pub fn claim() -> Self {
        for _ in 0..NETWORKS {
            let turn = NEXT.fetch_add(1, Ordering::Relaxed);
            // Processes start at different places, so that a claim rarely meets another.
            let index = std::process::id().wrapping_mul(64).wrapping_add(turn) % NETWORKS;
            let second = FIRST_SECOND_OCTET + (index / 256) as u8;
            let third = (index % 256) as u8;
            let address = Ipv4Addr::new(127, second, third, 254);
            if let Ok(claim) = TcpListener::bind((address, CLAIM_PORT)) {
                return Self { second, third, _claim: claim };
            }
        }
        panic!("no loopback network is free");
    }

    /// The address of a host in the network.
    #[must_use]
    pub fn host(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.second, self.third, number)
    }

    /// The address and port of a service of a host in the network.
    #[must_use]
    pub fn at(&self, number: u8, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.host(number)), port)
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// 127.0.0.0/16 and its neighbours are left to the machine's own services.
const FIRST_SECOND_OCTET: u8 = 32;
const NETWORKS: u32 = 192 * 256;
const CLAIM_PORT: u16 = 17017;
