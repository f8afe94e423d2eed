//! `doctor`: looks for what could keep the server from working, and says how to mend it.

mod address;
mod database;
mod finding;
mod ports;
mod relay;

use offhook_platform::control::{Client, ControlError, StatusReport};
use offhook_platform::terminal::print;
use offhook_platform::{Config, Exit, Program};

use finding::{Finding, report};

/// Prints a line for everything that was looked at; fails if something must be mended.
pub(crate) async fn examine(config: &Config) -> Exit {
    let server = server(config).await;
    let mut findings = vec![configuration(config)];
    findings.push(server.finding);
    let pid = server.running.map(|status| status.pid);
    findings.extend(ports::examine(config, pid));
    findings.extend(address::examine(config));
    findings.extend(database::examine(config).await);
    findings.push(relay::examine(config, pid).await);
    let (text, exit) = report(&findings);
    print(&text);
    exit
}

fn configuration(config: &Config) -> Finding {
    match config.warnings().into_iter().next() {
        Some(warning) => Finding::warn("configuration", warning)
            .mend("set `sip.auth` to \"digest\" wherever anybody else can connect"),
        None => Finding::ok("configuration", "valid"),
    }
}

/// The server of this data directory, if it runs.
struct Server {
    running: Option<StatusReport>,
    finding: Finding,
}

async fn server(config: &Config) -> Server {
    let asked = Client::new(config, Program::Offhook).get::<StatusReport>("/v1/status").await;
    match asked {
        Ok(status) => {
            let detail = format!(
                "{} {} is running (process {}, for {})",
                status.program,
                status.version,
                status.pid,
                crate::table::span(status.uptime_s)
            );
            let failing = status.readiness.checks.iter().find(|check| !check.ready);
            let finding = match failing {
                Some(check) => Finding::fail(
                    "server",
                    format!("{detail}, but {}: {}", check.name, check.detail),
                )
                .mend("see its log for the cause"),
                None => Finding::ok("server", detail),
            };
            Server { running: Some(status), finding }
        }
        Err(error @ ControlError::NotRunning { .. }) => {
            Server { running: None, finding: Finding::ok("server", error.to_string()) }
        }
        Err(
            error @ (ControlError::Unusable { .. }
            | ControlError::NoAnswer(_)
            | ControlError::Refused(_)
            | ControlError::Unreadable(_)),
        ) => {
            let finding = Finding::fail("server", error.to_string()).mend(
                "run this command as the user that the server runs as, or restart the server",
            );
            Server { running: None, finding }
        }
    }
}
