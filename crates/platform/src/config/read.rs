//! Settles every key: checks each entry, and keeps the one of highest precedence.

use std::collections::BTreeMap;

use super::fault::{Fault, Problem};
use super::layers::{Entry, Layers};
use super::schema::path_of;
use super::section::KeyInfo;
use super::source::Place;
use super::value::{Mismatch, Setting};

/// Where each key that is not at its default was set.
pub(crate) type Origins = BTreeMap<String, Place>;

/// Hands the entries of all sources to the sections.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    entries: &'a [Entry],
    pub(super) faults: Vec<Fault>,
    pub(super) origins: Origins,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers<'_>) -> Self {
        Self { entries: &layers.entries, faults: Vec::new(), origins: Origins::new() }
    }

    /// Reads the key `key` of `section` into `slot`, checking every source that sets it.
    pub(super) fn read<T: Setting>(&mut self, section: &str, key: Option<&KeyInfo>, slot: &mut T) {
        let Some(key) = key else { return };
        let path = path_of(section, key);
        for entry in self.entries.iter().filter(|entry| entry.path == path) {
            let read =
                T::read_all(&entry.value).and_then(|value| match out_of_range(key, &value) {
                    None => Ok(value),
                    Some(mismatch) => Err(vec![mismatch]),
                });
            match read {
                Ok(value) => {
                    *slot = value;
                    self.origins.insert(path.clone(), entry.place(&entry.value.span));
                }
                Err(mismatches) => {
                    let faults = mismatches.into_iter().map(|mismatch| fault(key, entry, mismatch));
                    self.faults.extend(faults);
                }
            }
        }
    }
}

fn out_of_range(key: &KeyInfo, value: &impl Setting) -> Option<Mismatch> {
    let (number, (least, greatest)) = (value.magnitude()?, key.range?);
    if (least..=greatest).contains(&number) {
        return None;
    }
    let nearest = number.clamp(least, greatest);
    Some(Mismatch::because(format!("{number} is out of range")).suggest(Some(nearest.to_string())))
}

fn fault(key: &KeyInfo, entry: &Entry, mismatch: Mismatch) -> Fault {
    let place = entry.place(mismatch.span.as_ref().unwrap_or(&entry.value.span));
    let path = entry.path.clone();
    let problem = match mismatch.reason {
        Some(reason) => Problem::BadValue { key: path, reason },
        None => {
            let found = mismatch.found.unwrap_or_else(|| entry.value.kind_name());
            Problem::WrongType { key: path, found }
        }
    };
    let expected = match (mismatch.expected, key.range) {
        (Some(list), _) => format!("{list} of {}", key.expected),
        (None, Some((least, greatest))) => format!("{} from {least} to {greatest}", key.expected),
        (None, None) => key.expected.to_owned(),
    };
    Fault::new(problem, Some(place)).expected(expected).did_you_mean(mismatch.suggestion)
}
