//! Everything in one process.

use std::sync::Arc;

use offhook_media_service::Running as MediaRelayService;
use offhook_platform::args::ConfigArgs;
use offhook_platform::terminal::print;
use offhook_platform::{
    Advertised, Config, Engage, Platform, Program, Routes, Serving, advertised,
};
use offhook_proxy_service::{MediaControl, ProxyService, open_database, remote_media};

use crate::error::CommandError;
use crate::first_start::{Extension, create_extensions};
use crate::summary::{SipListener, Summary};

/// Starts the server, tells how to use it, and stops it when a signal asks for that.
pub(crate) async fn run(config: Config, args: &ConfigArgs) -> Result<(), CommandError> {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let platform = Platform::new(Program::Offhook, config);
    let mut serving = platform.serve(Routes::default()).await?;
    let database = open_database(&platform.config).await?;
    let relay = start_relay(&platform).await?;
    let control = media_control(&platform.config, relay.as_ref()).await?;
    let proxy = ProxyService::start(&platform, database.clone(), control).await?;
    serving.mount(routes(&proxy, relay.as_ref()))?;
    // Not before everything else has succeeded: their passwords are shown this once.
    let created = create_extensions(&platform.config, &database).await?;

    print(&summary(&platform.config, args, &serving, &proxy, relay.is_some(), &created));
    platform.run_until_stopped().await?;

    proxy.stop().await;
    if let Some(relay) = relay {
        relay.stop().await;
    }
    Ok(())
}

/// Starts the relay of this process if calls or ng commands go through it.
async fn start_relay(platform: &Platform) -> Result<Option<MediaRelayService>, CommandError> {
    let config = &platform.config;
    let is_wanted = config.media.engage != Engage::Never || config.media.listen_ng.is_some();
    if !is_wanted || !platform.program.has_relay(config) {
        return Ok(None);
    }
    Ok(Some(MediaRelayService::start(platform).await?))
}

/// How the proxy reaches the relay: by a call within the process where the relay is in it.
async fn media_control(
    config: &Config,
    relay: Option<&MediaRelayService>,
) -> Result<MediaControl, CommandError> {
    match relay {
        Some(relay) if config.media.engage != Engage::Never => {
            let handle = relay.handle().clone();
            Ok(MediaControl::InProcess(Arc::new(move |command| handle.execute(command))))
        }
        Some(_) | None => Ok(remote_media(config).await?),
    }
}

fn routes(proxy: &ProxyService, relay: Option<&MediaRelayService>) -> Routes {
    let mut routes = proxy.routes();
    if let Some(relay) = relay {
        let Routes { http, control } = relay.routes();
        routes = Routes { http: routes.http.merge(http), control: routes.control.merge(control) };
    }
    routes
}

fn summary(
    config: &Config,
    args: &ConfigArgs,
    serving: &Serving,
    proxy: &ProxyService,
    has_relay: bool,
    created: &[Extension],
) -> String {
    let sip: Vec<SipListener> = proxy
        .listening()
        .iter()
        .map(|listening| SipListener {
            transport: listening.transport.as_str(),
            local: listening.local,
            advertised: listening.advertised.clone(),
        })
        .collect();
    let media: Option<Advertised> = has_relay
        .then(|| advertised(config.media.advertise, config.media_listen(Program::Offhook)));
    Summary {
        config,
        command: &command_again(args),
        sip: &sip,
        media: media.as_ref(),
        http: serving.http,
        metrics: serving.metrics,
        created,
    }
    .text()
}

/// How to call this program again so that it finds the same data. What `--set` held is left out: it
/// may have been a password.
fn command_again(args: &ConfigArgs) -> String {
    let mut words = vec![std::env::args().next().unwrap_or_else(|| "offhook".to_owned())];
    let options = [("--config", &args.config), ("--data-dir", &args.data_dir)];
    for (option, path) in options {
        if let Some(path) = path {
            words.push(option.to_owned());
            words.push(quoted(&path.display().to_string()));
        }
    }
    words.join(" ")
}

/// `word` as a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_for_a_shell() {
        for (word, expected) in
            [("/a/b-c.d", "/a/b-c.d"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
