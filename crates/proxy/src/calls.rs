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
    /// One for each phone that answered: one, unless several were faster than their CANCEL.
    dialogs: SmallVec<[Dialog; 1]>,
    expiry: TimerId,
}

#[derive(Debug)]
struct Dialog {
    /// The To tag of the 2xx that went back.
    tag: Bytes,
    is_over: bool,
}

/// What a 2xx means to its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The call is answered.
    First,
    /// It was answered before, by this phone or another one.
    Further,
    /// The dialog is over: the 2xx was held up on its way.
    Late,
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

    /// Notes the answer of the phone with this tag to a call that was listed when it started.
    pub(crate) fn answer(&mut self, call_id: &[u8], tag: Bytes, now: UnixTime) -> Answer {
        let Some(listed) = self.calls.get_mut(call_id) else { return Answer::Late };
        match listed.dialogs.iter().find(|dialog| dialog.tag == tag) {
            Some(dialog) if dialog.is_over => return Answer::Late,
            Some(_) => {}
            None if listed.dialogs.len() < MAX_DIALOGS => {
                listed.dialogs.push(Dialog { tag, is_over: false });
            }
            None => {}
        }
        if listed.call.state == CallState::Answered {
            return Answer::Further;
        }
        listed.call.state = CallState::Answered;
        listed.call.answered = Some(now);
        Answer::First
    }

    /// Whether a call with this Call-ID is listed.
    pub(crate) fn has(&self, call_id: &[u8]) -> bool {
        self.calls.contains_key(call_id)
    }

    /// Notes the end of the dialog between two tags.
    pub(crate) fn hang_up(&mut self, call_id: &[u8], tags: [&[u8]; 2]) -> HangUp {
        let Some(listed) = self.calls.get_mut(call_id) else { return HangUp::Unknown };
        let by_callee = listed.dialogs.iter().any(|dialog| dialog.tag == tags[0]);
        for dialog in &mut listed.dialogs {
            dialog.is_over |= tags.contains(&&*dialog.tag);
        }
        let is_over = listed.dialogs.iter().all(|dialog| dialog.is_over);
        if listed.call.state == CallState::Ringing || !is_over {
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
