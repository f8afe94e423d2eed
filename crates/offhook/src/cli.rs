//! The command line.

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use offhook_platform::args::{ConfigArgs, ConfigCommand, parse};
use offhook_platform::terminal::{complain, error_chain};
use offhook_platform::{Config, Exit, HealthArgs, Program, block_on, health, install_log};

use crate::error::CommandError;
use crate::user::UserCommand;
use crate::{calls, doctor, registrations, run, user};

/// A phone system in one process: registrar, proxy and media relay.
///
/// Without a command it starts the server. Settings come from a TOML file (--config), from environment
/// variables such as OFFHOOK_SIP__LISTEN, and from --set, each beating the one before.
#[derive(Parser, Debug)]
#[command(name = "offhook", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 it worked, 1 it failed, 64 the command line is wrong, 78 the configuration is wrong.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Start the server (also without any command)
    Run,
    /// Add, list and remove users and set their passwords
    #[command(subcommand)]
    User(UserCommand),
    /// List the phones that are registered
    Registrations(ListArgs),
    /// List the calls that go on
    Calls(ListArgs),
    /// Check or print the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look for what could keep the server from working, and say how to mend it
    Doctor,
    /// Ask the running server whether it is well, for health checks of containers
    Health(HealthArgs),
}

/// Arguments of the commands that print a list.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct ListArgs {
    /// Print JSON for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Carries out the command line and says how the process is to end.
///
/// # Errors
/// How it is to end when it could not be carried out; why has been printed.
pub(crate) fn outcome() -> Result<Exit, Exit> {
    let matches = parse(ConfigArgs::install(Cli::command()))?;
    let args = ConfigArgs::collect(&matches);
    let cli = Cli::from_arg_matches(&matches).map_err(|error| {
        complain(&error.to_string());
        Exit::Usage
    })?;
    let command = cli.command.unwrap_or(Command::Run);
    if let Command::Config(command) = &command {
        return Ok(command.run(&args, Program::Offhook));
    }
    let config = args.load_or_complain(Program::Offhook)?;
    if matches!(command, Command::Run) {
        install_log(&config);
    }
    block_on(carry_out(command, &args, config))
}

async fn carry_out(command: Command, args: &ConfigArgs, config: Config) -> Exit {
    let done = match command {
        Command::Run => run::run(config, args).await,
        Command::User(command) => user::carry_out(command, &config).await,
        Command::Registrations(list) => registrations::list(&config, list).await,
        Command::Calls(list) => calls::list(&config, list).await,
        Command::Config(command) => return command.run(args, Program::Offhook),
        Command::Doctor => return doctor::examine(&config).await,
        Command::Health(health_args) => return health(&config, health_args).await,
    };
    match done {
        Ok(()) => Exit::Success,
        Err(error) => {
            complain(&format!("error: {}", error_chain(&error)));
            if let Some(advice) = advice(&error) {
                complain(&format!("  help: {advice}"));
            }
            Exit::Failure
        }
    }
}

/// What to do about an error, where the error itself does not say.
fn advice(error: &CommandError) -> Option<&'static str> {
    use offhook_directory::DirectoryError;
    match error {
        CommandError::Directory(DirectoryError::AlreadyExists(_)) => {
            Some("`user passwd` sets a new password for it")
        }
        CommandError::Directory(DirectoryError::NotFound(_)) => Some("`user list` shows all users"),
        CommandError::Directory(
            DirectoryError::UserId(_)
            | DirectoryError::PasswordEmpty
            | DirectoryError::PasswordTooLong { .. }
            | DirectoryError::PasswordControlCharacter
            | DirectoryError::RealmInvalid { .. }
            | DirectoryError::SecretDamaged { .. },
        ) => None,
        CommandError::Directory(DirectoryError::Database(_)) | CommandError::Database(_) => {
            Some("`doctor` looks for the cause")
        }
        CommandError::Start(_) | CommandError::Platform(_) | CommandError::Media(_) => {
            Some("`doctor` looks for the cause")
        }
        CommandError::Store(_)
        | CommandError::Control(_)
        | CommandError::PasswordInput(_)
        | CommandError::Json(_) => None,
    }
}
