//! What a location store promises, checked alike on SQLite and on Postgres.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use offhook_database::testing::TemporaryPostgres;
use offhook_database::{
    BeginWrite, Database, DatabaseError, DatabaseOptions, DatabaseUrl, with_pool,
};
use offhook_location_store::{
    BindingRow, Change, Filter, LocationStore, SqlLocationStore, StoreError, Writer, WriterOptions,
};

/// Runs each check on an empty database of its own.
macro_rules! conformance {
    ($($check:ident),* $(,)?) => {
        #[tokio::test]
        async fn on_sqlite() {
            let folder = tempfile::tempdir().unwrap();
            $(
                let path = folder.path().join(stringify!($check));
                $check(DatabaseUrl::sqlite_file(path)).await;
            )*
        }

        #[tokio::test]
        async fn on_postgres() {
            let server = TemporaryPostgres::start().await.unwrap();
            $( $check(server.create_database().await.unwrap().parse().unwrap()).await; )*
        }
    };
}

conformance!(
    every_field_is_kept,
    an_upsert_replaces,
    bindings_are_removed,
    changes_apply_in_their_order,
    an_older_request_does_not_replace_a_newer_one,
    all_or_nothing,
    pages_come_in_order,
    expired_bindings_are_out_of_sight_and_then_removed,
    a_binding_that_is_refreshed_meanwhile_is_not_removed,
    many_pages_are_loaded,
    the_writer_groups_and_isolates,
    writers_of_two_nodes_do_not_lose_changes,
    a_stalled_database_gives_an_error,
    a_closed_database_gives_an_error,
);

const NOW: i64 = 1_800_000_000_000;

async fn every_field_is_kept(url: DatabaseUrl) {
    let store = open(&url).await;
    let plain = row("alice", "1");
    let full = BindingRow {
        aor: "bob@example.org".to_owned(),
        contact_key: "<urn:uuid:0>;1".to_owned(),
        contact: "sip:bob%20x@[2001:db8::1]:5061;transport=tls;x=\"'\\,".to_owned(),
        instance_id: Some("<urn:uuid:0>".to_owned()),
        reg_id: Some(u32::MAX),
        call_id: "ünïcode".to_owned(),
        cseq: u32::MAX,
        q_milli: 1000,
        path: vec!["<sip:p1;lr>".to_owned(), "\"a, b\" <sip:p2>;x=\n".to_owned(), String::new()],
        user_agent: Some(String::new()),
        transport: "TLS".to_owned(),
        local_addr: "[::]:5061".parse().unwrap(),
        remote_addr: "[2001:db8::1]:40000".parse().unwrap(),
        behind_nat: true,
        connection: Some(u64::MAX),
        expires_at_ms: i64::MAX,
        updated_at_ms: 0,
    };
    store.commit(&[upsert(&plain), upsert(&full)]).await.unwrap();
    assert_eq!(everything(&store).await, [plain, full]);
    store.commit(&[]).await.unwrap();
}

async fn an_upsert_replaces(url: DatabaseUrl) {
    let store = open(&url).await;
    store.commit(&[upsert(&row("a", "1"))]).await.unwrap();
    let other = BindingRow {
        contact: "sip:other@192.0.2.1".to_owned(),
        instance_id: Some("i".to_owned()),
        reg_id: Some(0),
        call_id: "other".to_owned(),
        cseq: 0,
        q_milli: 500,
        path: vec!["<sip:p>".to_owned()],
        user_agent: Some("phone".to_owned()),
        transport: "TCP".to_owned(),
        local_addr: "192.0.2.9:1".parse().unwrap(),
        remote_addr: "192.0.2.8:2".parse().unwrap(),
        behind_nat: false,
        connection: Some(7),
        expires_at_ms: NOW + 1,
        updated_at_ms: NOW + 2,
        ..row("a", "1")
    };
    store.commit(&[upsert(&other)]).await.unwrap();
    assert_eq!(everything(&store).await, [other]);
}

async fn bindings_are_removed(url: DatabaseUrl) {
    let store = open(&url).await;
    let rows = [row("a", "1"), row("a", "2"), row("b", "1"), row("b", "2"), row("c", "1")];
    store.commit(&rows.each_ref().map(upsert)).await.unwrap();
    store.commit(&[remove("a", "1"), remove("c", "9"), remove_all("b")]).await.unwrap();
    assert_eq!(keys(&store).await, ["a 2", "c 1"]);
    store.commit(&[remove("a", "2"), remove_all("c"), remove_all("nobody")]).await.unwrap();
    assert_eq!(store.count(0).await, Ok(0));
}

