//! What many changes amount to.

use std::collections::BTreeMap;

use crate::{BindingRow, Change};

/// The net effect of a sequence of changes: each binding is touched once, in the order of its key.
///
/// One statement can then carry many rows (Postgres refuses to upsert one row twice in a statement), and transactions
/// of different nodes take their locks in the same order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NetEffect<'a> {
    /// Addresses of record that lose every stored binding first.
    pub(crate) cleared: Vec<&'a str>,
    /// Address of record and contact key of bindings that go.
    pub(crate) removed: Vec<(&'a str, &'a str)>,
    /// Bindings that are stored.
    pub(crate) stored: Vec<&'a BindingRow>,
}

#[derive(Default)]
struct Aor<'a> {
    cleared: bool,
    /// By contact key; `None` is a removal.
    bindings: BTreeMap<&'a str, Option<&'a BindingRow>>,
}

impl<'a> NetEffect<'a> {
    pub(crate) fn of(changes: &'a [Change]) -> Self {
        let mut aors: BTreeMap<&str, Aor<'_>> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Upsert(row) => {
                    let bindings = &mut aors.entry(&row.aor).or_default().bindings;
                    let binding = bindings.entry(&row.contact_key).or_default();
                    if !binding.is_some_and(|earlier| row.is_older_than(earlier)) {
                        *binding = Some(row);
                    }
                }
                Change::Remove { aor, contact_key } => {
                    aors.entry(aor).or_default().bindings.insert(contact_key, None);
                }
                Change::RemoveAll { aor } => {
                    aors.insert(aor, Aor { cleared: true, bindings: BTreeMap::new() });
                }
            }
        }
        let mut effect = Self::default();
        for (name, aor) in aors {
            if aor.cleared {
                effect.cleared.push(name);
            }
            for (contact_key, binding) in aor.bindings {
                match binding {
                    Some(row) => effect.stored.push(row),
                    None if aor.cleared => {}
                    None => effect.removed.push((name, contact_key)),
                }
            }
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_binding_counts() {
        let changes =
            [upsert("a", "1", 1), upsert("b", "1", 1), remove("b", "1"), upsert("a", "1", 2)];
        let effect = NetEffect::of(&changes);
        assert_eq!(effect.stored, [row(&changes[3])]);
        assert_eq!(effect.removed, [("b", "1")]);
        assert!(effect.cleared.is_empty());
    }

    #[test]
    fn clearing_forgets_what_came_before_and_keeps_what_comes_after() {
        let changes = [
            upsert("a", "1", 1),
            remove("a", "2"),
            clear("a"),
            remove("a", "3"),
            upsert("a", "4", 2),
        ];
        let effect = NetEffect::of(&changes);
        assert_eq!(effect.cleared, ["a"]);
        assert_eq!(effect.stored, [row(&changes[4])]);
        assert!(effect.removed.is_empty());
    }

    #[test]
    fn a_late_older_request_does_not_replace_a_newer_one() {
        let changes = [upsert("a", "1", 2), upsert("a", "1", 1)];
        assert_eq!(NetEffect::of(&changes).stored, [row(&changes[0])]);
        // A removal in between ends the comparison: the binding is a new one.
        let changes = [upsert("a", "1", 2), remove("a", "1"), upsert("a", "1", 1)];
        assert_eq!(NetEffect::of(&changes).stored, [row(&changes[2])]);
    }

    #[test]
    fn rows_come_in_the_order_of_their_keys() {
        let changes = [upsert("b", "2", 1), upsert("b", "1", 1), upsert("a", "9", 1)];
        let effect = NetEffect::of(&changes);
        assert_eq!(effect.stored, [row(&changes[2]), row(&changes[1]), row(&changes[0])]);
    }

    fn row(change: &Change) -> &BindingRow {
        let Change::Upsert(row) = change else { panic!("{change:?} stores nothing") };
        row
    }

    fn upsert(aor: &str, contact_key: &str, cseq: u32) -> Change {
        Change::Upsert(BindingRow {
            aor: aor.to_owned(),
            contact_key: contact_key.to_owned(),
            contact: String::new(),
            instance_id: None,
            reg_id: None,
            call_id: "c".to_owned(),
            cseq,
            q_milli: 1000,
            path: Vec::new(),
            user_agent: None,
            transport: "UDP".to_owned(),
            local_addr: ([127, 0, 0, 1], 5060).into(),
            remote_addr: ([127, 0, 0, 1], 5062).into(),
            behind_nat: true,
            connection: None,
            expires_at_ms: 60_000,
            updated_at_ms: 1_000,
        })
    }

    fn remove(aor: &str, contact_key: &str) -> Change {
        Change::Remove { aor: aor.to_owned(), contact_key: contact_key.to_owned() }
    }

    fn clear(aor: &str) -> Change {
        Change::RemoveAll { aor: aor.to_owned() }
    }
}
