//! The relay in the path of a call: which session descriptions it rewrites, and when.
//!
//! Offer and answer are matched as RFC 3264 and RFC 3261 section 13.2.1 have it: a description in an
//! INVITE or UPDATE is an offer, the one in its response the answer; after an INVITE without one, the
//! response offers and the ACK answers. Descriptions in PRACK pass unchanged.

use bytes::Bytes;
use offhook_engine::Now;
use offhook_sip_core::{ServerId, passed_nat};
use offhook_sip_message::{Head, Method, Request, Response, StatusCode};

use crate::action::{Action, MediaOutcome, MediaVerb};
use crate::admission::Refusal;
use crate::config::MediaPolicy;
use crate::context::{Context, ContextId};
use crate::proxy::Proxy;
use crate::wait::{HeldResponse, Purpose};

impl Proxy {
    /// Decides whether the relay is in the path, shows it the request's description if there is one,
    /// and goes on to forking.
    pub(crate) fn engage_media(&mut self, id: ContextId, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        context.relayed = match (context.route.dialog, self.config.media) {
            (Some(dialog), _) => dialog.relayed,
            (None, MediaPolicy::Always) => context.is_invite(),
            (None, MediaPolicy::Nat) => context.is_invite() && passes_nat(context),
            (None, MediaPolicy::Never) => false,
        };
        let request = &context.request;
        match request_verb(request).filter(|_| context.relayed) {
            None => self.fork(id, now),
            Some(verb) => {
                let call_id = own(request, request.call_id());
                self.ask(Purpose::Description(id), now, |token| Action::Media {
                    token: Some(token),
                    call_id,
                    verb,
                });
            }
        }
    }

    /// The relay has spoken about a request's description.
    pub(crate) fn description_rewritten(&mut self, id: ContextId, outcome: MediaOutcome, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        match outcome {
            MediaOutcome::Rewritten(description) => context.description = Some(description),
            // An ACK cannot be refused; without the relay's word it passes as it is.
            MediaOutcome::Rejected | MediaOutcome::Unavailable if context.server.is_none() => {}
            MediaOutcome::Rejected => {
                let refusal = Refusal::new(
                    StatusCode::NOT_ACCEPTABLE_HERE,
                    "Session description not understood",
                );
                return self.fail(id, &refusal, now);
            }
            MediaOutcome::Unavailable => {
                return self.fail(id, &Refusal::unavailable("No media relay available"), now);
            }
        }
        self.fork(id, now);
    }

    /// Sends a response upstream, by way of the relay if it carries a description for it.
    pub(crate) fn send_upstream(&mut self, upstream: Upstream, response: Response, now: Now) {
        let verb = response_verb(&response, &upstream).filter(|_| upstream.relayed);
        let held = HeldResponse { server: upstream.server, response };
        match verb {
            None => self.release_response(held, MediaOutcome::Unavailable, now),
            // The responses that are held already say all that this one can.
            Some(_) if !self.waits.may_hold(upstream.server) => {}
            Some(verb) => {
                let call_id = upstream.call_id;
                let purpose = Purpose::ResponseDescription(Box::new(held));
                self.ask(purpose, now, |token| Action::Media { token: Some(token), call_id, verb });
            }
        }
    }

    /// Sends a response upstream with the relay's description, or as it is if the relay has none: the
    /// call was answered, and refusing is no longer possible.
    pub(crate) fn release_response(&mut self, held: HeldResponse, outcome: MediaOutcome, now: Now) {
        let bytes = match &outcome {
            MediaOutcome::Rewritten(description) => {
                crate::forward::response(&held.response, Some(description), &[])
            }
            MediaOutcome::Rejected | MediaOutcome::Unavailable => {
                crate::forward::response(&held.response, None, &[])
            }
        };
        self.transactions.respond(held.server, held.response.status(), bytes, now.mono);
    }