async fn changes_apply_in_their_order(url: DatabaseUrl) {
    let store = open(&url).await;
    store.commit(&[upsert(&row("a", "0")), upsert(&row("b", "0"))]).await.unwrap();
    store
        .commit(&[
            upsert(&row("a", "1")),
            remove("a", "1"),
            upsert(&row("a", "2")),
            remove("a", "2"),
            upsert(&row("a", "2")),
            upsert(&row("b", "1")),
            remove_all("b"),
            upsert(&row("b", "2")),
            upsert(&row("b", "2")),
        ])
        .await
        .unwrap();
    assert_eq!(keys(&store).await, ["a 0", "a 2", "b 2"]);
}

async fn an_older_request_does_not_replace_a_newer_one(url: DatabaseUrl) {
    let store = open(&url).await;
    let newer = BindingRow { cseq: 5, ..row("a", "1") };
    let older = BindingRow { cseq: 4, contact: "sip:older@192.0.2.1".to_owned(), ..row("a", "1") };
    store.commit(&[upsert(&newer)]).await.unwrap();
    store.commit(&[upsert(&older)]).await.unwrap();
    assert_eq!(everything(&store).await, std::slice::from_ref(&newer));

    // The same request again, and another client's, count.
    let again = BindingRow { contact: "sip:again@192.0.2.1".to_owned(), ..newer.clone() };
    store.commit(&[upsert(&again)]).await.unwrap();
    assert_eq!(everything(&store).await, std::slice::from_ref(&again));
    let other_call = BindingRow { call_id: "other".to_owned(), ..older.clone() };
    store.commit(&[upsert(&other_call)]).await.unwrap();
    assert_eq!(everything(&store).await, [other_call]);

    // So does one that comes after the end of the stored binding, which is still to be swept.
    store.commit(&[remove_all("a"), upsert(&newer)]).await.unwrap();
    let restarted = BindingRow {
        updated_at_ms: newer.expires_at_ms,
        expires_at_ms: newer.expires_at_ms + 60_000,
        ..older
    };
    store.commit(&[upsert(&restarted)]).await.unwrap();
    assert_eq!(everything(&store).await, [restarted]);
}

async fn all_or_nothing(url: DatabaseUrl) {
    let store = open(&url).await;
    store.commit(&[upsert(&row("kept", "1"))]).await.unwrap();
    let impossible = BindingRow { q_milli: 1001, ..row("b", "1") };
    let error = store
        .commit(&[remove_all("kept"), upsert(&row("a", "1")), upsert(&impossible)])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    assert_eq!(keys(&store).await, ["kept 1"]);
    for nameless in [row("", "1"), row("a", "")] {
        let error = store.commit(&[upsert(&nameless)]).await.unwrap_err();
        assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    }
}

async fn pages_come_in_order(url: DatabaseUrl) {
    let store = open(&url).await;
    // Bytewise, whatever the locale: capitals before small letters before others.
    let expected = ["B 1", "a 1", "a 2", "b 1", "é 1"];
    let rows = [row("é", "1"), row("b", "1"), row("a", "2"), row("B", "1"), row("a", "1")];
    store.commit(&rows.each_ref().map(upsert)).await.unwrap();

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(&Filter::default(), after.as_ref(), 2).await.unwrap();
        seen.extend(page.iter().map(key));
        let Some(last) = page.last() else { break };
        after = Some(last.position());
    }
    assert_eq!(seen, expected);

    let filter = Filter { aor: Some("a".to_owned()), live_at_ms: None };
    let page = store.list(&filter, None, 10).await.unwrap();
    assert_eq!(page.iter().map(key).collect::<Vec<_>>(), ["a 1", "a 2"]);
    let rest = store.list(&filter, Some(&page[0].position()), 10).await.unwrap();
    assert_eq!(rest.iter().map(key).collect::<Vec<_>>(), ["a 2"]);
    let filter = Filter { aor: Some("nobody".to_owned()), live_at_ms: None };
    assert_eq!(store.list(&filter, None, 10).await, Ok(Vec::new()));
}

