//! The workspace as cargo sees it: crates, layers and dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::process;

/// The part of the architecture that a crate belongs to (`package.metadata.offhook.layer`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Codecs.
    Wire,
    /// State machines without I/O.
    Engine,
    /// Sockets, stores and configuration.
    Edge,
    /// Shells that join engines and edges, and the binaries.
    Service,
    /// Doubles and black-box tests.
    Test,
}

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// The package's name.
    pub name: String,
    /// Its layer.
    pub layer: Layer,
    /// The folder of its manifest.
    pub folder: PathBuf,
    /// Direct dependencies by package name, those of its tests left out.
    pub dependencies: BTreeSet<String>,
}

/// The crates of the workspace and what all packages depend on.
#[derive(Debug)]
pub struct Workspace {
    /// The workspace's folder.
    pub root: PathBuf,
    /// The crates of the workspace.
    pub members: Vec<Member>,
    /// Every package that is compiled, the workspace's own included: its name and its licence.
    pub licences: BTreeMap<String, String>,
    /// Resolved dependencies of every package, by package id; those of tests left out.
    edges: BTreeMap<String, BTreeSet<String>>,
    names: BTreeMap<String, String>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Panics
    /// When cargo fails or a crate names no layer.
    #[must_use]
    pub fn load() -> Self {
        let mut command = Command::new(env!("CARGO"));
        command.args(["metadata", "--format-version=1", "--all-features", "--locked", PLATFORM]);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = process::run("cargo metadata", &mut command);
        let metadata: Value = serde_json::from_str(&output).expect("cargo prints JSON");
        let in_workspace: BTreeSet<&str> = strings(&metadata["workspace_members"]).collect();
        let packages = list(&metadata["packages"]);
        let names =
            packages.iter().map(|package| (text_of(package, "id"), text_of(package, "name")));
        let members = packages.iter().filter(|package| in_workspace.contains(text(package, "id")));
        Self {
            licences: packages.iter().map(licence).collect(),
            root: PathBuf::from(text(&metadata, "workspace_root")),
            members: members.map(member).collect(),
            edges: list(&metadata["resolve"]["nodes"]).iter().map(node).collect(),
            names: names.collect(),
        }
    }

    /// The crate of that name, if it is one of the workspace.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Names of everything that ends up in a program which uses the crate.
    ///
    /// # Panics
    /// When the package is unknown.
    #[must_use]
    pub fn tree(&self, name: &str) -> BTreeSet<&str> {
        let ids = || self.names.iter().filter(|(_, named)| *named == name).map(|(id, _)| id);
        let mut open: Vec<&String> = ids().filter(|id| self.edges.contains_key(*id)).collect();
        assert!(!open.is_empty(), "{name} is a package of the workspace");
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(self.edges.get(id).into_iter().flatten());
            }
        }
        seen.into_iter().filter_map(|id| self.names.get(id)).map(String::as_str).collect()
    }
}

fn member(package: &Value) -> Member {
    let name = text_of(package, "name");
    let layer = match package["metadata"]["offhook"]["layer"].as_str() {
        Some("wire") => Layer::Wire,
        Some("engine") => Layer::Engine,
        Some("edge") => Layer::Edge,
        Some("service") => Layer::Service,
        Some("test") => Layer::Test,
        other => panic!("{name} must name its layer in package.metadata.offhook, not {other:?}"),
    };
    let manifest = PathBuf::from(text(package, "manifest_path"));
    let dependencies = list(&package["dependencies"]).iter();
    let dependencies = dependencies.filter(|dependency| dependency["kind"] != "dev");
    Member {
        name,
        layer,
        folder: manifest.parent().expect("a manifest is in a folder").to_owned(),
        dependencies: dependencies.map(|dependency| text_of(dependency, "name")).collect(),
    }
}

fn licence(package: &Value) -> (String, String) {
    (text_of(package, "name"), package["license"].as_str().unwrap_or_default().to_owned())
}

fn node(node: &Value) -> (String, BTreeSet<String>) {
    let used = |dependency: &&Value| {
        list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
    };
    let dependencies = list(&node["deps"]).iter().filter(used);
    (text_of(node, "id"), dependencies.map(|dependency| text_of(dependency, "pkg")).collect())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    list(value).iter().filter_map(Value::as_str)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("cargo metadata has no {key} in {value}"))
}

fn text_of(value: &Value, key: &str) -> String {
    text(value, key).to_owned()
}

/// Dependencies are those of one platform: a crate such as `cpufeatures` needs libc on others.
const PLATFORM: &str = "--filter-platform=x86_64-unknown-linux-gnu";
