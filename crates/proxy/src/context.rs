//! The response context of RFC 3261 section 16.2: one request, its branches, the best response so far.

use bytes::Bytes;
use offhook_sip_core::ServerId;
use offhook_sip_message::{Flow, Method, Request, Response, StatusCode};
use smallvec::SmallVec;

use crate::action::Target;
use crate::branch::Branch;
use crate::routing::Route;

/// Names a response context; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ContextId(pub(crate) u64);

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Context {
    /// The server transaction; an ACK for a 2xx has none (section 17).
    pub(crate) server: Option<ServerId>,
    /// The request as it came.
    pub(crate) request: Request,
    /// The way it came.
    pub(crate) flow: Flow,
    /// Where its Route headers and Request-URI lead.
    pub(crate) route: Route,
    /// The Max-Forwards to forward it with.
    pub(crate) max_forwards: u8,
    /// Whether the media relay is in the path of the call.
    pub(crate) relayed: bool,
    /// Whether it started the call that is listed under its Call-ID.
    pub(crate) listed: bool,
    /// The session description to forward instead of the request's.
    pub(crate) description: Option<Bytes>,
    /// Where it goes, until the branches are made.
    pub(crate) targets: Vec<Target>,
    /// The branches; empty until the request is forked.
    pub(crate) branches: SmallVec<[Branch; 1]>,
    /// The best final response so far, and those whose challenges go with it.
    pub(crate) finals: Vec<Final>,
    /// A CANCEL came.
    pub(crate) cancelled: bool,
}

/// A final response other than 2xx.
#[derive(Debug)]
pub(crate) enum Final {
    /// One that a branch received.
    Received(Box<Response>),
    /// One that stands for a branch that could not be reached or never answered.
    Local(StatusCode),
}

impl Final {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Received(response) => response.status(),
            Self::Local(status) => *status,
        }
    }
}

impl Context {
    pub(crate) fn is_invite(&self) -> bool {
        self.request.method() == Method::Invite
    }

    /// Whether the request starts a call: an INVITE outside a dialog.
    pub(crate) fn starts_call(&self) -> bool {
        self.is_invite() && self.request.to().tag().is_none()
    }

    /// Whether every branch has ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.branches.iter().all(Branch::is_done)
    }

    /// Takes the response to forward (RFC 3261 section 16.7 step 6).
    ///
    /// A 6xx wins, because it speaks for the user everywhere; else the lowest class, and within 4xx
    /// those that tell the caller how to mend the request.
    pub(crate) fn take_best(&mut self) -> Option<Final> {
        let best = (0..self.finals.len()).min_by_key(|&i| preference(self.finals[i].status()))?;
        Some(self.finals.swap_remove(best))
    }
}

/// Lower is better.
fn preference(status: StatusCode) -> (u16, u16) {
    const MENDABLE: [u16; 5] = [401, 407, 415, 420, 484];
    let code = status.as_u16();
    match code {
        600.. => (0, 0),
        400..=499 if MENDABLE.contains(&code) => (4, 0),
        // A branch that never answered says less than one that did.
        408 => (4, 2),
        400..=499 => (4, 1),
        _ => (code / 100, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_response_is_chosen_as_section_16_7_says() {
        let best = |codes: &[u16]| {
            codes.iter().copied().min_by_key(|&code| preference(StatusCode::new(code).unwrap()))
        };
        assert_eq!(best(&[486, 603, 302]), Some(603), "6xx speaks for the user everywhere");
        assert_eq!(best(&[486, 302]), Some(302), "the lowest class");
        assert_eq!(best(&[500, 486]), Some(486));
        assert_eq!(best(&[486, 407]), Some(407), "a challenge can be met");
        assert_eq!(best(&[408, 486]), Some(486), "a real answer before silence");
        assert_eq!(best(&[503, 408]), Some(408));
    }
}
