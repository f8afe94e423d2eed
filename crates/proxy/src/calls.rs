//! The calls that pass through, for listings and counts. Routing does not depend on it.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::FixedState;
use offhook_engine::{TimerId, UnixTime};
use offhook_sip_message::Request;
use smallvec::SmallVec;

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The Call-ID.
    pub call_id: String,
    /// The caller's URI (From).
    pub from: String,
    /// The called URI (To).
    pub to: String,
    /// How far it has come.
    pub state: CallState,
    /// When the INVITE was forwarded.
    pub started: UnixTime,
    /// When the first 2xx went back to the caller.
    pub answered: Option<UnixTime>,
    /// Whether its media is relayed.
    pub relayed: bool,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// Not answered yet.
    Ringing,
    /// Answered.
    Answered,
}

/// The most dialogs of one call that are told apart: as many phones can pick it up at the same moment.
const MAX_DIALOGS: usize = 8;

/// The calls of one shard, by Call-ID.
#[derive(Debug)]
pub(crate) struct Calls {
    max: usize,
    calls: HashMap<Bytes, Listed, FixedState>,
}

#[derive(Debug)]
struct Listed {
    call: Call,
    /// The To tags of the 2xx that went back: one, unless several forks answered.
    dialogs: SmallVec<[Bytes; 1]>,
    expiry: TimerId,
}

/// What the end of a dialog means to its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HangUp {
    /// The call is over, and was taken off the list.
    Over {
        /// Its expiry timer.
        expiry: TimerId,
        /// Whether the first of the two tags is that of the phone that answered.
        by_callee: bool,
    },
    /// Another phone that answered the call is still in it, or others still ring.
    OthersRemain,
    /// The call is not listed.
    Unknown,
}

impl Calls {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, calls: HashMap::default() }
    }

    /// Whether a call with this Call-ID would be listed if it started.
    pub(crate) fn has_room_for(&self, call_id: &[u8]) -> bool {
        self.calls.len() < self.max && !self.calls.contains_key(call_id)
    }

    pub(crate) fn start(
        &mut self,
        call_id: Bytes,
        request: &Request,
        relayed: bool,
        now: UnixTime,
        expiry: TimerId,
    ) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let call = Call {
            call_id: text(request.call_id()),
            from: text(request.from().uri.raw()),
            to: text(request.to().uri.raw()),
            state: CallState::Ringing,
            started: now,
            answered: None,
            relayed,
        };
        self.calls.insert(call_id, Listed { call, dialogs: SmallVec::new(), expiry });
    }

    /// Notes the answer of the phone with this tag; `false` if the call is not listed or was answered
    /// before.
    pub(crate) fn answer(&mut self, call_id: &[u8], tag: Bytes, now: UnixTime) -> bool {
        let Some(listed) = self.calls.get_mut(call_id) else { return false };
        if listed.dialogs.len() < MAX_DIALOGS && !listed.dialogs.contains(&tag) {
            listed.dialogs.push(tag);
        }
        let is_first = listed.call.state == CallState::Ringing;
        if is_first {
            listed.call.state = CallState::Answered;
            listed.call.answered = Some(now);
        }
        is_first
    }

    /// Whether the call is listed and not yet answered.
    pub(crate) fn is_ringing(&self, call_id: &[u8]) -> bool {
        self.calls.get(call_id).is_some_and(|listed| listed.call.state == CallState::Ringing)
    }

    /// Notes the end of the dialog between two tags.
    pub(crate) fn hang_up(&mut self, call_id: &[u8], tags: [&[u8]; 2]) -> HangUp {
        let Some(listed) = self.calls.get_mut(call_id) else { return HangUp::Unknown };
        let by_callee = listed.dialogs.iter().any(|dialog| *dialog == tags[0]);
        listed.dialogs.retain(|dialog| !tags.contains(&&**dialog));
        if listed.call.state == CallState::Ringing || !listed.dialogs.is_empty() {
            return HangUp::OthersRemain;
        }
        match self.end(call_id) {
            Some(expiry) => HangUp::Over { expiry, by_callee },
            None => HangUp::Unknown,
        }
    }

    /// Takes a call off the list; returns its expiry timer.
    pub(crate) fn end(&mut self, call_id: &[u8]) -> Option<TimerId> {
        self.calls.remove(call_id).map(|listed| listed.expiry)
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().map(|listed| &listed.call)
    }
}
