//! The calls that pass through, for listings and counts. Routing does not depend on it.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::FixedState;
use offhook_engine::{TimerId, UnixTime};
use offhook_sip_message::Request;

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

/// The calls of one shard, by Call-ID.
#[derive(Debug)]
pub(crate) struct Calls {
    max: usize,
    calls: HashMap<Bytes, (Call, TimerId), FixedState>,
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
        self.calls.insert(call_id, (call, expiry));
    }

    /// Notes the answer; `false` if the call is not listed or was answered before.
    pub(crate) fn answer(&mut self, call_id: &[u8], now: UnixTime) -> bool {
        let Some((call, _)) = self.calls.get_mut(call_id) else { return false };
        if call.state == CallState::Answered {
            return false;
        }
        call.state = CallState::Answered;
        call.answered = Some(now);
        true
    }

    /// Whether the call is listed and not yet answered.
    pub(crate) fn is_ringing(&self, call_id: &[u8]) -> bool {
        self.calls.get(call_id).is_some_and(|(call, _)| call.state == CallState::Ringing)
    }

    /// Takes a call off the list; returns its expiry timer.
    pub(crate) fn end(&mut self, call_id: &[u8]) -> Option<TimerId> {
        self.calls.remove(call_id).map(|(_, expiry)| expiry)
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().map(|(call, _)| call)
    }
}
