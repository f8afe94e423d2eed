//! Which environment variable stands for which key.

use std::collections::BTreeMap;

use super::fault::{Fault, Problem};
use super::layers::Layers;
use super::schema::{Schema, SchemaKey};
use super::source::{Origin, Place, SourceText};
use crate::suggest;

/// Well-known variables of other programs, and the keys they stand for. A variable of our own wins.
const WELL_KNOWN: &[(&str, &str)] = &[("DATABASE_URL", "database.url"), ("RUST_LOG", "log.level")];

/// Variables with our prefix that are no keys: they belong to the command line.
const RESERVED: &[&str] = &["OFFHOOK_CONFIG"];

const PREFIX: &str = "OFFHOOK_";

/// The variable for a key: `OFFHOOK_SIP__LISTEN` for `sip.listen`.
pub(super) fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

/// Adds everything that the environment says, the well-known variables first.
pub(super) fn add(layers: &mut Layers<'_>, schema: &Schema, variables: &BTreeMap<String, String>) {
    for (name, path) in WELL_KNOWN {
        if let Some(key) = schema.key(path) {
            add_key(layers, key, name, variables);
        }
    }
    for key in schema.keys() {
        add_key(layers, key, &variable_of(&key.path), variables);
    }
    let known: Vec<String> = schema.keys().iter().flat_map(names_of).collect();
    for (name, content) in variables {
        if !known.contains(name) && is_meant_for_us(name, schema) {
            layers.faults.push(unknown(name, content, &known));
        }
    }
}

/// True for a variable that can only be a setting of ours. Others may begin with our prefix and mean
/// something to a script or a test.
fn is_meant_for_us(name: &str, schema: &Schema) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    if RESERVED.contains(&name) || is_from_kubernetes(name) {
        return false;
    }
    let first_word = rest.split('_').next().unwrap_or_default().to_ascii_lowercase();
    rest.contains("__")
        || schema.has_section(&first_word)
        || strsim::damerau_levenshtein(rest, TOP_LEVEL) <= 2
}

/// The one key above all sections, as a variable has it.
const TOP_LEVEL: &str = "DATA_DIR";

fn add_key(
    layers: &mut Layers<'_>,
    key: &SchemaKey,
    name: &str,
    variables: &BTreeMap<String, String>,
) {
    let direct = variables.get(name).filter(|content| !content.is_empty() || !key.secret);
    let file_name = format!("{name}_FILE");
    let file = variables.get(&file_name).filter(|path| key.secret && !path.is_empty());
    match (direct, file) {
        (Some(_), Some(_)) => {
            let problem = Problem::TwiceInEnvironment(name.to_owned());
            layers.faults.push(Fault::new(problem, None).advice("set only one of them"));
        }
        (Some(content), None) => layers.add_variable(name, &key.path, content),
        (None, Some(path)) => layers.add_variable_file(&file_name, &key.path, path),
        (None, None) => {}
    }
}

fn names_of(key: &SchemaKey) -> Vec<String> {
    let name = variable_of(&key.path);
    if key.secret { vec![format!("{name}_FILE"), name] } else { vec![name] }
}

fn unknown(name: &str, content: &str, known: &[String]) -> Fault {
    let text = format!("{name}={content}");
    let source = SourceText { origin: Origin::Environment(name.to_owned()), text, secret: true };
    let place = Place { source: source.into(), span: 0..name.len() };
    let lower: Vec<String> = known.iter().map(|name| name.to_ascii_lowercase()).collect();
    // One underscore where two are needed is the usual slip.
    let stripped = name.replace('_', "");
    let meant =
        known.iter().find(|known| known.replace('_', "") == stripped).cloned().or_else(|| {
            suggest::nearest(name, lower.iter().map(String::as_str)).map(str::to_ascii_uppercase)
        });
    Fault::new(Problem::UnknownVariable(name.to_owned()), Some(place)).did_you_mean(meant)
}

/// Kubernetes gives every container variables about each service of its namespace. For a service
/// named `offhook` they begin with our prefix and mean nothing to us.
fn is_from_kubernetes(name: &str) -> bool {
    if name.contains("__") {
        return false;
    }
    let words: Vec<&str> = name.split('_').collect();
    let port = |words: &[&str]| match words {
        [] => true,
        [number, "TCP" | "UDP" | "SCTP", rest @ ..] => {
            number.bytes().all(|b| b.is_ascii_digit())
                && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        _ => false,
    };
    (1..words.len()).any(|at| match &words[at..] {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] => true,
        ["PORT", rest @ ..] => port(rest),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn variables_that_can_only_be_meant_for_us() {
        for (name, expected) in [
            ("OFFHOOK_SIP__LISEN", true),
            ("OFFHOOK_SPI__LISTEN", true),
            ("OFFHOOK_SIP_LISTEN", true),
            ("OFFHOOK_DATADIR", true),
            ("OFFHOOK_BIN_DIR", false),
            ("OFFHOOK_CONFIG", false),
            ("OFFHOOK_PROXY_SERVICE_PORT", false),
            ("PATH", false),
        ] {
            assert_eq!(is_meant_for_us(name, &Config::schema()), expected, "{name}");
        }
    }

    #[test]
    fn service_variables_of_kubernetes() {
        for (name, expected) in [
            ("OFFHOOK_SERVICE_HOST", true),
            ("OFFHOOK_SERVICE_PORT_SIP_UDP", true),
            ("OFFHOOK_PORT", true),
            ("OFFHOOK_PORT_5060_UDP_ADDR", true),
            ("OFFHOOK_PROXY_SERVICE_PORT", true),
            ("OFFHOOK_SIP__PORT", false),
            ("OFFHOOK_SIP_LISTEN", false),
            ("OFFHOOK_PORTS", false),
        ] {
            assert_eq!(is_from_kubernetes(name), expected, "{name}");
        }
    }
}
