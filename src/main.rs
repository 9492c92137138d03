//! Parses the arguments and maps the outcome to an exit code.
fn main() {}