async fn expired_bindings_are_out_of_sight_and_then_removed(url: DatabaseUrl) {
    let store = open(&url).await;
    let ending = |aor: &str, expires_at_ms| BindingRow { expires_at_ms, ..row(aor, "1") };
    let rows = [
        ending("a", NOW - 2),
        ending("b", NOW - 1),
        ending("c", NOW),
        ending("d", NOW + 1),
        ending("e", NOW + 2),
    ];
    store.commit(&rows.each_ref().map(upsert)).await.unwrap();
    assert_eq!(store.count(NOW).await, Ok(2));
    let mut loaded = Vec::new();
    assert_eq!(store.load_all(NOW, |row| loaded.push(row)).await, Ok(2));
    assert_eq!(loaded, rows[3..]);
    let filter = Filter { aor: Some("c".to_owned()), live_at_ms: Some(NOW) };
    assert_eq!(store.list(&filter, None, 10).await, Ok(Vec::new()));

    assert_eq!(keys(&store).await.len(), 5);
    assert_eq!(store.remove_expired(NOW, 2).await, Ok(2));
    assert_eq!(keys(&store).await, ["c 1", "d 1", "e 1"]);
    assert_eq!(store.remove_expired(NOW, 2).await, Ok(1));
    assert_eq!(store.remove_expired(NOW, 2).await, Ok(0));
    assert_eq!(keys(&store).await, ["d 1", "e 1"]);
}

async fn a_binding_that_is_refreshed_meanwhile_is_not_removed(url: DatabaseUrl) {
    let store = open(&url).await;
    store.commit(&[upsert(&BindingRow { expires_at_ms: NOW, ..row("a", "1") })]).await.unwrap();
    with_pool!(store.database(), pool => {
        let mut refresh = pool.begin_write().await.unwrap();
        sqlx::query("UPDATE bindings SET expires_at_ms = $1 WHERE aor = 'a'")
            .bind(NOW + 1)
            .execute(&mut *refresh)
            .await
            .unwrap();
        let sweeping = store.remove_expired(NOW, 10);
        tokio::pin!(sweeping);
        let waiting = tokio::time::timeout(Duration::from_millis(100), &mut sweeping).await;
        assert!(waiting.is_err(), "the sweep did not wait for the refresh: {waiting:?}");
        refresh.commit().await.unwrap();
        assert_eq!(sweeping.await, Ok(0));
    });
    assert_eq!(keys(&store).await, ["a 1"]);
}

async fn many_pages_are_loaded(url: DatabaseUrl) {
    const ROWS: usize = 20_001;
    let store = open(&url).await;
    let rows: Vec<_> = (0..ROWS).map(|i| upsert(&row(&format!("{i:05}"), "1"))).collect();
    for part in rows.chunks(5_000) {
        store.commit(part).await.unwrap();
    }
    let mut next = 0;
    let visited = store
        .load_all(0, |row| {
            assert_eq!(row.aor, format!("{next:05}"));
            next += 1;
        })
        .await;
    assert_eq!(visited, Ok(ROWS as u64));
    assert_eq!(next, ROWS);
}

async fn the_writer_groups_and_isolates(url: DatabaseUrl) {
    let store = open(&url).await;
    let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
    let submissions: Vec<_> = (0..1_000)
        .map(|i| {
            let writer = writer.clone();
            let is_bad = i % 100 == 99;
            let q_milli = if is_bad { 1001 } else { 1000 };
            let binding = BindingRow { q_milli, ..row(&format!("{i:03}"), "1") };
            tokio::spawn(async move { (is_bad, writer.write(vec![upsert(&binding)]).await) })
        })
        .collect();
    for submission in submissions {
        let (is_bad, outcome) = submission.await.unwrap();
        assert_eq!(matches!(outcome, Err(StoreError::Rejected(_))), is_bad, "{outcome:?}");
        assert_eq!(outcome.is_ok(), !is_bad);
    }
    assert_eq!(store.count(0).await, Ok(990));
    let stats = writer.stats();
    assert_eq!((stats.durable, stats.failed), (990, 10));
    assert!(stats.groups < 300, "{stats:?}");
}

