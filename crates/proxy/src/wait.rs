//! Look-ups under way: each has a token, a purpose and a deadline.

use std::collections::HashMap;

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

/// Every look-up under way.
#[derive(Debug)]
pub(crate) struct Waits {
    next: u64,
    pending: HashMap<Token, (Purpose, TimerId), FixedState>,
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self { next: 0, pending: HashMap::default() }
    }

    /// The token that the next [`Self::insert`] has to be given.
    pub(crate) fn next_token(&mut self) -> Token {
        self.next += 1;
        Token(self.next)
    }

    pub(crate) fn insert(&mut self, token: Token, purpose: Purpose, deadline: TimerId) {
        self.pending.insert(token, (purpose, deadline));
    }

    /// Ends a look-up; `None` if it has ended before.
    pub(crate) fn take(&mut self, token: Token) -> Option<(Purpose, TimerId)> {
        self.pending.remove(&token)
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}
