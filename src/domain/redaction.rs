//! stub
pub struct Redacted {
    pub text: String,
    pub found: Vec<Finding>,
}
pub struct Finding {
    pub kind: Kind,
    pub count: usize,
}
#[derive(Clone, Copy)]
pub struct Kind;
impl Kind {
    pub fn as_str(self) -> &'static str {
        "x"
    }
}
pub fn redact(text: &str) -> Redacted {
    Redacted { text: text.to_owned(), found: vec![] }
}
