//! The binary `offhook-proxy`: registrar and proxy as a service of its own.

use std::process::ExitCode;

use offhook_platform::{Program, service_main};

fn main() -> ExitCode {
    service_main(Program::Proxy, env!("CARGO_PKG_VERSION"), offhook_proxy_service::run)
}
