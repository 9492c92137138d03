//! Opening connections to the database file.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::is_busy;

/// Pause between two attempts to take a lock that SQLite itself does not wait for.
const LOCK_POLL: Duration = Duration::from_millis(2);
/// Number of prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 64;

/// Opens the file, and creates it if it is missing.
pub(super) fn open_writer(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    open(path, wait, OpenFlags::SQLITE_OPEN_CREATE)
}

/// Opens an existing file for reading.
pub(super) fn open_reader(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = open(path, wait, OpenFlags::empty())?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, wait: Duration, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | flags;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Makes SQLite plan each statement once. By default its planner looks at bound values, and plans a
/// kept statement again whenever they change.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

/// Makes a connection overwrite what it deletes, and keep its temporary tables, which hold texts too,
/// out of the disk.
pub(super) fn leave_no_traces(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "memory")
}

/// Turns on write-ahead logging. SQLite needs an exclusive lock for that, but does not wait for it
/// as for other locks; this function does, in case several processes open a new file at once.
pub(super) fn switch_to_wal(connection: &Connection, wait: Duration) -> rusqlite::Result<()> {
    let deadline = Instant::now() + wait;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(LOCK_POLL);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound() {
        let connection = Connection::open_in_memory().unwrap();
        keep_plans(&connection).unwrap();
        connection.execute_batch("CREATE TABLE t (a UNIQUE, b)").unwrap();
        let mut statement = connection.prepare("SELECT 1 FROM t WHERE a = ?1 AND b = ?2").unwrap();
        for value in 0..3 {
            assert!(!statement.exists((value, value)).unwrap());
        }
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}
