//! What a REGISTER changes: RFC 3261 section 10.3 steps 6 and 7, as a function of what there is.

use offhook_engine::{Now, UnixTime};
use offhook_sip_core::passed_nat;
use offhook_sip_message::{Contact, Flow, HeaderName, NameAddr, ParseError, Request};

use crate::binding::{BindingParts, DEFAULT_Q_MILLI};
use crate::refusal::Refusal;
use crate::{Binding, Change, RegistrarConfig};

/// The changes that `request` asks for, to the `current` bindings of its address of record that still
/// hold. Empty for a query.
///
/// # Errors
/// The reason why none of them is made: a request takes effect as a whole or not at all.
pub(crate) fn plan(
    request: &Request,
    flow: &Flow,
    current: &[&Binding],
    config: &RegistrarConfig,
    now: Now,
) -> Result<Vec<Change>, Refusal> {
    let contacts: Vec<_> =
        request.contacts().collect::<Result<_, _>>().map_err(|error| malformed(&error))?;
    if contacts.iter().any(|contact| matches!(contact, Contact::Star)) {
        return clear(request, &contacts, current);
    }
    let registration = Registration::new(request, flow, config, now)?;
    let mut draft = Draft::new(current);
    for contact in contacts.iter().filter_map(Contact::addr) {
        let wanted = registration.binding(contact)?;
        draft.replace(wanted.binding, wanted.removes)?;
    }
    draft.finish(config.max_bindings_per_aor)
}

/// `Contact: *` removes every binding; it stands alone, with `Expires: 0` (step 6).
fn clear(
    request: &Request,
    contacts: &[Contact<'_>],
    current: &[&Binding],
) -> Result<Vec<Change>, Refusal> {
    if contacts.len() > 1 {
        return Err(Refusal::Malformed("Contact * with other contacts"));
    }
    if request.expires() != Ok(Some(0)) {
        return Err(Refusal::Malformed("Contact * without Expires 0"));
    }
    let cseq = request.cseq().number;
    if current.iter().any(|binding| is_later(binding, request.call_id(), cseq)) {
        return Err(Refusal::OutOfOrder);
    }
    let nothing_to_do = current.is_empty();
    Ok(if nothing_to_do { Vec::new() } else { vec![Change::RemoveAll] })
}

/// Whether a binding was made by a request of this Call-ID that is not older than `cseq` (step 7).
fn is_later(binding: &Binding, call_id: &[u8], cseq: u32) -> bool {
    binding.call_id() == call_id && binding.cseq() >= cseq
}

fn malformed(error: &ParseError) -> Refusal {
    Refusal::Malformed(error.reason())
}

/// What all contacts of one REGISTER have in common.
struct Registration<'a> {
    request: &'a Request,
    flow: &'a Flow,
    config: &'a RegistrarConfig,
    path: Vec<&'a [u8]>,
    expires_s: Option<u32>,
    behind_nat: bool,
    now: Now,
}

/// What one Contact asks for.
struct Wanted {
    binding: Binding,
    /// With an expiry of zero: the binding is to go.
    removes: bool,
}

impl<'a> Registration<'a> {
    fn new(
        request: &'a Request,
        flow: &'a Flow,
        config: &'a RegistrarConfig,
        now: Now,
    ) -> Result<Self, Refusal> {
        for hop in request.paths() {
            hop.map_err(|error| malformed(&error))?;
        }
        Ok(Self {
            request,
            flow,
            config,
            path: request.values(HeaderName::Path).collect(),
            // A malformed value counts as absent (section 20.19 says so of Expires in Contact).
            expires_s: request.expires().ok().flatten(),
            behind_nat: passed_nat(request, flow),
            now,
        })
    }

    fn binding(&self, contact: &NameAddr<'_>) -> Result<Wanted, Refusal> {
        let asked_s = contact.expires().or(self.expires_s).unwrap_or(self.config.default_expires_s);
        let removes = asked_s == 0;
        if !removes && asked_s < self.config.min_expires_s {
            return Err(Refusal::IntervalTooBrief(self.config.min_expires_s));
        }
        let granted_s = asked_s.min(self.config.max_expires_s);
        let expires_at =
            UnixTime::from_millis(self.now.wall.as_millis() + u64::from(granted_s) * 1000);
        let parts = BindingParts {
            contact: contact.uri.raw(),
            call_id: self.request.call_id(),
            cseq: self.request.cseq().number,
            instance: contact.params.text("+sip.instance"),
            reg_id: reg_id(contact),
            user_agent: self.request.user_agent(),
            path: &self.path,
            q_milli: contact.q().unwrap_or(DEFAULT_Q_MILLI),
            flow: *self.flow,
            behind_nat: self.behind_nat,
            expires_at,
            updated_at: self.now.wall,
        };
        let path_bytes: usize = self.path.iter().map(|value| value.len()).sum();
        let text_bytes = parts.contact.len()
            + parts.call_id.len()
            + parts.instance.map_or(0, <[u8]>::len)
            + path_bytes;
        if text_bytes > self.config.max_binding_bytes {
            return Err(Refusal::TooLong);
        }
        let binding = Binding::new(&parts, self.now).map_err(|_| Refusal::TooLong)?;
        Ok(Wanted { binding, removes })
    }
}

/// `reg-id` counts from 1 (RFC 5626 section 4.2); anything else is as if it were not there.
fn reg_id(contact: &NameAddr<'_>) -> Option<u32> {
    let text = std::str::from_utf8(contact.params.value("reg-id")?).ok()?;
    text.parse().ok().filter(|&id| id > 0)
}

/// The bindings as they will be.
struct Draft<'a> {
    current: &'a [&'a Binding],
    /// For each of `current`, whether it goes.
    goes: Vec<bool>,
    added: Vec<Binding>,
}

impl<'a> Draft<'a> {
    fn new(current: &'a [&'a Binding]) -> Self {
        Self { current, goes: vec![false; current.len()], added: Vec::new() }
    }

    /// Puts `binding` in place of the one that is the same, or only takes that one away.
    fn replace(&mut self, binding: Binding, removes: bool) -> Result<(), Refusal> {
        for (known, goes) in self.current.iter().zip(&mut self.goes) {
            if known.is_same(&binding) {
                if is_later(known, binding.call_id(), binding.cseq()) {
                    return Err(Refusal::OutOfOrder);
                }
                *goes = true;
            }
        }
        // The same contact twice in one request: the last one counts.
        self.added.retain(|earlier| !earlier.is_same(&binding));
        if !removes {
            self.added.push(binding);
        }
        Ok(())
    }

    fn finish(self, max_bindings: usize) -> Result<Vec<Change>, Refusal> {
        let stay = self.goes.iter().filter(|&&goes| !goes).count();
        let count = stay + self.added.len();
        // Who has too many already (the limit was lowered) may still refresh them.
        if count > max_bindings && count > self.current.len() {
            return Err(Refusal::TooManyBindings);
        }
        let upserts: Vec<_> = self
            .added
            .into_iter()
            .map(|binding| Change::Upsert { contact_key: binding.contact_key(), binding })
            .collect();
        let replaced = |key: &str| {
            upserts.iter().any(
                |change| matches!(change, Change::Upsert { contact_key, .. } if contact_key == key),
            )
        };
        let gone = self.current.iter().zip(&self.goes).filter(|&(_, &goes)| goes);
        let mut changes: Vec<_> = gone
            .map(|(binding, _)| binding.contact_key())
            .filter(|key| !replaced(key))
            .map(|contact_key| Change::Remove { contact_key })
            .collect();
        changes.extend(upserts);
        Ok(changes)
    }
}
