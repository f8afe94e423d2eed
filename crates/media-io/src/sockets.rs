//! The sockets of one worker.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use crate::{
    SocketPair,
    epoll::{Epoll, Ready},
};

/// The sockets of one worker, by key: that of the RTP socket is even, and that of its RTCP socket
/// is the next. Keys are small numbers, because the table is as long as the largest of them.
#[derive(Debug)]
pub struct Sockets {
    pairs: Vec<Option<SocketPair>>,
    open: usize,
}

impl Sockets {
    pub(crate) const fn new() -> Self {
        Self { pairs: Vec::new(), open: 0 }
    }

    pub(crate) fn insert(&mut self, epoll: &Epoll, rtp: u32, pair: SocketPair) -> io::Result<()> {
        let rtp = rtp & !1;
        epoll.add(pair.rtp(), u64::from(rtp))?;
        epoll.add(pair.rtcp(), u64::from(rtp | 1))?;
        let index = (rtp >> 1) as usize;
        if self.pairs.len() <= index {
            self.pairs.resize_with(index + 1, || None);
        }
        self.open += 1;
        let replaced = self.pairs[index].replace(pair);
        self.open -= usize::from(replaced.is_some());
        Ok(())
    }

    /// Closes the pair of which `key` names a socket.
    pub fn close(&mut self, key: u32) {
        let slot = self.pairs.get_mut((key >> 1) as usize);
        self.open -= usize::from(slot.and_then(Option::take).is_some());
    }

    /// How many pairs are open.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.open
    }

    /// Whether none is open.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.open == 0
    }

    pub(crate) fn get(&self, key: u32) -> Option<&UdpSocket> {
        let pair = self.pairs.get((key >> 1) as usize)?.as_ref()?;
        Some(if key & 1 == 0 { pair.rtp() } else { pair.rtcp() })
    }

    /// Receives one packet. `None` if there is none, or if the socket is closed by now.
    pub(crate) fn receive(&self, key: u32, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        // An error here is that of an earlier send, reported late; reading it clears it.
        self.get(key)?.recv_from(buffer).ok()
    }

    /// Sends one packet. A full send buffer drops it: late media are of no use.
    pub(crate) fn send(&self, key: u32, to: SocketAddr, packet: &[u8]) -> bool {
        self.get(key).is_some_and(|socket| socket.send_to(packet, to).is_ok())
    }
}

/// The readable sockets of a wait, as keys of the table.
pub(crate) fn readable(ready: &Ready) -> impl Iterator<Item = u32> {
    ready.keys().filter_map(|key| u32::try_from(key).ok())
}
