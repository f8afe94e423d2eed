//! Look-ups under way: each has a token, a purpose and a deadline.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::FixedState;
use offhook_engine::TimerId;
use offhook_sip_core::ServerId;
use offhook_sip_message::Response;

use crate::action::Token;
use crate::context::ContextId;

/// What a look-up is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// The hashes to check a request's credentials with.
    Credentials(ContextId),
    /// The bindings of the called user.
    Targets(ContextId),
    /// The relay's version of an offer, or of the answer in an ACK.
    Description(ContextId),
    /// The addresses of a branch's next hop.
    NextHop(ContextId, usize),
    /// The relay's version of the description in a response that is then sent upstream.
    ResponseDescription(Box<HeldResponse>),
}

/// A response on its way upstream that waits for the relay.
#[derive(Debug)]
pub(crate) struct HeldResponse {
    pub(crate) server: ServerId,
    /// The response as it came.
    pub(crate) response: Response,
}

/// The most responses of one request that wait for the relay at a time. A callee that sends more before
/// the relay has spoken is repeating itself.
const MAX_HELD_RESPONSES: u8 = 8;

/// Every look-up under way.
#[derive(Debug)]
pub(crate) struct Waits {
    next: u64,
    pending: HashMap<Token, (Purpose, TimerId), FixedState>,
    /// How many responses are held for each server transaction that has any.
    held: HashMap<ServerId, u8, FixedState>,
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self { next: 0, pending: HashMap::default(), held: HashMap::default() }
    }

    /// The token that the next [`Self::insert`] has to be given.
    pub(crate) fn next_token(&mut self) -> Token {
        self.next += 1;
        Token(self.next)
    }

    pub(crate) fn insert(&mut self, token: Token, purpose: Purpose, deadline: TimerId) {
        if let Purpose::ResponseDescription(held) = &purpose {
            *self.held.entry(held.server).or_default() += 1;
        }
        self.pending.insert(token, (purpose, deadline));
    }

    /// Ends a look-up whose purpose `fits`; `None` if there is none, or it has ended before.
    pub(crate) fn take(
        &mut self,
        token: Token,
        fits: impl FnOnce(&Purpose) -> bool,
    ) -> Option<(Purpose, TimerId)> {
        if !fits(&self.pending.get(&token)?.0) {
            return None;
        }
        let (purpose, deadline) = self.pending.remove(&token)?;
        if let Purpose::ResponseDescription(held) = &purpose
            && let Entry::Occupied(mut count) = self.held.entry(held.server)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some((purpose, deadline))
    }

    /// Whether another response to this request may wait for the relay.
    pub(crate) fn may_hold(&self, server: ServerId) -> bool {
        self.held.get(&server).is_none_or(|&count| count < MAX_HELD_RESPONSES)
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}
