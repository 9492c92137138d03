//! The programs that call for a library, in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, Row, named_params};

use super::{SqliteStore, accounts};
use crate::domain::identity::{CLIENTS_MAX, Channel, Client, ConnectedClient, LibraryId};
use crate::store::{ClientCall, ClientStore, StoreError, StoreResult};

#[async_trait]
impl ClientStore for SqliteStore {
    async fn record_clients(&self, library: &LibraryId, calls: &[ClientCall]) -> StoreResult<()> {
        let (library, calls) = (library.clone(), calls.to_vec());
        self.database.write(move |db| record(db, &library, &calls)).await
    }

    async fn list_clients(&self, library: &LibraryId) -> StoreResult<Vec<ConnectedClient>> {
        let library = library.clone();
        self.database.read(move |db| Ok(list(db, &library)?)).await
    }
}

fn record(db: &Connection, library: &LibraryId, calls: &[ClientCall]) -> StoreResult<()> {
    match accounts::check_not_erased(db, library) {
        Err(StoreError::AccountErased) => return Ok(()),
        outcome => outcome?,
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO clients (owner, name, via, first_seen_at, last_seen_at) \
         VALUES (:owner, :name, :via, :at, :at) ON CONFLICT (owner, name, via) \
         DO UPDATE SET last_seen_at = max(last_seen_at, excluded.last_seen_at)",
    )?;
    for ClientCall { name, via, at } in calls {
        upsert.execute(named_params! {
            ":owner": library,
            ":name": name.as_str(),
            ":via": via.as_str(),
            ":at": at,
        })?;
    }
    db.prepare_cached(
        "DELETE FROM clients WHERE owner = :owner AND (name, via) NOT IN \
         (SELECT name, via FROM clients WHERE owner = :owner \
          ORDER BY last_seen_at DESC, name, via LIMIT :most)",
    )?
    .execute(named_params! { ":owner": library, ":most": CLIENTS_MAX })?;
    Ok(())
}

fn list(db: &Connection, library: &LibraryId) -> rusqlite::Result<Vec<ConnectedClient>> {
    let mut statement = db.prepare_cached(
        "SELECT name, via, first_seen_at, last_seen_at FROM clients WHERE owner = ?1 \
         ORDER BY last_seen_at DESC, name, via",
    )?;
    let read = |row: &Row<'_>| {
        let (name, via): (String, String) = (row.get("name")?, row.get("via")?);
        Ok(Channel::parse(&via)
            .map(|via| (Client::named(&name), via))
            .zip(Some((row.get("first_seen_at")?, row.get("last_seen_at")?))))
    };
    // A channel of a later release is left out.
    let rows = statement.query_map([library], read)?.filter_map(Result::transpose);
    let client = |((name, via), (first_seen_at, last_seen_at))| ConnectedClient {
        name,
        via,
        first_seen_at,
        last_seen_at,
    };
    rows.map(|row| row.map(client)).collect()
}
