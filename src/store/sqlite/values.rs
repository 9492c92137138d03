//! How single domain values become columns, and columns become domain values.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

use crate::domain::Timestamp;
use crate::domain::candidate::CandidateId;
use crate::domain::identity::{LibraryId, UserId};
use crate::domain::prompt::{Content, Description, Name, PromptId, Tag, Title};

macro_rules! write_text {
    ($($kind:ty),+) => {$(
        impl ToSql for $kind {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
    )+};
}

macro_rules! read_text {
    ($($kind:ty),+) => {$(
        impl FromSql for $kind {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                String::column_result(value).map(Self::from_store)
            }
        }
    )+};
}

write_text!(CandidateId, Content, Description, LibraryId, Name, PromptId, Tag, Title, UserId);
read_text!(CandidateId, Content, Description, Name, PromptId, Tag, Title);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_millis().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self::from_millis)
    }
}
