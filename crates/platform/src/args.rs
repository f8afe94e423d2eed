//! The command line that every binary shares.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use crate::config::{Config, ConfigErrors, Program, Sources};
use crate::exit::Exit;
use crate::health::HealthArgs;
use crate::terminal::{complain, print};

/// Where settings come from. Accepted before and after every subcommand (see [`ConfigArgs::install`]).
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigArgs {
    /// Read settings from this TOML file [env: OFFHOOK_CONFIG]
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub config: Option<PathBuf>,

    /// Change one setting; VALUE is TOML, and quotes around a word may be left out
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", help_heading = HEADING)]
    pub set: Vec<String>,

    /// Keep everything in this directory [default: ./offhook-data]
    #[arg(long, value_name = "DIR", help_heading = HEADING)]
    pub data_dir: Option<PathBuf>,
}

const HEADING: &str = "Settings";

/// The variable that stands for `--config`.
const CONFIG_VARIABLE: &str = "OFFHOOK_CONFIG";

/// Commands about the configuration.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum ConfigCommand {
    /// Check the configuration and say everything that is wrong with it
    Check,
    /// Print the configuration in effect as TOML, with where each setting comes from
    Show {
        /// Put the description of each setting above it
        #[arg(long)]
        documented: bool,
    },
}

impl ConfigArgs {
    /// Adds the arguments to `command` and to each of its subcommands.
    ///
    /// They are arguments of each level in its own right, since of a global argument of clap that is
    /// given on two levels only one survives, and every `--set` counts.
    #[must_use]
    pub fn install(command: Command) -> Command {
        <Self as Args>::augment_args(command).mut_subcommands(Self::install)
    }

    /// Collects what [`Self::install`] added, from the command line and each subcommand in `matches`.
    #[must_use]
    pub fn collect(matches: &ArgMatches) -> Self {
        let mut all = Self::default();
        let mut level = Some(matches);
        while let Some(matches) = level {
            if let Ok(args) = Self::from_arg_matches(matches) {
                all.config = args.config.or(all.config);
                all.data_dir = args.data_dir.or(all.data_dir);
                all.set.extend(args.set);
            }
            level = matches.subcommand().map(|(_, matches)| matches);
        }
        let variable = || std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty());
        all.config = all.config.or_else(|| variable().map(PathBuf::from));
        all
    }

    /// Settles the configuration from these arguments and the environment of the process.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self, program: Program) -> Result<Config, ConfigErrors> {
        let sources = Sources {
            file: self.config.clone(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            set: self.set.clone(),
            data_dir: self.data_dir.clone(),
        };
        sources.load(program)
    }

    /// As [`Self::load`], but prints what is wrong.
    ///
    /// # Errors
    /// [`Exit::Config`] after printing.
    pub fn load_or_complain(&self, program: Program) -> Result<Config, Exit> {
        self.load(program).map_err(|errors| {
            complain(&errors.to_string());
            Exit::Config
        })
    }
}

impl ConfigCommand {
    /// Carries out the command and prints its result.
    #[must_use]
    pub fn run(&self, args: &ConfigArgs, program: Program) -> Exit {
        let config = match args.load_or_complain(program) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        match self {
            Self::Check => {
                for warning in config.warnings() {
                    complain(&format!("warning: {warning}"));
                }
                print("The configuration is valid.\n");
            }
            Self::Show { documented } => print(&config.to_toml(*documented)),
        }
        Exit::Success
    }
}

/// Parses a command line, printing help, the version, or what is wrong.
///
/// # Errors
/// The exit code to end with: success after help, [`Exit::Usage`] after a fault.
pub fn parse(command: Command) -> Result<ArgMatches, Exit> {
    command.try_get_matches().map_err(|error| {
        // Nothing is left to do if even the message cannot be printed.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Success }
    })
}

/// The commands of a service's own binary.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum ServiceCommand {
    /// Start the service (also without any command)
    Run,
    /// Ask the running service whether it is well, for health checks of containers
    Health(HealthArgs),
    /// Check or print the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_counts() {
        let command =
            Command::new("x").subcommand(Command::new("config").subcommand(Command::new("show")));
        let line =
            "x --set a=1 --data-dir d config --set b=2 --config c show --set c=3 --data-dir e";
        let matches = ConfigArgs::install(command).try_get_matches_from(line.split(' ')).unwrap();
        let expected = ConfigArgs {
            config: Some("c".into()),
            set: ["a=1", "b=2", "c=3"].map(str::to_owned).to_vec(),
            data_dir: Some("e".into()),
        };
        assert_eq!(ConfigArgs::collect(&matches), expected);
    }
}
