//! A media relay that remembers who talks to whom.

use std::collections::BTreeMap;

use bytes::Bytes;
use offhook_proxy::{MediaOutcome, MediaVerb};

/// The sessions by Call-ID: who offered, and who answered.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    sessions: BTreeMap<Bytes, Vec<(Bytes, Option<Bytes>)>>,
}

impl Relay {
    pub(crate) fn execute(&mut self, call_id: &Bytes, verb: &MediaVerb) -> MediaOutcome {
        let sessions = self.sessions.entry(call_id.clone()).or_default();
        let outcome = match verb {
            MediaVerb::Offer { from_tag, to_tag, sdp } => {
                sessions.push((from_tag.clone(), to_tag.clone()));
                MediaOutcome::Rewritten(sdp.clone())
            }
            MediaVerb::Answer { from_tag, to_tag, sdp } => {
                let mut own = sessions.iter_mut().filter(|(from, _)| from == from_tag);
                match own.next() {
                    None => return self.forget_empty(call_id, MediaOutcome::Rejected),
                    Some((_, to @ None)) => *to = Some(to_tag.clone()),
                    Some(_) => sessions.push((from_tag.clone(), Some(to_tag.clone()))),
                }
                MediaOutcome::Rewritten(sdp.clone())
            }
            MediaVerb::Delete { from_tag, to_tag } => {
                sessions.retain(|(from, to)| !is_meant((from, to.as_ref()), from_tag, to_tag));
                MediaOutcome::Unavailable
            }
        };
        self.forget_empty(call_id, outcome)
    }

    /// The calls that have sessions.
    pub(crate) fn open(&self) -> Vec<&Bytes> {
        self.sessions.keys().collect()
    }

    fn forget_empty(&mut self, call_id: &Bytes, outcome: MediaOutcome) -> MediaOutcome {
        if self.sessions.get(call_id).is_some_and(Vec::is_empty) {
            self.sessions.remove(call_id);
        }
        outcome
    }
}

fn is_meant(session: (&Bytes, Option<&Bytes>), from_tag: &Bytes, to_tag: &Option<Bytes>) -> bool {
    let (from, to) = session;
    match to_tag {
        None => from == from_tag || to == Some(from_tag),
        Some(other) => {
            (from == from_tag && to == Some(other)) || (from == other && to == Some(from_tag))
        }
    }
}
