//! The whole platform in one process, and its administration commands.

mod calls;
mod cli;
mod doctor;
mod error;
mod first_start;
mod registrations;
mod run;
mod store;
mod summary;
mod table;
mod user;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::outcome().unwrap_or_else(|exit| exit).into()
}
