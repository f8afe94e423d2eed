//! The binary `offhook-media`: the media relay as a service of its own.

use std::process::ExitCode;

use offhook_platform::{Program, service_main};

fn main() -> ExitCode {
    service_main(Program::Media, env!("CARGO_PKG_VERSION"), offhook_media_service::run)
}
