//! What a transaction machine asks for, as a small set that can be compared.

use std::fmt;

/// One thing that a transaction machine asks its owner to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send the request (for the first time or again).
    SendRequest,
    /// Send the ACK for the final response that is not a 2xx (RFC 3261 section 17.1.1.3).
    SendAck,
    /// Send a CANCEL for this INVITE (RFC 3261 section 9.1).
    SendCancel,
    /// Send the latest response (for the first time or again).
    SendResponse,
    /// Send a 100 (Trying) made here, because the user has been silent (RFC 4320 section 4.1).
    SendTrying,
    /// Pass the message that came in to the transaction's user.
    PassUp,
    /// Tell the user that nothing came in time.
    ReportTimeout,
    /// Tell the user that the transport failed.
    ReportFailure,
    /// Forget the transaction.
    End,
}

/// A set of [`Action`]s. They are carried out in the order of the enum's variants; the empty set says
/// that the event was a repeat or came too late and changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Actions(u16);

const ALL: [Action; 9] = [
    Action::SendRequest,
    Action::SendAck,
    Action::SendCancel,
    Action::SendResponse,
    Action::SendTrying,
    Action::PassUp,
    Action::ReportTimeout,
    Action::ReportFailure,
    Action::End,
];

impl Actions {
    /// Nothing to do.
    pub const NONE: Self = Self(0);

    /// The set of these actions.
    #[must_use]
    pub const fn of(actions: &[Action]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < actions.len() {
            bits |= 1 << actions[index] as u16;
            index += 1;
        }
        Self(bits)
    }

    /// This set and one more action.
    #[must_use]
    pub const fn and(self, action: Action) -> Self {
        Self(self.0 | 1 << action as u16)
    }

    /// This set and one action less.
    #[must_use]
    pub const fn without(self, action: Action) -> Self {
        Self(self.0 & !(1 << action as u16))
    }

    /// Whether `action` is asked for.
    #[must_use]
    pub const fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u16) != 0
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The actions in the order in which they are to be carried out.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        ALL.into_iter().filter(move |action| self.contains(*action))
    }
}

impl From<Action> for Actions {
    fn from(action: Action) -> Self {
        Self::NONE.and(action)
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_its_actions_in_order() {
        let set = Actions::of(&[Action::End, Action::SendAck]).and(Action::PassUp);
        assert_eq!(format!("{set:?}"), "[SendAck, PassUp, End]");
        assert_eq!(set.without(Action::PassUp), Actions::of(&[Action::SendAck, Action::End]));
        assert!(Actions::NONE.is_empty());
        assert_eq!(ALL.into_iter().fold(Actions::NONE, Actions::and).iter().count(), ALL.len());
    }
}
