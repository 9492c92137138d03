//! Laws of prompts and their versions.

mod bytes;
mod imports;
mod listing;
mod removal;
mod search;
mod writes;