    /// Tells the relay that what `request` began or ends is over.
    pub(crate) fn release_media(&mut self, request: &Request, ended: Ended) {
        let (from, to) = (request.from(), request.to());
        let (tag, other) = match ended {
            Ended::CallOfSender => (from.tag(), None),
            Ended::CallOfPeer => (to.tag(), None),
            Ended::Dialog => (from.tag(), to.tag()),
        };
        let Some(tag) = tag else { return };
        let to_tag = other.map(|tag| own(request, tag));
        let verb = MediaVerb::Delete { from_tag: own(request, tag), to_tag };
        let call_id = own(request, request.call_id());
        self.act(Action::Media { token: None, call_id, verb });
    }
}

/// What has come to its end, as seen from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything that its sender takes part in.
    CallOfSender,
    /// Everything that the other party takes part in: a phone has hung up on its caller, who had been
    /// in touch with others before.
    CallOfPeer,
    /// The dialog between the two alone.
    Dialog,
}

/// Where the responses of a forwarded request go, and what the relay has to do with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) server: ServerId,
    /// The Call-ID and From tag of the request. Those in a response are its sender's to choose, and
    /// must not name another call to the relay.
    pub(crate) call_id: Bytes,
    from_tag: Option<Bytes>,
    /// Whether the request started the call that is listed under its Call-ID.
    pub(crate) listed: bool,
    /// Whether the relay is in the path.
    pub(crate) relayed: bool,
    /// Whether the request carried the offer, so that responses answer.
    pub(crate) offered: bool,
}

impl Upstream {
    pub(crate) fn of(context: &Context) -> Option<Self> {
        let request = &context.request;
        Some(Self {
            server: context.server?,
            call_id: own(request, request.call_id()),
            from_tag: request.from().tag().map(|tag| own(request, tag)),
            listed: context.listed,
            relayed: context.relayed,
            offered: has_description(request),
        })
    }
}

/// What the relay has to do with the description in a request.
fn request_verb(request: &Request) -> Option<MediaVerb> {
    if !has_description(request) {
        return None;
    }
    let (from, to) = (request.from(), request.to());
    let from_tag = own(request, from.tag()?);
    let to_tag = to.tag().map(|tag| own(request, tag));
    let sdp = own(request, request.body());
    match request.method() {
        Method::Invite | Method::Update => Some(MediaVerb::Offer { from_tag, to_tag, sdp }),
        // The callee offered in its 2xx, and the caller answers.
        Method::Ack => Some(MediaVerb::Answer { from_tag: to_tag?, to_tag: from_tag, sdp }),
        Method::Bye
        | Method::Cancel
        | Method::Register
        | Method::Options
        | Method::Prack
        | Method::Subscribe
        | Method::Notify
        | Method::Publish
        | Method::Info
        | Method::Refer
        | Method::Message
        | Method::Other => None,
    }
}

/// What the relay has to do with the description in a response.
fn response_verb(response: &Response, upstream: &Upstream) -> Option<MediaVerb> {
    let method = response.cseq().method;
    if !has_description(response) || !matches!(method, Method::Invite | Method::Update) {
        return None;
    }
    let from_tag = upstream.from_tag.clone()?;
    let to_tag = own(response, response.to().tag()?);
    let sdp = own(response, response.body());
    Some(if upstream.offered {
        MediaVerb::Answer { from_tag, to_tag, sdp }
    } else {
        MediaVerb::Offer { from_tag: to_tag, to_tag: Some(from_tag), sdp }
    })
}

/// Whether the body is a session description and nothing else.
pub(crate) fn has_description(head: &Head) -> bool {
    !head.body().is_empty() && head.content_type_is("application/sdp")
}

/// Whether either side of the call is behind a NAT, as far as its signalling shows.
fn passes_nat(context: &Context) -> bool {
    passed_nat(&context.request, &context.flow)
        || context.targets.iter().any(|target| target.behind_nat)
}

/// A part of a message that shares its buffer.
fn own(head: &Head, part: &[u8]) -> Bytes {
    head.bytes().slice_ref(part)
}
