//! Who may register: RFC 3261 section 10.3 steps 1 to 4.

use std::sync::Arc;

use offhook_engine::Now;
use offhook_sip_core::{Ha1, ServerId, Verdict};
use offhook_sip_message::{Flow, HeaderName, Method, Request};

use super::{Arrival, Registrar, Work};
use crate::interface::{Action, CredentialsFound, Report, Token};
use crate::refusal::Refusal;

/// The option tags that may stand in Require.
const SUPPORTED: [&str; 1] = ["path"];

/// Why a request does not prove who sends it.
enum Unproven {
    /// It has to be sent again with (better) credentials.
    Challenge { stale: bool },
    /// There is no such user, and no password is asked for.
    UnknownUser,
}

impl Registrar {
    /// RFC 3261 section 10.3 steps 1 to 3: is the request for us, and does it say who sends it?
    pub(super) fn admit(&mut self, server: ServerId, request: Request, flow: Flow, now: Now) {
        let aor = match self.address_of_record(&request) {
            Ok(aor) => aor.into(),
            Err(refusal) => return self.refuse(server, &request, &flow, &refusal, now),
        };
        let arrival = Arrival { server, request, flow, aor, at: now.mono };
        if self.operations.len() >= self.config.max_operations {
            return self.turn_away(&arrival, "Too many registrations at once", now);
        }
        let claimed = match &self.authenticator {
            None => Some(arrival.aor.to_string()),
            Some(authenticator) => match authenticator.claimed_user(&arrival.request) {
                None => return self.challenge(&arrival, false, now),
                Some(user) => self.config.domains.aor_of_username(&user, &arrival.request.to().uri),
            },
        };
        let Some(claimed) = claimed else {
            return self.refuse_arrival(&arrival, &Refusal::NotOwner, now);
        };
        let deadline = now.mono + self.config.operation_timeout;
        let work = Work::Credentials { arrival: Box::new(arrival), claimed: claimed.clone() };
        let token = self.operations.begin(work, deadline);
        self.actions.push_back(Action::FindCredentials { token, aor: claimed });
    }

    fn address_of_record(&self, request: &Request) -> Result<String, Refusal> {
        if request.method() != Method::Register {
            return Err(Refusal::MethodNotAllowed);
        }
        if self.config.domains.canonical(request.uri().host).is_none() {
            return Err(Refusal::ForeignDomain);
        }
        let unsupported: Vec<_> = [HeaderName::Require, HeaderName::ProxyRequire]
            .into_iter()
            .flat_map(|name| request.values(name))
            .map(String::from_utf8_lossy)
            .filter(|tag| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag)))
            .collect();
        if !unsupported.is_empty() {
            return Err(Refusal::UnsupportedExtensions(unsupported.join(", ")));
        }
        self.config.domains.aor(&request.to().uri).ok_or(Refusal::UnknownUser)
    }

    /// Steps 3 and 4: is it the owner who registers?
    pub(super) fn credentials_found(&mut self, token: Token, found: CredentialsFound, now: Now) {
        if !matches!(self.operations.get(token), Some(Work::Credentials { .. })) {
            return;
        }
        let Some(Work::Credentials { arrival, claimed }) = self.operations.end(token) else {
            return;
        };
        let hashes = match found {
            CredentialsFound::Known(hashes) => Some(hashes),
            CredentialsFound::Unknown => None,
            CredentialsFound::Unavailable => {
                return self.turn_away(&arrival, "Directory unavailable", now);
            }
        };
        match self.verdict(&arrival.request, hashes, now) {
            Ok(()) if claimed == *arrival.aor => self.serve(*arrival, now),
            Ok(()) => self.refuse_arrival(&arrival, &Refusal::NotOwner, now),
            Err(Unproven::Challenge { stale }) => {
                if !stale {
                    self.actions.push_back(Action::Report(Report::WrongCredentials {
                        call_id: arrival.call_id(),
                        aor: Arc::clone(&arrival.aor),
                        remote: arrival.flow.remote,
                    }));
                }
                self.challenge(&arrival, stale, now);
            }
            Err(Unproven::UnknownUser) => {
                self.refuse_arrival(&arrival, &Refusal::UnknownUser, now);
            }
        }
    }

    fn verdict(
        &mut self,
        request: &Request,
        hashes: Option<Vec<Ha1>>,
        now: Now,
    ) -> Result<(), Unproven> {
        let Some(authenticator) = &mut self.authenticator else {
            return hashes.map(|_| ()).ok_or(Unproven::UnknownUser);
        };
        // For an unknown user the same work is done and the same answer given as for a wrong password:
        // who tries names learns nothing.
        let verdict = authenticator.verify(request, &hashes.unwrap_or_default(), now);
        if verdict == Verdict::Accepted {
            return Ok(());
        }
        Err(Unproven::Challenge { stale: verdict.is_stale() })
    }
}
