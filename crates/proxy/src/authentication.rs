//! Whether the sender of a request is one of our users (RFC 3261 section 22.3).

use offhook_engine::Now;
use offhook_sip_core::Verdict;
use offhook_sip_message::{Request, StatusCode};

use crate::action::{Action, CredentialsFound, Report};
use crate::admission::Refusal;
use crate::context::ContextId;
use crate::proxy::Proxy;
use crate::wait::Purpose;

impl Proxy {
    /// Asks for credentials, or for the hashes to check them with.
    pub(crate) fn authenticate(&mut self, id: ContextId, now: Now) {
        let Some(context) = self.contexts.get(&id) else { return };
        if self.authenticator.claimed_user(&context.request).is_none() {
            return self.challenge(id, false, now);
        }
        match self.claimed_aor(&context.request) {
            Some(aor) => self
                .ask(Purpose::Credentials(id), now, |token| Action::FindCredentials { token, aor }),
            None => self.fail(id, &foreign_sender(), now),
        }
    }

    pub(crate) fn credentials_found(&mut self, id: ContextId, found: CredentialsFound, now: Now) {
        let hashes = match found {
            CredentialsFound::Known(hashes) => hashes,
            CredentialsFound::Unknown => Vec::new(),
            CredentialsFound::Unavailable => {
                return self.fail(id, &Refusal::unavailable("Directory unavailable"), now);
            }
        };
        let Some(context) = self.contexts.get(&id) else { return };
        let verdict = self.authenticator.verify(&context.request, &hashes, now);
        if verdict != Verdict::Accepted {
            if !verdict.is_stale() {
                self.report_wrong_credentials(id);
            }
            return self.challenge(id, verdict.is_stale(), now);
        }
        if self.speaks_for_itself(id) {
            self.find_targets(id, now);
        } else {
            self.fail(id, &foreign_sender(), now);
        }
    }

    /// Whether the address in From is that of the user who was authenticated: nobody calls in
    /// another's name.
    fn speaks_for_itself(&self, id: ContextId) -> bool {
        let Some(context) = self.contexts.get(&id) else { return false };
        let claimed = self.claimed_aor(&context.request);
        claimed.is_some() && claimed == self.config.domains.aor(&context.request.from().uri)
    }

    /// Who the sender claims to be: the user name in its credentials, in the domain of From.
    fn claimed_aor(&self, request: &Request) -> Option<String> {
        let user = self.authenticator.claimed_user(request)?;
        self.config.domains.aor_of_username(&user, &request.from().uri)
    }

    fn report_wrong_credentials(&mut self, id: ContextId) {
        let Some(context) = self.contexts.get(&id) else { return };
        let request = &context.request;
        let report = Report::WrongCredentials {
            call_id: request.bytes().slice_ref(request.call_id()),
            user: self.authenticator.claimed_user(request).unwrap_or_default(),
            remote: context.flow.remote,
        };
        self.act(Action::Report(report));
    }

    fn challenge(&mut self, id: ContextId, stale: bool, now: Now) {
        let Some(context) = self.contexts.get(&id) else { return };
        let (status, header, values) = self.authenticator.challenge(&context.request, stale, now);
        let mut refusal = Refusal::new(status, status.reason());
        for value in values {
            refusal = refusal.with(header, value);
        }
        self.fail(id, &refusal, now);
    }
}

fn foreign_sender() -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "From is not an address of the authenticated user")
}
