//! The sources of settings, taken apart into one list of entries in rising precedence.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Problem};
use super::schema::Schema;
use super::source::{Origin, Place, SourceText};
use super::value::{Kind, Shape, Value};

/// One setting as one source gives it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key with its section: `sip.listen`.
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) source: Arc<SourceText>,
}

impl Entry {
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place { source: Arc::clone(&self.source), span: span.clone() }
    }
}

/// Everything that the sources say, and what was wrong with how they say it.
#[derive(Debug)]
pub(crate) struct Layers<'a> {
    pub(super) entries: Vec<Entry>,
    pub(super) faults: Vec<Fault>,
    schema: &'a Schema,
}

impl<'a> Layers<'a> {
    pub(super) const fn new(schema: &'a Schema) -> Self {
        Self { entries: Vec::new(), faults: Vec::new(), schema }
    }

    /// Adds a TOML file.
    pub(super) fn add_file(&mut self, path: &Path) {
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_document(Origin::File(path.to_owned()), text),
            Err(error) => {
                let problem = Problem::Unreadable { path: path.to_owned(), error };
                self.faults.push(
                    Fault::new(problem, None).advice("--config takes the path of a TOML file"),
                );
            }
        }
    }

    /// Adds the text of a TOML document.
    pub(super) fn add_document(&mut self, origin: Origin, text: String) {
        let source = Arc::new(SourceText { origin, text, secret: false });
        let (document, errors) = DeTable::parse_recoverable(&source.text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let place = Place { source: Arc::clone(&source), span };
            self.faults.push(Fault::new(Problem::Syntax(error.message().to_owned()), Some(place)));
        }
        if !errors.is_empty() {
            return;
        }
        for (name, value) in document.get_ref() {
            self.add_top_level(name, value, &source);
        }
    }

    fn add_top_level(
        &mut self,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        source: &Arc<SourceText>,
    ) {
        let word = name.get_ref().as_ref();
        let place = Place { source: Arc::clone(source), span: name.span() };
        if self.schema.key(word).is_some() {
            self.push(word.to_owned(), Value::new(value, 0), source);
            return;
        }
        if !self.schema.has_section(word) {
            let problem = if value.get_ref().is_table() {
                Problem::UnknownSection(word.to_owned())
            } else {
                Problem::UnknownKey(word.to_owned())
            };
            self.faults
                .push(Fault::new(problem, Some(place)).did_you_mean(self.schema.nearest(word)));
            return;
        }
        let DeValue::Table(keys) = value.get_ref() else {
            let problem = Problem::NotATable {
                section: word.to_owned(),
                found: Value::new(value, 0).kind_name(),
            };
            self.faults
                .push(Fault::new(problem, Some(place)).expected(format!("keys below [{word}]")));
            return;
        };
        for (key, value) in keys {
            let path = format!("{word}.{}", key.get_ref());
            if self.schema.key(&path).is_some() {
                self.push(path, Value::new(value, 0), source);
            } else {
                let place = Place { source: Arc::clone(source), span: key.span() };
                self.unknown_key(&path, place);
            }
        }
    }

    fn push(&mut self, path: String, value: Value, source: &Arc<SourceText>) {
        self.entries.push(Entry { path, value, source: Arc::clone(source) });
    }

    fn unknown_key(&mut self, path: &str, place: Place) {
        let nearest = self.schema.nearest(path);
        self.faults.push(
            Fault::new(Problem::UnknownKey(path.to_owned()), Some(place)).did_you_mean(nearest),
        );
    }

    /// Adds one `--set section.key=value`.
    pub(super) fn add_set(&mut self, text: &str) {
        let source =
            Arc::new(SourceText { origin: Origin::Set, text: text.to_owned(), secret: false });
        let place = |span| Place { source: Arc::clone(&source), span };
        let Some((path, _)) = text.split_once('=') else {
            let fault = Fault::new(Problem::NoEquals, Some(place(0..text.len())));
            self.faults.push(fault.advice("for example --set sip.realm=example.com"));
            return;
        };
        let (name, at) = (path.trim(), path.len() + 1);
        let Some(key) = self.schema.key(name) else {
            let indent = path.len() - path.trim_start().len();
            self.unknown_key(name, place(indent..indent + name.len()));
            return;
        };
        let source =
            Arc::new(SourceText { origin: Origin::Set, text: text.to_owned(), secret: key.secret });
        self.add_typed(name.to_owned(), key.shape, at, &source);
    }

    /// Adds an option of its own, such as `--data-dir`.
    pub(super) fn add_flag(&mut self, flag: &'static str, path: &str, text: String) {
        let span = 0..text.len();
        let source =
            Arc::new(SourceText { origin: Origin::Flag(flag), text: text.clone(), secret: false });
        self.push(path.to_owned(), Value::bare(text, span), &source);
    }

    /// Adds an environment variable for the key `path`.
    pub(super) fn add_variable(&mut self, name: &str, path: &str, content: &str) {
        let Some(key) = self.schema.key(path) else { return };
        let origin = Origin::Environment(name.to_owned());
        let text = format!("{name}={content}");
        let source = Arc::new(SourceText { origin, text, secret: key.secret });
        self.add_typed(path.to_owned(), key.shape, name.len() + 1, &source);
    }

    /// Adds the content of the file that an environment variable names.
    pub(super) fn add_variable_file(&mut self, name: &str, path: &str, file: &str) {
        let file = PathBuf::from(file);
        match std::fs::read_to_string(&file) {
            Ok(content) => {
                let content = content.trim_end_matches(['\r', '\n']).to_owned();
                let origin = Origin::EnvironmentFile(name.to_owned(), file);
                let source = Arc::new(SourceText { origin, text: content.clone(), secret: true });
                let span = 0..content.len();
                self.push(path.to_owned(), Value::bare(content, span), &source);
            }
            Err(error) => {
                let source = SourceText {
                    origin: Origin::Environment(name.to_owned()),
                    text: format!("{name}={}", file.display()),
                    secret: false,
                };
                let span = name.len() + 1..source.text.len();
                let place = Place { source: Arc::new(source), span };
                self.faults
                    .push(Fault::new(Problem::Unreadable { path: file, error }, Some(place)));
            }
        }
    }

    /// Adds the value that begins at byte `at` of a variable or `--set`: TOML, or a bare word.
    fn add_typed(&mut self, path: String, shape: Shape, at: usize, source: &Arc<SourceText>) {
        let typed = &source.text[at..];
        let bare = typed.trim();
        let span = at + (typed.len() - typed.trim_start().len())..at + typed.trim_end().len();
        match DeValue::parse(bare) {
            Ok(parsed) => {
                let value =
                    Value { typed: Some(bare.to_owned()), ..Value::new(&parsed, span.start) };
                self.push(path, value, source);
            }
            Err(error) if bare.starts_with(['"', '\'', '[', '{']) => {
                let inner = error.span().unwrap_or(0..0);
                let span = span.start + inner.start..span.start + inner.end;
                let place = Place { source: Arc::clone(source), span };
                self.faults
                    .push(Fault::new(Problem::Syntax(error.message().to_owned()), Some(place)));
            }
            Err(_) if shape == Shape::List => self.push(path, split_list(bare, &span), source),
            Err(_) => self.push(path, Value::bare(bare.to_owned(), span), source),
        }
    }
}

/// `a,b` where a list is wanted stands for `["a", "b"]`; nothing stands for the empty list.
fn split_list(text: &str, span: &Range<usize>) -> Value {
    let mut items = Vec::new();
    let mut at = span.start;
    for part in text.split(',') {
        let start = at + (part.len() - part.trim_start().len());
        let word = part.trim();
        if !word.is_empty() {
            items.push(Value::bare(word.to_owned(), start..start + word.len()));
        }
        at += part.len() + 1;
    }
    Value { span: span.clone(), kind: Kind::List(items), typed: None }
}
