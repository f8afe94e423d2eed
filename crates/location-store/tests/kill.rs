//! An acknowledged binding outlives the process that acknowledged it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use offhook_database::testing::TemporaryPostgres;
use offhook_database::{Database, DatabaseOptions, DatabaseUrl};
use offhook_location_store::{
    BindingRow, Change, LocationStore, SqlLocationStore, Writer, WriterOptions,
};
use tokio::sync::Semaphore;

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    kill_and_look(&format!("sqlite:{}", path.display())).await;
}

#[tokio::test]
async fn on_postgres() {
    let server = TemporaryPostgres::start().await.unwrap();
    kill_and_look(&server.create_database().await.unwrap()).await;
}

/// The other tests run this one in a process of its own, and kill it. Alone it has nothing to do.
#[tokio::test]
async fn child() {
    let (Ok(url), Ok(prefix)) = (std::env::var(URL), std::env::var(PREFIX)) else { return };
    let store = open(&url).await;
    let (writer, _task) = Writer::spawn(store, WriterOptions::default());
    let in_flight = Arc::new(Semaphore::new(200));
    for number in 0_u64.. {
        let permit = Arc::clone(&in_flight).acquire_owned().await.unwrap();
        let aor = format!("{prefix}-{number}");
        let change = Change::Upsert(binding(&aor));
        writer
            .submit(vec![change], move |outcome| {
                outcome.unwrap();
                // One write for each line, so that every acknowledged line reaches the pipe whole.
                std::io::stdout().write_all(format!("\n{ACKNOWLEDGED}{aor}\n").as_bytes()).unwrap();
                std::io::stdout().flush().unwrap();
                drop(permit);
            })
            .unwrap();
    }
}

async fn kill_and_look(url: &str) {
    let mut acknowledged = HashSet::new();
    for (round, after) in [1, 500, 3_000].into_iter().enumerate() {
        let prefix = format!("r{round}");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(URL, url)
            .env(PREFIX, &prefix)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some(aor) = line.strip_prefix(ACKNOWLEDGED) else { continue };
            acknowledged.insert(aor.to_owned());
            heard += 1;
            if heard == after {
                // SIGKILL. What it had acknowledged until then is still in the pipe.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard >= after, "the child ended by itself after {heard} bindings");
    }
    let store = open(url).await;
    let mut lost = acknowledged;
    store
        .load_all(0, |row| {
            lost.remove(&row.aor);
        })
        .await
        .unwrap();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

async fn open(url: &str) -> SqlLocationStore {
    let url: DatabaseUrl = url.parse().unwrap();
    SqlLocationStore::new(Database::open(&url, DatabaseOptions::default()).await.unwrap())
}

fn binding(aor: &str) -> BindingRow {
    BindingRow {
        aor: aor.to_owned(),
        contact_key: "1".to_owned(),
        contact: format!("sip:{aor}@192.0.2.1"),
        instance_id: None,
        reg_id: None,
        call_id: "call".to_owned(),
        cseq: 1,
        q_milli: 1000,
        path: Vec::new(),
        user_agent: None,
        transport: "UDP".to_owned(),
        local_addr: "127.0.0.1:5060".parse().unwrap(),
        remote_addr: "127.0.0.1:40000".parse().unwrap(),
        behind_nat: true,
        connection: None,
        expires_at_ms: i64::MAX,
        updated_at_ms: 0,
    }
}

const URL: &str = "OFFHOOK_TEST_KILL_URL";
const PREFIX: &str = "OFFHOOK_TEST_KILL_PREFIX";
const ACKNOWLEDGED: &str = "acknowledged ";
