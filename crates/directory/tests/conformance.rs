//! What the directory promises, checked alike on SQLite and on Postgres.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use offhook_database::testing::TemporaryPostgres;
use offhook_database::{Database, DatabaseError, DatabaseOptions, DatabaseUrl, with_pool};
use offhook_directory::{Directory, DirectoryError, Ha1, NewUser, User, UserId};

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
    a_user_is_kept,
    a_user_is_added_once,
    a_password_is_replaced,
    a_user_is_disabled_and_enabled,
    a_user_is_removed,
    pages_come_in_order,
    every_change_raises_the_version,
    nothing_that_fails_raises_the_version,
    no_password_is_stored_or_shown,
    the_first_secret_stays,
    one_of_many_fresh_secrets_wins,
    a_damaged_secret_is_reported,
    a_closed_database_gives_an_error,
);

async fn a_user_is_kept(url: DatabaseUrl) {
    let directory = open(&url).await;
    let id = id("Alice@Example.org");
    directory.add(new(&id, "pass:word"), 1_000).await.unwrap();
    let expected = User {
        id: id.clone(),
        realm: "offhook".to_owned(),
        ha1: Ha1::new("Alice", "offhook", "pass:word"),
        enabled: true,
        created_at_ms: 1_000,
        updated_at_ms: 1_000,
    };
    assert_eq!(directory.find(&id).await, Ok(Some(expected)));
    // The name is case-sensitive, and the domain is part of it.
    for other in ["alice@example.org", "Alice", "Alice@example.net"] {
        assert_eq!(directory.find(&self::id(other)).await, Ok(None), "{other}");
    }
}

async fn a_user_is_added_once(url: DatabaseUrl) {
    let directory = open(&url).await;
    let id = id("1001");
    directory.add(new(&id, "first"), 0).await.unwrap();
    let again = directory.add(new(&id, "second"), 0).await;
    assert_eq!(again, Err(DirectoryError::AlreadyExists(id.clone())));
    let kept = directory.find(&id).await.unwrap().unwrap();
    assert_eq!(kept.ha1, Ha1::new("1001", "offhook", "first"));
    directory.add(new(&self::id("1001@example.org"), "third"), 0).await.unwrap();
    assert_eq!(directory.count().await, Ok(2));
}

async fn a_password_is_replaced(url: DatabaseUrl) {
    let directory = open(&url).await;
    let id = id("1001");
    directory.add(new(&id, "first"), 1).await.unwrap();
    let other = NewUser { id: &id, realm: "other", password: "second" };
    directory.set_password(other, 2).await.unwrap();
    let user = directory.find(&id).await.unwrap().unwrap();
    assert_eq!(user.ha1, Ha1::new("1001", "other", "second"));
    assert_eq!((user.realm.as_str(), user.created_at_ms, user.updated_at_ms), ("other", 1, 2));

    let nobody = self::id("nobody");
    let error = directory.set_password(new(&nobody, "x"), 3).await;
    assert_eq!(error, Err(DirectoryError::NotFound(nobody)));
}

async fn a_user_is_disabled_and_enabled(url: DatabaseUrl) {
    let directory = open(&url).await;
    let id = id("1001");
    directory.add(new(&id, "x"), 1).await.unwrap();
    for (enabled, now_ms) in [(false, 2), (true, 3)] {
        directory.set_enabled(&id, enabled, now_ms).await.unwrap();
        let user = directory.find(&id).await.unwrap().unwrap();
        assert_eq!((user.enabled, user.updated_at_ms), (enabled, now_ms));
    }
    let nobody = self::id("nobody");
    let error = directory.set_enabled(&nobody, true, 4).await;
    assert_eq!(error, Err(DirectoryError::NotFound(nobody)));
}

async fn a_user_is_removed(url: DatabaseUrl) {
    let directory = open(&url).await;
    let id = id("1001");
    directory.add(new(&id, "x"), 0).await.unwrap();
    directory.remove(&id).await.unwrap();
    assert_eq!(directory.find(&id).await, Ok(None));
    assert_eq!(directory.remove(&id).await, Err(DirectoryError::NotFound(id.clone())));
    directory.add(new(&id, "y"), 0).await.unwrap();
}

async fn pages_come_in_order(url: DatabaseUrl) {
    let directory = open(&url).await;
    let expected = ["B", "a", "b", "a@a.org", "b@a.org", "a@b.org"];
    for name in ["a@b.org", "b", "B", "b@a.org", "a@a.org", "a"] {
        directory.add(new(&id(name), "x"), 0).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = directory.list(after.as_ref(), 4).await.unwrap();
        seen.extend(page.iter().map(|user| user.id.to_string()));
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
    }
    assert_eq!(seen, expected);
}