/// Two writers on the same rows in opposite orders would deadlock if the store kept those orders.
async fn writers_of_two_nodes_do_not_lose_changes(url: DatabaseUrl) {
    let nodes = [open(&url).await, open(&url).await];
    let working = nodes.each_ref().map(|store| {
        let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
        let is_first = std::ptr::eq(store, &nodes[0]);
        tokio::spawn(async move {
            for round in 0..20 {
                let mut aors: Vec<_> = (0..50).map(|i| format!("{i:02}")).collect();
                if !is_first {
                    aors.reverse();
                }
                let contact_key = if is_first { "first" } else { "second" };
                let changes = aors.iter().flat_map(|aor| {
                    let cseq = round;
                    let own = BindingRow { cseq, ..row(aor, contact_key) };
                    let shared = BindingRow { cseq, ..row(aor, "shared") };
                    [upsert(&own), upsert(&shared)]
                });
                writer.write(changes.collect()).await.unwrap();
            }
        })
    });
    for work in working {
        work.await.unwrap();
    }
    let stored = everything(&nodes[0]).await;
    assert_eq!(stored.len(), 150);
    assert!(stored.iter().all(|row| row.cseq == 19), "{stored:?}");
}

async fn a_stalled_database_gives_an_error(url: DatabaseUrl) {
    let store = open(&url).await;
    let options = DatabaseOptions {
        acquire_timeout: Duration::from_millis(50),
        query_timeout: Duration::from_millis(100),
        ..DatabaseOptions::default()
    };
    let hasty = SqlLocationStore::new(Database::open(&url, options).await.unwrap());
    let (writer, _task) = Writer::spawn(hasty, WriterOptions::default());
    store.commit(&[upsert(&row("a", "1"))]).await.unwrap();
    with_pool!(store.database(), pool => {
        let mut lock = pool.begin_write().await.unwrap();
        sqlx::query("UPDATE bindings SET cseq = 7").execute(&mut *lock).await.unwrap();
        let error = writer.write(vec![remove("a", "1")]).await.unwrap_err();
        let expected = matches!(
            error,
            StoreError::Unavailable(DatabaseError::TimedOut { .. } | DatabaseError::Busy { .. })
        );
        assert!(expected, "{error}");
        lock.rollback().await.unwrap();
    });
    writer.write(vec![upsert(&row("b", "1"))]).await.unwrap();
    assert_eq!(keys(&store).await, ["a 1", "b 1"]);
}

async fn a_closed_database_gives_an_error(url: DatabaseUrl) {
    let store = open(&url).await;
    store.database().close().await;
    let closed = StoreError::Unavailable(DatabaseError::Closed);
    assert_eq!(store.commit(&[remove_all("a")]).await, Err(closed.clone()));
    assert_eq!(store.count(0).await, Err(closed.clone()));
    assert_eq!(store.load_all(0, drop).await, Err(closed));
}

async fn open(url: &DatabaseUrl) -> SqlLocationStore {
    SqlLocationStore::new(Database::open(url, DatabaseOptions::default()).await.unwrap())
}

async fn everything(store: &SqlLocationStore) -> Vec<BindingRow> {
    store.list(&Filter::default(), None, 100_000).await.unwrap()
}

async fn keys(store: &SqlLocationStore) -> Vec<String> {
    everything(store).await.iter().map(key).collect()
}

fn key(row: &BindingRow) -> String {
    format!("{} {}", row.aor, row.contact_key)
}

fn row(aor: &str, contact_key: &str) -> BindingRow {
    BindingRow {
        aor: aor.to_owned(),
        contact_key: contact_key.to_owned(),
        contact: format!("sip:{aor}@192.0.2.1"),
        instance_id: None,
        reg_id: None,
        call_id: "call".to_owned(),
        cseq: 1,
        q_milli: 0,
        path: Vec::new(),
        user_agent: None,
        transport: "UDP".to_owned(),
        local_addr: "127.0.0.1:5060".parse().unwrap(),
        remote_addr: "127.0.0.1:40000".parse().unwrap(),
        behind_nat: false,
        connection: None,
        expires_at_ms: NOW + 60_000,
        updated_at_ms: NOW,
    }
}

fn upsert(row: &BindingRow) -> Change {
    Change::Upsert(row.clone())
}

fn remove(aor: &str, contact_key: &str) -> Change {
    Change::Remove { aor: aor.to_owned(), contact_key: contact_key.to_owned() }
}

fn remove_all(aor: &str) -> Change {
    Change::RemoveAll { aor: aor.to_owned() }
}
