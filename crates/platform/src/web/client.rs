//! One GET over a connection that is already open.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// How long the whole exchange may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// Nothing within five seconds.
    #[error("no answer within {} seconds", TIMEOUT.as_secs())]
    Timeout,
    /// The answer is not HTTP, or the connection broke.
    #[error("the answer is not HTTP or broke off: {0}")]
    Http(#[from] hyper::Error),
    /// The path cannot be asked for.
    #[error("bad request: {0}")]
    Request(#[from] hyper::http::Error),
    /// The body is too large or broke off.
    #[error("the answer is too large or broke off")]
    Body,
}

/// Sends `GET path` and returns the status and body of the answer.
pub(crate) async fn get<S>(
    stream: S,
    host: &str,
    path: &str,
) -> Result<(StatusCode, Bytes), GetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    timeout(TIMEOUT, exchange(stream, host, path)).await.unwrap_or(Err(GetError::Timeout))
}

async fn exchange<S>(stream: S, host: &str, path: &str) -> Result<(StatusCode, Bytes), GetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::get(path).header(header::HOST, host).body(Empty::<Bytes>::new())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await;
    connection.abort();
    Ok((status, body.map_err(|_| GetError::Body)?.to_bytes()))
}
