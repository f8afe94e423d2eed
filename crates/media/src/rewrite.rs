//! The SDP that one party gets: that of the other one, with the relay's addresses and ports.

use std::net::IpAddr;

use bytes::Bytes;
use offhook_ng_protocol::Options;
use offhook_sdp::{Connection, Description, Host, Media, Patch};

use crate::leg::PortPair;

/// What is written for one relayed medium.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    /// The medium's place in the SDP, from 0.
    pub(crate) index: usize,
    /// The address to be written.
    pub(crate) address: IpAddr,
    /// The ports to be written.
    pub(crate) pair: PortPair,
    /// Whether `a=rtcp-mux` is there.
    pub(crate) mux: bool,
    /// Whether RTCP is said to be on the port of RTP.
    pub(crate) single_port: bool,
}

/// Rewrites a body. Media without a placement keep their lines, and their address too: where
/// they shared the session's `c=` line, they get a copy of the original.
pub(crate) fn rewrite(
    description: &Description<'_>,
    options: &Options,
    placements: &[Placement],
) -> Bytes {
    let Some(first) = placements.first() else {
        return Bytes::copy_from_slice(description.text());
    };
    let mut patch = Patch::new(description);
    patch.remove_ice();
    if options.replace.origin {
        patch.set_origin_address(first.address);
    }
    let session_host = description.connection().map(Connection::host);
    // The zero address of a hold is passed on as it is.
    if session_host.is_some_and(|host| !host.is_unspecified()) {
        patch.set_session_connection(first.address);
    }
    for (index, media) in description.media().iter().enumerate() {
        match placements.iter().find(|placement| placement.index == index) {
            Some(placement) => {
                let inherited = (session_host, first.address);
                place(&mut patch, media, placement, inherited, options);
            }
            None if media.port() != 0 => patch.insert_connection(media, None),
            None => {}
        }
    }
    patch.finish().into()
}

/// Rewrites one medium. `inherited` is the session's address as received and as rewritten.
fn place(
    patch: &mut Patch<'_, '_>,
    media: &Media,
    placement: &Placement,
    inherited: (Option<Host>, IpAddr),
    options: &Options,
) {
    match media.connection() {
        Some(own) if own.host().is_unspecified() => {}
        Some(_) => patch.set_connection(media, placement.address),
        None => {
            let (received, rewritten) = inherited;
            let held = received.is_some_and(Host::is_unspecified);
            let fits = received.is_some() && rewritten == placement.address;
            if !held && !fits {
                patch.insert_connection(media, Some(placement.address));
            }
        }
    }
    patch.set_port(media, placement.pair.rtp);
    if options.no_rtcp_attribute {
        patch.remove_rtcp(media);
    } else {
        let pair = placement.pair;
        let port = if placement.single_port { pair.rtp } else { pair.rtcp() };
        patch.set_rtcp(media, port, placement.address);
    }
    if media.protocol().is_rtp() {
        patch.set_rtcp_mux(media, placement.mux);
    }
}
