//! The location table: every address of record with its bindings, in memory.

use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use offhook_engine::{Instant, TimerId, TimerWheel};
use slab::Slab;

use crate::{Binding, Change, LoadedBinding};

/// Bindings by address of record. Each address has one timer, for the binding that ends first.
pub(crate) struct LocationTable {
    /// Places in `aors`, by the hash of the name.
    index: HashTable<u32>,
    aors: Slab<Aor>,
    hasher: FixedState,
    expiry: TimerWheel<u32>,
    bindings: usize,
}

struct Aor {
    name: Box<str>,
    /// Never empty.
    bindings: Vec<Binding>,
    timer: Option<TimerId>,
}

impl LocationTable {
    /// An empty table. `seed` keeps strangers from choosing names whose hashes collide.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            index: HashTable::new(),
            aors: Slab::new(),
            hasher: FixedState::with_seed(seed),
            expiry: TimerWheel::new(),
            bindings: 0,
        }
    }

    /// Addresses of record with a binding.
    pub(crate) fn len(&self) -> usize {
        self.aors.len()
    }

    /// Bindings of all of them together.
    pub(crate) fn binding_count(&self) -> usize {
        self.bindings
    }

    pub(crate) fn contains(&self, aor: &str) -> bool {
        self.find(aor).is_some()
    }

    /// The bindings of `aor` that still hold.
    pub(crate) fn live(&self, aor: &str, now: Instant) -> impl Iterator<Item = &Binding> {
        let found = self.find(aor).and_then(|place| self.aors.get(place as usize));
        let bindings = found.map_or(&[][..], |aor| &aor.bindings);
        bindings.iter().filter(move |binding| binding.is_live(now))
    }

    /// Every binding that still holds, with its address of record.
    pub(crate) fn iter(&self, now: Instant) -> impl Iterator<Item = (&str, &Binding)> {
        self.aors.iter().flat_map(move |(_, aor)| {
            let live = aor.bindings.iter().filter(move |binding| binding.is_live(now));
            live.map(|binding| (&*aor.name, binding))
        })
    }

    /// Makes changes that are durable.
    pub(crate) fn apply(&mut self, aor: &str, changes: &[Change]) {
        let place = self.find_or_insert(aor);
        if let Some(record) = self.aors.get_mut(place as usize) {
            let before = record.bindings.len();
            for change in changes {
                record.apply(change);
            }
            self.bindings = self.bindings + record.bindings.len() - before;
        }
        self.settle(place);
    }

    /// Takes a binding from the store, unless the one in memory was registered later.
    pub(crate) fn load(&mut self, loaded: LoadedBinding) {
        let LoadedBinding { aor, binding } = loaded;
        let key = binding.contact_key();
        let is_outdated =
            self.find(&aor).and_then(|place| self.aors.get(place as usize)).is_some_and(|record| {
                record.bindings.iter().any(|known| {
                    known.updated_at() > binding.updated_at() && known.contact_key() == key
                })
            });
        if !is_outdated {
            self.apply(&aor, &[Change::Upsert { contact_key: key, binding }]);
        }
    }

    /// Forgets the bindings that have ended at `now`.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(place) = self.expiry.pop_due(now) {
            if let Some(record) = self.aors.get_mut(place as usize) {
                record.timer = None;
                let before = record.bindings.len();
                record.bindings.retain(|binding| binding.is_live(now));
                self.bindings -= before - record.bindings.len();
            }
            self.settle(place);
        }
    }

    /// When [`LocationTable::expire`] has to be called next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.expiry.next_deadline()
    }

    /// Sets the timer to the first binding that ends, or forgets an address without bindings.
    fn settle(&mut self, place: u32) {
        let Some(record) = self.aors.get_mut(place as usize) else { return };
        if let Some(timer) = record.timer.take() {
            self.expiry.cancel(timer);
        }
        if let Some(first) = record.bindings.iter().map(Binding::deadline).min() {
            record.timer = Some(self.expiry.insert(first, place));
            return;
        }
        let hash = self.hasher.hash_one(&*record.name);
        if let Ok(entry) = self.index.find_entry(hash, |&known| known == place) {
            entry.remove();
        }
        self.aors.remove(place as usize);
    }

    fn find(&self, aor: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(aor);
        self.index.find(hash, |&place| self.is_named(place, aor)).copied()
    }

    fn is_named(&self, place: u32, aor: &str) -> bool {
        self.aors.get(place as usize).is_some_and(|record| &*record.name == aor)
    }

    fn find_or_insert(&mut self, aor: &str) -> u32 {
        if let Some(place) = self.find(aor) {
            return place;
        }
        let record = Aor { name: aor.into(), bindings: Vec::new(), timer: None };
        // Far more than 2^32 records would not fit in any memory; `max_aors` is far below.
        let place = u32::try_from(self.aors.insert(record)).unwrap_or(u32::MAX);
        let hash = self.hasher.hash_one(aor);
        let (aors, hasher) = (&self.aors, &self.hasher);
        self.index.insert_unique(hash, place, |&known| {
            aors.get(known as usize).map_or(0, |record| hasher.hash_one(&*record.name))
        });
        place
    }
}

impl Aor {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Upsert { contact_key, binding } => {
                match self.bindings.iter_mut().find(|known| known.contact_key() == *contact_key) {
                    Some(known) => *known = binding.clone(),
                    None => {
                        // Nearly all users have one phone: no room for more is kept.
                        self.bindings.reserve_exact(1);
                        self.bindings.push(binding.clone());
                    }
                }
            }
            Change::Remove { contact_key } => {
                self.bindings.retain(|known| known.contact_key() != *contact_key);
            }
            Change::RemoveAll => self.bindings.clear(),
        }
    }
}

impl fmt::Debug for LocationTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocationTable")
            .field("aors", &self.len())
            .field("bindings", &self.bindings)
            .finish_non_exhaustive()
    }
}
