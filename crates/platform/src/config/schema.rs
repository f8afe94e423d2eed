//! The names of all keys and sections, for look-ups and suggestions.

use super::section::{KeyInfo, Section};
use super::value::Shape;
use crate::suggest;

/// One key with its full name.
#[derive(Clone, Debug)]
pub(super) struct SchemaKey {
    pub(super) path: String,
    pub(super) shape: Shape,
    pub(super) secret: bool,
}

/// Every key and section that the configuration has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    keys: Vec<SchemaKey>,
    sections: Vec<&'static str>,
}

impl Schema {
    pub(super) fn add<S: Section>(&mut self) {
        if !S::NAME.is_empty() {
            self.sections.push(S::NAME);
        }
        let keys = S::KEYS.iter().map(|key| SchemaKey {
            path: path_of(S::NAME, key),
            shape: key.shape,
            secret: key.secret,
        });
        self.keys.extend(keys);
    }

    pub(super) fn keys(&self) -> &[SchemaKey] {
        &self.keys
    }

    pub(super) fn key(&self, path: &str) -> Option<&SchemaKey> {
        self.keys.iter().find(|key| key.path == path)
    }

    pub(super) fn has_section(&self, name: &str) -> bool {
        self.sections.contains(&name)
    }

    /// The key or section that was probably meant by `path`: near in its own section first, then the
    /// same key of another section, then anything near.
    pub(super) fn nearest(&self, path: &str) -> Option<String> {
        let paths = || self.keys.iter().map(|key| key.path.as_str());
        match path.rsplit_once('.') {
            Some((section, key)) => {
                let section =
                    suggest::nearest(section, self.sections.iter().copied()).unwrap_or(section);
                let siblings = paths()
                    .filter_map(|path| path.split_once('.'))
                    .filter(|(name, _)| *name == section);
                suggest::nearest(key, siblings.map(|(_, key)| key))
                    .map(|key| format!("{section}.{key}"))
                    .or_else(|| {
                        paths().find(|path| path.rsplit('.').next() == Some(key)).map(str::to_owned)
                    })
                    .or_else(|| suggest::nearest(path, paths()).map(str::to_owned))
            }
            None => {
                let sections = self.sections.iter().copied();
                let top_level = paths().filter(|path| !path.contains('.'));
                suggest::nearest(path, sections.chain(top_level)).map(str::to_owned).or_else(|| {
                    let keys = paths().filter_map(|path| path.split_once('.')).map(|(_, key)| key);
                    let key = suggest::nearest(path, keys)?;
                    paths()
                        .find(|path| path.split_once('.').is_some_and(|(_, own)| own == key))
                        .map(str::to_owned)
                })
            }
        }
    }
}

/// `sip.listen`, or `data_dir` where there is no section.
pub(super) fn path_of(section: &str, key: &KeyInfo) -> String {
    if section.is_empty() { key.name.to_owned() } else { format!("{section}.{}", key.name) }
}
