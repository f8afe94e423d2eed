//! The client of the ng protocol against a relay made of one socket.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use offhook_ng_protocol::{Command, Frame, Reply};
use offhook_proxy_service::{NgClient, NgError};
use tokio::net::UdpSocket;

const TIMEOUT: Duration = Duration::from_secs(2);

async fn relay_and_client() -> (UdpSocket, NgClient) {
    let relay = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = relay.local_addr().unwrap().to_string();
    let client = NgClient::connect(&address, TIMEOUT, 7).await.unwrap();
    (relay, client)
}

/// The next frame that the relay hears, and from whom.
async fn hear(relay: &UdpSocket) -> (Frame, std::net::SocketAddr) {
    let mut buffer = vec![0; 2048];
    let (length, from) = relay.recv_from(&mut buffer).await.unwrap();
    (Frame::parse(Bytes::copy_from_slice(&buffer[..length])).unwrap(), from)
}

async fn answer(relay: &UdpSocket, cookie: &Bytes, to: std::net::SocketAddr) {
    let document = Reply::Pong.encode();
    let frame = Frame { cookie: cookie.clone(), document }.encode();
    relay.send_to(&frame, to).await.unwrap();
}

/// A lost datagram costs a repetition with the same cookie, which the relay may answer from memory.
#[tokio::test]
async fn a_command_is_repeated_with_its_cookie_until_it_is_answered() {
    let (relay, client) = relay_and_client().await;
    let asked = tokio::spawn(async move { client.execute(&Command::Ping).await });
    let (lost, _) = hear(&relay).await;
    let (repeated, from) = hear(&relay).await;
    assert_eq!(repeated, lost);
    answer(&relay, &Bytes::from_static(b"another"), from).await;
    answer(&relay, &repeated.cookie, from).await;
    assert_eq!(asked.await.unwrap().unwrap(), Reply::Pong);
}

#[tokio::test]
async fn commands_have_different_cookies_and_answers_find_their_own() {
    let (relay, client) = relay_and_client().await;
    let second = client.clone();
    let first = tokio::spawn(async move { client.execute(&Command::Ping).await });
    let (one, _) = hear(&relay).await;
    let second = tokio::spawn(async move { second.execute(&Command::Ping).await });
    let (two, from) = loop {
        let (frame, from) = hear(&relay).await;
        if frame.cookie != one.cookie {
            break (frame, from);
        }
    };
    answer(&relay, &two.cookie, from).await;
    assert_eq!(second.await.unwrap().unwrap(), Reply::Pong);
    answer(&relay, &one.cookie, from).await;
    assert_eq!(first.await.unwrap().unwrap(), Reply::Pong);
}

#[tokio::test]
async fn a_silent_relay_is_reported_by_its_name() {
    let (relay, client) = relay_and_client().await;
    let name = relay.local_addr().unwrap().to_string();
    let silent = client.execute(&Command::Ping).await;
    let Err(NgError::Silent { relay: told, timeout }) = silent else { panic!("{silent:?}") };
    assert_eq!((told, timeout), (name, TIMEOUT));
}
