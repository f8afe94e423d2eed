//! RTP and RTCP on one port: who has offered and agreed to it (RFC 5761 section 5.1.1).

use offhook_ng_protocol::RtcpMux;

/// What an offer has decided about its answer. The two links, offerer to relay and relay to
/// answerer, agree on it separately.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PendingMux {
    /// The SDP for the answerer offers it.
    pub(crate) offered: bool,
    /// The answerer is taken to have agreed.
    pub(crate) required: bool,
    /// The offerer may be told yes.
    may_accept: bool,
    /// The offerer is told yes, whatever the answerer says.
    must_accept: bool,
}

/// The two links after an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AgreedMux {
    /// With the offerer.
    pub(crate) offerer: bool,
    /// With the answerer.
    pub(crate) answerer: bool,
}

impl PendingMux {
    /// What the answerer is offered when the offerer's SDP does or does not have `a=rtcp-mux`.
    pub(crate) const fn offer(offered: bool, wanted: RtcpMux) -> Self {
        let pass_on = offered && !wanted.demux && !wanted.reject;
        let may_accept = offered && !wanted.reject;
        Self {
            offered: wanted.offer || wanted.require || pass_on,
            required: wanted.require,
            may_accept,
            must_accept: may_accept && (wanted.accept || wanted.demux),
        }
    }

    /// What holds once the answer is there.
    pub(crate) const fn answer(self, answered: bool) -> AgreedMux {
        let answerer = self.required || (self.offered && answered);
        AgreedMux { offerer: self.may_accept && (self.must_accept || answerer), answerer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_flags() {
        let none = RtcpMux::default();
        let demux = RtcpMux { demux: true, ..none };
        let offer = RtcpMux { offer: true, ..none };
        let require = RtcpMux { require: true, ..none };
        let accept = RtcpMux { accept: true, ..none };
        let reject = RtcpMux { reject: true, ..none };
        let opposite = RtcpMux { reject: true, offer: true, ..none };
        // Flags, offered, answered; offered on, offerer's link, answerer's link.
        for (flags, offered, answered, on, offerer, answerer) in [
            (none, false, false, false, false, false),
            (none, false, true, false, false, false),
            (none, true, false, true, false, false),
            (none, true, true, true, true, true),
            (demux, true, false, false, true, false),
            (demux, false, false, false, false, false),
            (offer, false, true, true, false, true),
            (offer, false, false, true, false, false),
            (require, false, false, true, false, true),
            (accept, true, false, true, true, false),
            (reject, true, true, false, false, false),
            (opposite, true, true, true, false, true),
        ] {
            let pending = PendingMux::offer(offered, flags);
            assert_eq!(pending.offered, on, "{flags:?}");
            let agreed = AgreedMux { offerer, answerer };
            assert_eq!(pending.answer(answered), agreed, "{flags:?} {offered} {answered}");
        }
    }
}
