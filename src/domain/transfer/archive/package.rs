//! The files of office programs, which are zip archives: one sentence says what to save instead.

/// A kind of document that is a zip archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    /// A workbook of Excel.
    Spreadsheet,
    /// A document of Word, or a presentation.
    Document,
    /// A file of `LibreOffice` or of Apple's programs, of which the archive does not show the kind.
    Office,
}

impl Package {
    /// Recognises a document by the path of a file that only its kind has.
    pub(super) fn recognise(path: &str) -> Option<Self> {
        match path {
            "xl/workbook.xml" | "xl/workbook.bin" => Some(Self::Spreadsheet),
            "word/document.xml" | "ppt/presentation.xml" => Some(Self::Document),
            "META-INF/manifest.xml" | "Index/Document.iwa" => Some(Self::Office),
            _ => None,
        }
    }

    /// Returns what the archive is, and what to do instead.
    pub(super) fn explain(self) -> &'static str {
        match self {
            Self::Spreadsheet => "is a spreadsheet; save it as CSV, and import that file",
            Self::Document => {
                "is a document; save it as plain text or Markdown, and import that file"
            }
            Self::Office => {
                "is a document; save a table as CSV or a text as plain text, and import that file"
            }
        }
    }
}
