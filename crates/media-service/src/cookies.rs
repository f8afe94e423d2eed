//! Replies kept for retransmitted commands.

use std::{collections::HashMap, mem, net::SocketAddr, time::Duration};

use bytes::Bytes;
use foldhash::{SharedSeed, fast::SeedableRandomState};
use offhook_engine::Instant;

/// How long a reply is kept at least; a SIP server has given a command up by then.
const KEEP: Duration = Duration::from_secs(15);

/// How many replies are kept at most, in each of the two halves.
const MAX_REPLIES: usize = 20_000;

/// The last replies, by sender and cookie. They are in two halves, and the older half goes as a
/// whole, so that nothing has to be searched for what is too old.
pub(crate) struct Cookies {
    recent: Replies,
    older: Replies,
    since: Instant,
}

type Replies = HashMap<(SocketAddr, Bytes), Bytes, SeedableRandomState>;

impl Cookies {
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        let [recent, older] = [hasher.clone(), hasher].map(HashMap::with_hasher);
        Self { recent, older, since: now }
    }

    /// The reply to this command, if it has been carried out already.
    pub(crate) fn reply(&self, from: SocketAddr, cookie: &Bytes) -> Option<Bytes> {
        let key = (from, cookie.clone());
        self.recent.get(&key).or_else(|| self.older.get(&key)).cloned()
    }

    /// Keeps a reply.
    pub(crate) fn keep(&mut self, from: SocketAddr, cookie: Bytes, reply: Bytes, now: Instant) {
        if now - self.since > KEEP || self.recent.len() >= MAX_REPLIES {
            self.older = mem::take(&mut self.recent);
            self.recent = HashMap::with_hasher(self.older.hasher().clone());
            self.since = now;
        }
        self.recent.insert((from, cookie), reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_kept_for_a_while_and_by_sender() {
        let at = |s: u64| Instant::from_nanos(s * 1_000_000_000);
        let one = SocketAddr::from(([127, 0, 0, 1], 1));
        let two = SocketAddr::from(([127, 0, 0, 1], 2));
        let mut cookies = Cookies::new(at(0), 1);
        cookies.keep(one, "a".into(), "reply".into(), at(0));
        assert_eq!(cookies.reply(one, &"a".into()), Some("reply".into()));
        assert_eq!(cookies.reply(two, &"a".into()), None);
        assert_eq!(cookies.reply(one, &"b".into()), None);
        cookies.keep(two, "b".into(), "other".into(), at(16));
        assert!(cookies.reply(one, &"a".into()).is_some());
        cookies.keep(two, "c".into(), "other".into(), at(32));
        assert_eq!(cookies.reply(one, &"a".into()), None);
        assert!(cookies.reply(two, &"b".into()).is_some());
    }
}
