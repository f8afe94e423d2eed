//! The listeners of a process, asked as their users do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use offhook_platform::config::DatabaseUrl;
use offhook_platform::control::{Client, ControlError, StatusReport};
use offhook_platform::{
    Check, Config, Exit, HealthArgs, Platform, PlatformError, Program, Routes, health,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn config(dir: &TempDir) -> Config {
    let mut config = Config::for_program(Program::Proxy);
    config.general.data_dir = dir.path().join("data");
    config.http.listen = Some("127.0.0.1:0".parse().unwrap());
    config.metrics.listen = Some("127.0.0.1:0".parse().unwrap());
    config.database.url = Some(DatabaseUrl::SqliteMemory);
    config
}

async fn ask(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let text = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn health_follows_the_life_of_the_process() {
    let dir = TempDir::new().unwrap();
    let platform = Platform::new(Program::Proxy, config(&dir));
    platform.readiness.add("database", || Check::ready("SQLite in memory"));
    let serving = platform.serve(Routes::default()).await.unwrap();
    let http = serving.http.unwrap();

    assert!(ask(http, "GET /healthz").await.starts_with("HTTP/1.1 200 OK"));
    let starting = ask(http, "GET /readyz").await;
    assert!(
        starting.starts_with("HTTP/1.1 503") && starting.contains("\"status\":\"starting\""),
        "{starting}"
    );

    platform.readiness.started();
    let ready = ask(http, "GET /readyz").await;
    let check = "{\"name\":\"database\",\"ready\":true,\"detail\":\"SQLite in memory\"}";
    assert!(ready.starts_with("HTTP/1.1 200 OK") && ready.contains(check), "{ready}");

    let mut config = config(&dir);
    config.http.listen = Some(http);
    assert_eq!(health(&config, HealthArgs::default()).await, Exit::Success);

    platform.drain.begin();
    let draining = ask(http, "GET /readyz").await;
    assert!(
        draining.starts_with("HTTP/1.1 503") && draining.contains("\"status\":\"draining\""),
        "{draining}"
    );
    assert!(ask(http, "GET /healthz").await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(health(&config, HealthArgs::default()).await, Exit::Failure);
    assert_eq!(health(&config, HealthArgs { live: true }).await, Exit::Success);
    drop(serving);
    assert_eq!(health(&config, HealthArgs { live: true }).await, Exit::Failure);
}

#[tokio::test]
async fn errors_are_problems() {
    let dir = TempDir::new().unwrap();
    let serving =
        Platform::new(Program::Proxy, config(&dir)).serve(Routes::default()).await.unwrap();
    for (request, status, code) in
        [("GET /nope", "404", "not_found"), ("POST /healthz", "405", "method_not_allowed")]
    {
        let answer = ask(serving.http.unwrap(), request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("content-type: application/problem+json"), "{answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
    }
}

#[tokio::test]
async fn figures_are_served() {
    let dir = TempDir::new().unwrap();
    let serving =
        Platform::new(Program::Proxy, config(&dir)).serve(Routes::default()).await.unwrap();
    let answer = ask(serving.metrics.unwrap(), "GET /metrics").await;
    assert!(answer.contains("content-type: application/openmetrics-text"), "{answer}");
    assert!(answer.contains("offhook_build_info{program=\"offhook-proxy\""), "{answer}");
}

#[tokio::test]
async fn the_control_socket_answers_while_the_process_runs() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir);
    let client = Client::new(&config, Program::Offhook);
    let not_running = client.get::<StatusReport>("/v1/status").await;
    assert!(matches!(not_running, Err(ControlError::NotRunning { .. })));

    let platform = Platform::new(Program::Proxy, config.clone());
    let control = Router::new().route("/v1/numbers", get(|| std::future::ready("[1,2]")));
    let serving = platform.serve(Routes { control, ..Routes::default() }).await.unwrap();
    let status = client.get::<StatusReport>("/v1/status").await.unwrap();
    assert_eq!((status.program.as_str(), status.pid), ("offhook-proxy", std::process::id()));
    assert_eq!(client.get::<Vec<u8>>("/v1/numbers").await.unwrap(), [1, 2]);
    let unknown = client.get::<u8>("/v1/nope").await;
    assert!(
        matches!(unknown, Err(ControlError::Refused(detail)) if detail == "there is nothing at /v1/nope")
    );

    let second = Platform::new(Program::Offhook, config).serve(Routes::default()).await;
    assert!(matches!(second, Err(PlatformError::AlreadyRunning { .. })));
    drop(serving);
    let gone = client.get::<StatusReport>("/v1/status").await;
    assert!(matches!(gone, Err(ControlError::NotRunning { .. })));
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_key() {
    let dir = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&dir);
    config.http.listen = Some(taken.local_addr().unwrap());
    let error = Platform::new(Program::Proxy, config).serve(Routes::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("(`http.listen`)") && text.contains("Another program holds this port"),
        "{text}"
    );
}
