//! A session: two parties, and the media between them.

use bytes::Bytes;
use offhook_engine::{Instant, TimerId, UnixTime};
use offhook_ng_protocol::{AddressFamily, Delete};

/// One of the two parties of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// Who made the first offer.
    Caller,
    /// The other one.
    Callee,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Caller => 0,
            Self::Callee => 1,
        }
    }
}

/// One party.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    /// Its SIP tag, once it is known.
    pub(crate) tag: Option<Bytes>,
    /// When the tag was first seen.
    pub(crate) since: UnixTime,
    /// The family of the address in its last SDP.
    pub(crate) family: Option<AddressFamily>,
}

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) call_id: Bytes,
    pub(crate) via_branch: Option<Bytes>,
    pub(crate) parties: [Party; 2],
    /// The stream of each medium, in the order of the SDP; `None` where it is not relayed.
    pub(crate) streams: Vec<Option<usize>>,
    pub(crate) created: UnixTime,
    pub(crate) last_signal: UnixTime,
    pub(crate) last_signal_mono: Instant,
    pub(crate) answered: bool,
    pub(crate) timer: TimerId,
}

impl Session {
    pub(crate) const fn party(&self, side: Side) -> &Party {
        &self.parties[side.index()]
    }

    pub(crate) fn party_mut(&mut self, side: Side) -> &mut Party {
        &mut self.parties[side.index()]
    }

    /// Which party a pair of tags makes the offerer, and how well the tags fit: 3 if both are
    /// known, 2 if the offerer's is, 1 if the answerer's is (another fork of the offerer's side).
    pub(crate) fn offerer(&self, from: &Bytes, to: Option<&Bytes>) -> Option<(u8, Side)> {
        let is = |side: Side, tag: &Bytes| self.party(side).tag.as_ref() == Some(tag);
        let fit = |side: Side| match (is(side, from), to.is_some_and(|to| is(side.other(), to))) {
            (true, true) => Some((3, side)),
            (true, false) => Some((2, side)),
            (false, true) => Some((1, side)),
            (false, false) => None,
        };
        let (caller, callee) = (fit(Side::Caller), fit(Side::Callee));
        if callee.map(|(fit, _)| fit) > caller.map(|(fit, _)| fit) { callee } else { caller }
    }

    /// Whether a delete is about this session.
    pub(crate) fn is_meant(&self, delete: &Delete) -> bool {
        let branch = match (&delete.via_branch, &self.via_branch) {
            (Some(wanted), Some(known)) => wanted == known,
            (Some(_), None) | (None, _) => true,
        };
        let Some(from) = &delete.from_tag else { return branch };
        let to = delete.to_tag.as_ref();
        // Without a tag of its own, the other party may still be any fork of the call.
        let side = match self.offerer(from, to) {
            Some((fit, side)) if fit >= 2 => side,
            Some(_) | None => return false,
        };
        let other = self.party(side.other()).tag.as_ref();
        let honoured = !delete.honour_to_tag || to.is_none() || other.is_none() || other == to;
        branch && honoured
    }

    /// Whether a tag takes part.
    pub(crate) fn has_tag(&self, tag: Option<&Bytes>) -> bool {
        tag.is_none_or(|tag| self.parties.iter().any(|party| party.tag.as_ref() == Some(tag)))
    }
}