async fn every_change_raises_the_version(url: DatabaseUrl) {
    let directory = open(&url).await;
    let id = id("1001");
    let mut versions = vec![directory.version().await.unwrap()];
    directory.add(new(&id, "x"), 0).await.unwrap();
    versions.push(directory.version().await.unwrap());
    directory.set_password(new(&id, "y"), 0).await.unwrap();
    versions.push(directory.version().await.unwrap());
    directory.set_enabled(&id, false, 0).await.unwrap();
    versions.push(directory.version().await.unwrap());
    directory.remove(&id).await.unwrap();
    versions.push(directory.version().await.unwrap());
    assert!(versions.is_sorted_by(|earlier, later| earlier < later), "{versions:?}");
}

async fn nothing_that_fails_raises_the_version(url: DatabaseUrl) {
    let directory = open(&url).await;
    let (user, nobody) = (id("1001"), id("nobody"));
    directory.add(new(&user, "x"), 0).await.unwrap();
    let version = directory.version().await;
    assert!(directory.add(new(&user, "y"), 0).await.is_err());
    assert!(directory.add(new(&nobody, ""), 0).await.is_err());
    assert!(directory.set_password(new(&nobody, "y"), 0).await.is_err());
    assert!(directory.set_enabled(&nobody, false, 0).await.is_err());
    assert!(directory.remove(&nobody).await.is_err());
    assert_eq!(directory.version().await, version);
}

async fn no_password_is_stored_or_shown(url: DatabaseUrl) {
    let directory = open(&url).await;
    let id = id("1001");
    let user = new(&id, "correct horse battery");
    directory.add(user, 0).await.unwrap();
    assert!(!format!("{user:?}").contains("horse"));
    let stored = directory.find(&id).await.unwrap().unwrap();
    let shown = format!("{stored:?}");
    assert!(!shown.contains(&stored.ha1.md5) && !shown.contains(&stored.ha1.sha256), "{shown}");
    if let Some(path) = url.sqlite_path() {
        let log = PathBuf::from(format!("{}-wal", path.display()));
        let bytes = [std::fs::read(path).unwrap(), std::fs::read(log).unwrap()].concat();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds(&stored.ha1.sha256) && !holds("horse"));
    }
}

async fn the_first_secret_stays(url: DatabaseUrl) {
    let directory = open(&url).await;
    assert_eq!(directory.secret("nonce", [1; 32]).await, Ok([1; 32]));
    assert_eq!(directory.secret("nonce", [2; 32]).await, Ok([1; 32]));
    assert_eq!(directory.secret("flow", [3; 32]).await, Ok([3; 32]));
    assert_eq!(open(&url).await.secret("nonce", [4; 32]).await, Ok([1; 32]));
}

async fn one_of_many_fresh_secrets_wins(url: DatabaseUrl) {
    let directory = open(&url).await;
    let asking: Vec<_> = (0..8)
        .map(|i| {
            let directory = directory.clone();
            tokio::spawn(async move { directory.secret("nonce", [i; 32]).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in asking {
        answers.push(answer.await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

async fn a_damaged_secret_is_reported(url: DatabaseUrl) {
    let database = database(&url).await;
    let value: &[u8] = &[1, 2, 3];
    with_pool!(database, pool => {
        sqlx::query("INSERT INTO secrets (name, value) VALUES ('nonce', $1)")
            .bind(value)
            .execute(pool)
            .await
            .unwrap();
    });
    let damaged = DirectoryError::SecretDamaged { name: "nonce".to_owned(), bytes: 3 };
    assert_eq!(Directory::new(database).secret("nonce", [1; 32]).await, Err(damaged));
}

async fn a_closed_database_gives_an_error(url: DatabaseUrl) {
    let database = database(&url).await;
    let directory = Directory::new(database.clone());
    database.close().await;
    let closed = DirectoryError::Database(DatabaseError::Closed);
    assert_eq!(directory.version().await, Err(closed.clone()));
    assert_eq!(directory.add(new(&id("1001"), "x"), 0).await, Err(closed));
}

async fn open(url: &DatabaseUrl) -> Directory {
    Directory::new(database(url).await)
}

async fn database(url: &DatabaseUrl) -> Database {
    Database::open(url, DatabaseOptions::default()).await.unwrap()
}

fn id(text: &str) -> UserId {
    text.parse().unwrap()
}

fn new<'a>(id: &'a UserId, password: &'a str) -> NewUser<'a> {
    NewUser { id, realm: "offhook", password }
}
