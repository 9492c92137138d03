//! How single domain values become columns, and columns become domain values.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::domain::Timestamp;
use crate::domain::candidate::CandidateId;
use crate::domain::identity::{LibraryId, UserId};
use crate::domain::prompt::{Name, PromptId, Tag};
use crate::domain::syntax::Syntax;

/// Writes text newtypes as text.
macro_rules! write_text {
    ($($kind:ty),+) => {$(
        impl rusqlite::ToSql for $kind {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
    )+};
}

/// Reads text newtypes without checking them again.
macro_rules! read_text {
    ($($kind:ty),+) => {$(
        impl rusqlite::types::FromSql for $kind {
            fn column_result(
                value: rusqlite::types::ValueRef<'_>,
            ) -> rusqlite::types::FromSqlResult<Self> {
                <String as rusqlite::types::FromSql>::column_result(value).map(Self::from_store)
            }
        }
    )+};
}

pub(super) use {read_text, write_text};

write_text!(CandidateId, LibraryId, Name, PromptId, Tag, UserId);
read_text!(CandidateId, Name, PromptId, Tag);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_millis().into())
    }
}

impl ToSql for Syntax {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number().into())
    }
}

impl FromSql for Syntax {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = u32::column_result(value)?;
        Self::from_number(number).ok_or(FromSqlError::OutOfRange(number.into()))
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self::from_millis)
    }
}
