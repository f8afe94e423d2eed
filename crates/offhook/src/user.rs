//! `user add|list|passwd|remove`: straight to the database, whether or not a server runs.

use std::io;

use clap::{Args, Subcommand};
use offhook_directory::{
    Directory, DirectoryError, NewUser, PASSWORD_RANDOM_BYTES, User, UserId, random_password,
};
use offhook_location_store::{Change, LocationStore as _, SqlLocationStore};
use offhook_platform::terminal::print;
use offhook_platform::{Config, entropy};
use serde::Serialize;

use crate::cli::ListArgs;
use crate::error::CommandError;
use crate::{store, table};

/// Commands about users.
#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// Add a user; prints a random password unless one is given
    Add {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List all users
    List(ListArgs),
    /// Set a new password; prints a random one unless one is given
    Passwd {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Remove a user and its registrations
    Remove {
        #[command(flatten)]
        user: Named,
    },
}

/// The user that a command is about.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The user: NAME in the default domain, or NAME@DOMAIN
    #[arg(value_name = "NAME[@DOMAIN]")]
    id: UserId,
}

/// Where a password comes from.
#[derive(Args, Debug)]
pub(crate) struct PasswordArgs {
    /// The password; other users of this machine can see it in the list of processes
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,

    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
}

/// A password and whether its owner knows it yet.
struct Password {
    text: String,
    is_new: bool,
}

/// A user in JSON.
#[derive(Serialize)]
struct UserEntry<'a> {
    user: String,
    name: &'a str,
    domain: &'a str,
    realm: &'a str,
    enabled: bool,
    created_at_ms: i64,
    updated_at_ms: i64,
}

/// How many users are read from the database at once.
const PAGE: u32 = 1_000;

/// Carries out one command.
pub(crate) async fn carry_out(command: UserCommand, config: &Config) -> Result<(), CommandError> {
    let database = store::open(config).await?;
    let directory = Directory::new(database.clone());
    let realm = config.sip.realm.as_str();
    match command {
        UserCommand::Add { user, password } => {
            let password = password.take()?;
            let new = NewUser { id: &user.id, realm, password: &password.text };
            directory.add(new, store::now_ms()).await?;
            print(&format!("Added {}.\n{}", user.id, told(&password)));
        }
        UserCommand::List(list) => print(&listing(&all(&directory).await?, list)?),
        UserCommand::Passwd { user, password } => {
            let password = password.take()?;
            let new = NewUser { id: &user.id, realm, password: &password.text };
            directory.set_password(new, store::now_ms()).await?;
            print(&format!("Set a new password for {}.\n{}", user.id, told(&password)));
        }
        UserCommand::Remove { user } => {
            directory.remove(&user.id).await?;
            let bindings = Change::RemoveAll { aor: user.id.to_string() };
            SqlLocationStore::new(database.clone()).commit(&[bindings]).await?;
            print(&format!("Removed {} and its registrations.\n", user.id));
        }
    }
    database.close().await;
    Ok(())
}

impl PasswordArgs {
    fn take(self) -> Result<Password, CommandError> {
        if let Some(text) = self.password {
            return Ok(Password { text, is_new: false });
        }
        if !self.password_stdin {
            return Ok(Password { text: fresh_password(), is_new: true });
        }
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(CommandError::PasswordInput)?;
        Ok(Password { text: line.trim_end_matches(['\r', '\n']).to_owned(), is_new: false })
    }
}

/// A random password that can be typed into a phone.
pub(crate) fn fresh_password() -> String {
    let seed = entropy::seed();
    let mut random = [0; PASSWORD_RANDOM_BYTES];
    random.copy_from_slice(&seed[..PASSWORD_RANDOM_BYTES]);
    random_password(random)
}

fn told(password: &Password) -> String {
    if password.is_new {
        format!(
            "Password: {}\nIt is not stored in readable form and cannot be shown again.\n",
            password.text
        )
    } else {
        String::new()
    }
}

async fn all(directory: &Directory) -> Result<Vec<User>, DirectoryError> {
    let mut users: Vec<User> = Vec::new();
    loop {
        let page = directory.list(users.last().map(|user| &user.id), PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        users.extend(page);
        if is_last {
            return Ok(users);
        }
    }
}

fn listing(users: &[User], list: ListArgs) -> Result<String, CommandError> {
    if list.json {
        let entries: Vec<UserEntry<'_>> = users.iter().map(entry).collect();
        return Ok(serde_json::to_string_pretty(&entries)? + "\n");
    }
    if users.is_empty() {
        return Ok("There are no users. `user add NAME` adds one.\n".to_owned());
    }
    let now_ms = store::now_ms();
    let rows: Vec<[String; 3]> = users
        .iter()
        .map(|user| {
            let age = now_ms.saturating_sub(user.created_at_ms).max(0).cast_unsigned() / 1_000;
            let state = if user.enabled { "enabled" } else { "disabled" };
            [user.id.to_string(), state.to_owned(), format!("{} ago", table::span(age))]
        })
        .collect();
    Ok(table::columns(["USER", "STATE", "ADDED"], &rows))
}

fn entry(user: &User) -> UserEntry<'_> {
    UserEntry {
        user: user.id.to_string(),
        name: user.id.name(),
        domain: user.id.domain(),
        realm: &user.realm,
        enabled: user.enabled,
        created_at_ms: user.created_at_ms,
        updated_at_ms: user.updated_at_ms,
    }
}
