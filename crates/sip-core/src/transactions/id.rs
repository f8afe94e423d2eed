//! Names of open transactions.

use slab::Slab;

/// The server transaction that a request opened, as its user names it.
///
/// An id is never reused within the lifetime of [`crate::Transactions`] in any way that matters: a
/// generation tells apart the transactions that use one slot after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub(crate) SlotId);

/// The client transaction that sends a request, as its user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub(crate) SlotId);

/// A slot of a [`Slots`] and which of its successive tenants is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SlotId {
    pub(crate) index: u32,
    generation: u32,
}

/// Which transaction sent something, folded into the number that travels with the bytes and comes
/// back if they could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Nobody waits to hear of it.
    Nobody,
    Server(ServerId),
    Client(ClientId),
}

/// Generations keep to 30 bits so that an id and the kind of its owner fit a ticket.
const GENERATION_MASK: u32 = (1 << 30) - 1;
const KIND_SHIFT: u32 = 62;
const KIND_SERVER: u64 = 1;
const KIND_CLIENT: u64 = 2;

impl Sender {
    pub(crate) fn ticket(self) -> u64 {
        match self {
            Self::Nobody => 0,
            Self::Server(ServerId(id)) => KIND_SERVER << KIND_SHIFT | id.bits(),
            Self::Client(ClientId(id)) => KIND_CLIENT << KIND_SHIFT | id.bits(),
        }
    }

    pub(crate) fn from_ticket(ticket: u64) -> Self {
        match ticket >> KIND_SHIFT {
            KIND_SERVER => Self::Server(ServerId(SlotId::from_bits(ticket))),
            KIND_CLIENT => Self::Client(ClientId(SlotId::from_bits(ticket))),
            _ => Self::Nobody,
        }
    }
}

impl SlotId {
    fn bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    fn from_bits(bits: u64) -> Self {
        let [low, high] = [bits & u64::from(u32::MAX), bits >> 32]
            .map(|half| u32::try_from(half).unwrap_or_default());
        Self { index: low, generation: high & GENERATION_MASK }
    }
}

/// Records in a slab, each with the generation that its id must show.
#[derive(Clone, Debug)]
pub(crate) struct Slots<T> {
    slots: Slab<(u32, T)>,
    next_generation: u32,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Slab::new(), next_generation: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn insert(&mut self, record: T) -> SlotId {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1) & GENERATION_MASK;
        let index = self.slots.insert((generation, record));
        // The capacity limits keep indices far below 2^32.
        SlotId { index: u32::try_from(index).unwrap_or(u32::MAX), generation }
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&T> {
        match self.slots.get(id.index as usize) {
            Some((generation, record)) if *generation == id.generation => Some(record),
            Some(_) | None => None,
        }
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut T> {
        match self.slots.get_mut(id.index as usize) {
            Some((generation, record)) if *generation == id.generation => Some(record),
            Some(_) | None => None,
        }
    }

    /// The record that is in slot `index`, whoever it is.
    pub(crate) fn at(&self, index: u32) -> Option<(SlotId, &T)> {
        let (generation, record) = self.slots.get(index as usize)?;
        Some((SlotId { index, generation: *generation }, record))
    }

    pub(crate) fn remove(&mut self, id: SlotId) -> Option<T> {
        self.get(id)?;
        self.slots.try_remove(id.index as usize).map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_does_not_name_the_next_tenant_of_its_slot() {
        let mut slots = Slots::new();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b');
        assert_eq!(first.index, second.index);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
    }

    #[test]
    fn tickets_come_back_as_what_they_were() {
        let id = SlotId { index: u32::MAX - 1, generation: GENERATION_MASK };
        for sender in [Sender::Nobody, Sender::Server(ServerId(id)), Sender::Client(ClientId(id))] {
            assert_eq!(Sender::from_ticket(sender.ticket()), sender);
        }
        assert_eq!(Sender::from_ticket(u64::MAX), Sender::Nobody);
    }
}
