//! Laws of prompts and their versions.

mod imports;
mod listing;
mod search;
mod writes;
