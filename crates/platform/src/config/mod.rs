//! The configuration: one immutable value, settled from defaults, a TOML file, the environment and the
//! command line, in rising precedence.

mod advertise;
mod check;
mod choice;
mod database_url;
mod environment;
mod fault;
mod layers;
mod listen;
mod names;
mod ports;
mod program;
mod read;
pub(crate) mod redact;
mod relay;
mod schema;
mod section;
mod sections;
mod show;
mod source;
mod units;
mod value;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use advertise::Advertise;
pub use choice::{AuthMode, DigestAlgorithm, Engage, LogFormat};
pub use database_url::{DatabaseUrl, DatabaseUrlError, Secret};
pub use fault::{Bound, ConfigErrors, Conflict, Fault, Problem};
pub use listen::{ListenAddress, ListenAddressError, ListenTransport};
pub use names::{DomainName, DomainNameError, LogFilter, LogFilterError, Realm, RealmError};
pub use ports::{PortRange, PortRangeError};
pub use program::Program;
pub use relay::{MediaRelay, MediaRelayError, RelayAddress};
pub use sections::{
    DatabaseConfig, GeneralConfig, HttpConfig, LogConfig, MediaConfig, MetricsConfig, NodeConfig,
    ProxyConfig, RegistrarConfig, ShutdownConfig, SipConfig,
};
pub use source::{Origin, Place};
pub use units::{Millis, Seconds};

use layers::Layers;
use read::{Origins, Reader};
use schema::Schema;
use section::Section as _;
use show::Table;

/// Declares the sections once, for the struct, the schema, reading and printing.
macro_rules! sections {
    ($( $(#[$meta:meta])* $field:ident : $type:ty, )+) => {
        /// The whole configuration.
        #[derive(Clone, Debug)]
        pub struct Config {
            $( $(#[$meta])* pub $field: $type, )+
            origins: Origins,
        }

        impl Config {
            fn defaults() -> Self {
                Self { $( $field: <$type>::default(), )+ origins: Origins::new() }
            }

            fn schema() -> Schema {
                let mut schema = Schema::default();
                $( schema.add::<$type>(); )+
                schema
            }

            fn read(&mut self, reader: &mut Reader<'_>) {
                $( self.$field.read(reader); )+
            }

            fn tables(&self) -> Vec<Table> {
                vec![ $( Table::of(&self.$field), )+ ]
            }
        }
    };
}

sections! {
    /// The keys above all sections.
    general: GeneralConfig,
    /// `[node]`
    node: NodeConfig,
    /// `[sip]`
    sip: SipConfig,
    /// `[registrar]`
    registrar: RegistrarConfig,
    /// `[proxy]`
    proxy: ProxyConfig,
    /// `[http]`
    http: HttpConfig,
    /// `[metrics]`
    metrics: MetricsConfig,
    /// `[media]`
    media: MediaConfig,
    /// `[database]`
    database: DatabaseConfig,
    /// `[log]`
    log: LogConfig,
    /// `[shutdown]`
    shutdown: ShutdownConfig,
}

impl Config {
    /// The defaults of `program`.
    #[must_use]
    pub fn for_program(program: Program) -> Self {
        let mut config = Self::defaults();
        program.adjust_defaults(&mut config);
        config
    }

    /// Directory of everything that is kept on this machine.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.general.data_dir
    }

    /// The configured database, or SQLite in the data directory.
    #[must_use]
    pub fn database_url(&self) -> DatabaseUrl {
        let default = || DatabaseUrl::Sqlite(self.data_dir().join("offhook.db"));
        self.database.url.clone().unwrap_or_else(default)
    }

    /// The address to bind RTP sockets to. A process that is proxy and relay in one and listens for SIP
    /// on a single address does not open its media to the other networks of the machine unasked.
    #[must_use]
    pub fn media_listen(&self, program: Program) -> IpAddr {
        let configured = self.media.listen;
        let mut sip = self.sip.listen.iter().map(|listener| listener.addr.ip());
        match (program, sip.next()) {
            (Program::Offhook, Some(first))
                if configured.is_unspecified() && sip.all(|other| other == first) =>
            {
                first
            }
            (Program::Offhook | Program::Proxy | Program::Media, _) => configured,
        }
    }

    /// What is allowed and dangerous, in plain words.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.sip.auth == AuthMode::Off {
            let open = self.sip.listen.iter().any(|listener| !listener.addr.ip().is_loopback());
            let who = if open {
                "EVERYBODY WHO REACHES THIS MACHINE"
            } else {
                "every program on this machine"
            };
            warnings.push(format!(
                "`sip.auth` is \"off\": {who} can register as any user and make calls. This is for \
                 closed laboratories only"
            ));
        }
        warnings
    }

    /// Where the key `path` (such as `sip.listen`) was set; `None` if it is at its default.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<&Place> {
        self.origins.get(path)
    }
}

/// Where settings come from, apart from the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file of `--config`.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Each `--set section.key=value`, in the order given.
    pub set: Vec<String>,
    /// The directory of `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

impl Sources {
    /// Settles the configuration of `program`.
    ///
    /// # Errors
    /// Everything that is wrong in any source, at once, with its place.
    pub fn load(&self, program: Program) -> Result<Config, ConfigErrors> {
        let schema = Config::schema();
        let mut layers = Layers::new(&schema);
        if let Some(path) = &self.file {
            layers.add_file(path);
        }
        environment::add(&mut layers, &schema, &self.environment);
        for text in &self.set {
            layers.add_set(text);
        }
        if let Some(path) = &self.data_dir {
            layers.add_flag("--data-dir", "data_dir", path.display().to_string());
        }
        let mut config = Config::for_program(program);
        let mut reader = Reader::new(&layers);
        config.read(&mut reader);
        let Reader { faults, origins, .. } = reader;
        config.origins = origins;
        let mut all = layers.faults;
        all.extend(faults);
        // A rule across keys would only repeat what is already wrong with one of them.
        if all.is_empty() {
            all = check::conflicts(&config, program);
        }
        if all.is_empty() { Ok(config) } else { Err(ConfigErrors { faults: all }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_follows_sip_to_a_single_address() {
        let bound = |program, sip: &[&str], media: &str| {
            let mut config = Config::for_program(program);
            config.sip.listen = sip.iter().map(|listen| listen.parse().unwrap()).collect();
            config.media.listen = media.parse().unwrap();
            config.media_listen(program).to_string()
        };
        let one = ["udp:127.0.0.1:5070", "tcp:127.0.0.1:5070"];
        let two = ["udp:127.0.0.1:5070", "tcp:127.0.0.2:5070"];
        assert_eq!(bound(Program::Offhook, &one, "0.0.0.0"), "127.0.0.1");
        assert_eq!(bound(Program::Offhook, &["udp:[::1]:5060"], "0.0.0.0"), "::1");
        assert_eq!(bound(Program::Offhook, &two, "0.0.0.0"), "0.0.0.0");
        assert_eq!(bound(Program::Offhook, &one, "127.0.0.9"), "127.0.0.9");
        assert_eq!(bound(Program::Media, &one, "0.0.0.0"), "0.0.0.0", "SIP is another's there");
    }
}
