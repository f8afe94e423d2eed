//! The `main` of a service's own binary.

use std::error::Error;
use std::process::ExitCode;

use clap::{Command, FromArgMatches as _, Subcommand as _};

use crate::args::{ConfigArgs, ServiceCommand, parse};
use crate::config::Program;
use crate::exit::Exit;
use crate::health::health;
use crate::platform::Platform;
use crate::telemetry::install_log;
use crate::terminal::{complain, error_chain};

/// Parses the command line, settles the configuration, sets up the log and the runtime, and runs the
/// command: `run` (also without any command) is `service`.
pub fn service_main<F, Fut, E>(program: Program, version: &'static str, service: F) -> ExitCode
where
    F: FnOnce(Platform) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error,
{
    outcome(program, version, service).unwrap_or_else(|exit| exit).into()
}

fn outcome<F, Fut, E>(program: Program, version: &'static str, service: F) -> Result<Exit, Exit>
where
    F: FnOnce(Platform) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error,
{
    let matches = parse(command(program, version))?;
    let args = ConfigArgs::collect(&matches);
    let command = if matches.subcommand().is_some() {
        ServiceCommand::from_arg_matches(&matches).map_err(|error| {
            complain(&error.to_string());
            Exit::Usage
        })?
    } else {
        ServiceCommand::Run
    };
    match command {
        ServiceCommand::Config(command) => Ok(command.run(&args, program)),
        ServiceCommand::Health(health_args) => {
            let config = args.load_or_complain(program)?;
            block_on(health(&config, health_args))
        }
        ServiceCommand::Run => {
            let config = args.load_or_complain(program)?;
            install_log(&config);
            for warning in config.warnings() {
                tracing::warn!("{warning}");
            }
            block_on(run(service(Platform::new(program, config))))
        }
    }
}

async fn run<E: Error>(service: impl Future<Output = Result<(), E>>) -> Exit {
    match service.await {
        Ok(()) => Exit::Success,
        Err(error) => {
            complain(&format!("error: {}", error_chain(&error)));
            Exit::Failure
        }
    }
}

/// Runs `future` on a runtime of its own with a thread per processor core.
///
/// # Errors
/// [`Exit::Failure`], after printing why, if there can be no runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Exit> {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(future)),
        Err(error) => {
            complain(&format!("error: cannot start the threads of the process: {error}"));
            Err(Exit::Failure)
        }
    }
}

fn command(program: Program, version: &'static str) -> Command {
    let about = match program {
        Program::Offhook => "The whole platform in one process",
        Program::Proxy => "SIP registrar and proxy",
        Program::Media => "Relay of RTP and RTCP",
    };
    let command = Command::new(program.name()).version(version).about(about);
    ConfigArgs::install(ServiceCommand::augment_subcommands(command))
}
