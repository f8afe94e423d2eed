//! `registrations`: which phones are registered, straight from the database.

use offhook_location_store::{BindingRow, Filter, LocationStore as _, SqlLocationStore};
use offhook_platform::Config;
use offhook_platform::terminal::print;
use serde::Serialize;

use crate::cli::ListArgs;
use crate::error::CommandError;
use crate::{store, table};

/// A registration in JSON.
#[derive(Serialize)]
struct RegistrationEntry<'a> {
    user: &'a str,
    contact: &'a str,
    transport: &'a str,
    source: String,
    behind_nat: bool,
    user_agent: Option<&'a str>,
    q: f64,
    path: &'a [String],
    expires_in_s: u64,
    expires_at_ms: i64,
    updated_at_ms: i64,
}

/// Prints every registration that has not expired.
pub(crate) async fn list(config: &Config, list: ListArgs) -> Result<(), CommandError> {
    let database = store::open(config).await?;
    let rows = live(&SqlLocationStore::new(database.clone())).await?;
    database.close().await;
    print(&listing(&rows, store::now_ms(), list)?);
    Ok(())
}

async fn live(store: &SqlLocationStore) -> Result<Vec<BindingRow>, CommandError> {
    const PAGE: u32 = 1_000;
    let filter = Filter { live_at_ms: Some(store::now_ms()), ..Filter::default() };
    let mut rows: Vec<BindingRow> = Vec::new();
    loop {
        let after = rows.last().map(BindingRow::position);
        let page = store.list(&filter, after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
    }
}

fn listing(rows: &[BindingRow], now_ms: i64, list: ListArgs) -> Result<String, CommandError> {
    if list.json {
        let entries: Vec<RegistrationEntry<'_>> =
            rows.iter().map(|row| entry(row, now_ms)).collect();
        return Ok(serde_json::to_string_pretty(&entries)? + "\n");
    }
    if rows.is_empty() {
        return Ok("No phone is registered.\n".to_owned());
    }
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            [
                table::plain(&row.aor),
                table::plain(&row.contact),
                table::plain(&row.transport),
                row.remote_addr.to_string(),
                table::span(expires_in_s(row, now_ms)),
                row.user_agent.as_deref().map_or_else(String::new, table::plain),
            ]
        })
        .collect();
    Ok(table::columns(["USER", "CONTACT", "OVER", "FROM", "EXPIRES IN", "PHONE"], &cells))
}

fn entry(row: &BindingRow, now_ms: i64) -> RegistrationEntry<'_> {
    RegistrationEntry {
        user: &row.aor,
        contact: &row.contact,
        transport: &row.transport,
        source: row.remote_addr.to_string(),
        behind_nat: row.behind_nat,
        user_agent: row.user_agent.as_deref(),
        q: f64::from(row.q_milli) / 1_000.0,
        path: &row.path,
        expires_in_s: expires_in_s(row, now_ms),
        expires_at_ms: row.expires_at_ms,
        updated_at_ms: row.updated_at_ms,
    }
}

fn expires_in_s(row: &BindingRow, now_ms: i64) -> u64 {
    row.expires_at_ms.saturating_sub(now_ms).max(0).cast_unsigned() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> BindingRow {
        BindingRow {
            aor: "1001".to_owned(),
            contact_key: "k".to_owned(),
            contact: "sip:1001@192.0.2.9:5062".to_owned(),
            instance_id: None,
            reg_id: None,
            call_id: "c".to_owned(),
            cseq: 1,
            q_milli: 500,
            path: Vec::new(),
            user_agent: Some("Desk\u{1b} phone".to_owned()),
            transport: "UDP".to_owned(),
            local_addr: ([192, 0, 2, 1], 5060).into(),
            remote_addr: ([192, 0, 2, 9], 5062).into(),
            connection: None,
            behind_nat: false,
            expires_at_ms: 3_600_000,
            updated_at_ms: 0,
        }
    }

    #[test]
    fn prints_columns() {
        let text = listing(&[row()], 1_000, ListArgs { json: false }).unwrap();
        let expected = "USER  CONTACT                  OVER  FROM            EXPIRES IN   PHONE\n\
                        1001  sip:1001@192.0.2.9:5062  UDP   192.0.2.9:5062  59 min 59 s  Desk\u{fffd} phone\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn prints_json() {
        let text = listing(&[row()], 0, ListArgs { json: true }).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["expires_in_s"], 3_600);
        assert_eq!(value[0]["source"], "192.0.2.9:5062");
        assert_eq!(value[0]["q"], 0.5);
    }

    #[test]
    fn says_that_there_are_none() {
        assert_eq!(listing(&[], 0, ListArgs { json: false }).unwrap(), "No phone is registered.\n");
        assert_eq!(listing(&[], 0, ListArgs { json: true }).unwrap(), "[]\n");
    }
}
