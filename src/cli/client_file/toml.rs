//! Edits of TOML at the positions of its keys and values, so that all other bytes stay: comments,
//! order, line ends and the form of each table. The caller parses the result and compares it with what
//! the edit was to do.

mod inline;

use std::ops::Range;

use serde_json::Value;
use toml_edit::{Array, Document, Item, TableLike, Value as TomlValue};

use self::inline::Inline;
use super::EditError;
use super::edit::Plan;
use super::lines::{is_blank, line_end, line_ending, line_start};

/// Parses a file. Errors name the position.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let document = Document::parse(text).map_err(|error| {
        // The error shows the line in several lines of its own; the last one says what is wrong.
        let line = text[..error.span().map_or(0, |span| span.start)].matches('\n').count() + 1;
        format!("line {line}: {}", error.message())
    })?;
    Ok(table_json(document.as_table()))
}

/// Writes the fields that differ, into a table that is created if it is missing.
pub(super) fn apply(
    text: &str,
    section: &[&str],
    name: &str,
    plan: &Plan,
) -> Result<String, EditError> {
    let path = [section, &[name]].concat();
    let mut text = text.to_owned();
    if !with_statements(&text, |file| file.has(&path))? {
        return with_statements(&text, |file| file.add_entry(&path, &plan.set))?;
    }
    // Each step parses the result of the one before, whose positions are no longer those of the file.
    for (name, value) in &plan.set {
        let field = [path.as_slice(), &[*name]].concat();
        let value = toml_value(value)?.to_string();
        if let Some(replaced) = with_statements(&text, |file| file.replace(&field, &value))?? {
            text = replaced;
        } else {
            text = remove_path(text, &field)?;
            text = with_statements(&text, |file| file.add_field(&path, name, &value))??;
        }
    }
    for name in &plan.remove {
        let field = [path.as_slice(), &[*name]].concat();
        text = remove_path(text, &field)?;
    }
    Ok(text)
}

/// Removes a table that exists.
pub(super) fn remove(text: &str, section: &[&str], name: &str) -> Result<String, EditError> {
    let path = [section, &[name]].concat();
    remove_path(text.to_owned(), &path)
}

fn remove_path(mut text: String, path: &[&str]) -> Result<String, EditError> {
    while with_statements(&text, |file| file.has(path))? {
        text = with_statements(&text, |file| file.remove(path))??;
    }
    Ok(text)
}

/// A text, and what each of its lines defines.
struct Statements<'a> {
    text: &'a str,
    /// In the order of the text.
    all: Vec<Statement<'a>>,
}

/// A header of a table, or a key with its value.
struct Statement<'a> {
    /// The path from the root of the file.
    path: Vec<&'a str>,
    /// From the header or the last part of the key to the end.
    span: Range<usize>,
    /// `None` for a header.
    value: Option<&'a TomlValue>,
}

fn with_statements<T>(
    text: &str,
    change: impl FnOnce(&Statements<'_>) -> T,
) -> Result<T, EditError> {
    let document = Document::parse(text).map_err(|_| EditError::Form)?;
    let mut all = Vec::new();
    collect(document.as_table(), &[], &mut all).ok_or(EditError::Form)?;
    all.sort_by_key(|statement| statement.span.start);
    Ok(change(&Statements { text, all }))
}

/// Collects the statements below a table. The parser gives each a position.
fn collect<'a>(
    table: &'a toml_edit::Table,
    path: &[&'a str],
    all: &mut Vec<Statement<'a>>,
) -> Option<()> {
    for (name, item) in table {
        let path = [path, &[name]].concat();
        match item {
            Item::None => {}
            Item::Value(value) => {
                let span = table.key(name)?.span()?.start..value.span()?.end;
                all.push(Statement { path, span, value: Some(value) });
            }
            Item::Table(table) => collect_table(table, &path, all)?,
            Item::ArrayOfTables(tables) => {
                for table in tables {
                    collect_table(table, &path, all)?;
                }
            }
        }
    }
    Some(())
}

fn collect_table<'a>(
    table: &'a toml_edit::Table,
    path: &[&'a str],
    all: &mut Vec<Statement<'a>>,
) -> Option<()> {
    if !table.is_implicit() {
        all.push(Statement { path: path.to_owned(), span: table.span()?, value: None });
    }
    collect(table, path, all)
}

impl<'a> Statements<'a> {
    /// The statements at a path or below it, each with its index.
    fn below(&self, path: &[&str]) -> impl Iterator<Item = (usize, &Statement<'a>)> {
        self.all.iter().enumerate().filter(move |(_, statement)| statement.path.starts_with(path))
    }

    /// The inline table in which a path is, or would be.
    fn inline<'b>(&self, path: &'b [&'b str]) -> Result<Option<Inline<'a, 'b>>, EditError> {
        let found = self.all.iter().find_map(|statement| {
            let table = statement.value?.as_inline_table()?;
            let length = statement.path.len();
            (path.starts_with(&statement.path) && path.len() > length).then_some((table, length))
        });
        found.map(|(table, length)| Inline::find(self.text, table, &path[length..])).transpose()
    }

    fn has(&self, path: &[&str]) -> bool {
        match self.inline(path) {
            Ok(Some(inline)) => inline.exists(),
            _ => self.below(path).next().is_some(),
        }
    }

    /// Returns the text with another value of a field; `None` if the field has none.
    fn replace(&self, path: &[&str], value: &str) -> Result<Option<String>, EditError> {
        let statement = self.all.iter().find(|statement| statement.path == path);
        let span = match (statement.and_then(|statement| statement.value), self.inline(path)?) {
            (Some(old), _) => old.span(),
            (None, Some(inline)) => inline.value_span(),
            (None, None) => None,
        };
        Ok(span.map(|span| splice(self.text, span, value)))
    }

    fn remove(&self, path: &[&str]) -> Result<String, EditError> {
        let statements: Vec<_> = self.below(path).collect();
        if statements.is_empty() {
            let inline = self.inline(path)?.ok_or(EditError::Form)?;
            return inline.remove_last().ok_or(EditError::Form);
        }
        let mut text = self.text.to_owned();
        // The last one first, so that the positions of the others stay.
        for (index, statement) in statements.into_iter().rev() {
            let is_header = statement.value.is_none();
            if !is_header && self.header_of(index).is_some_and(|header| header.starts_with(path)) {
                continue;
            }
            // The keys below a header go with it, and the comments between them.
            let last = if is_header { self.last_below_header(index) } else { index };
            let start = line_start(self.text, statement.span.start);
            let end = line_end(self.text, self.all[last].span.end);
            let start = if is_header { self.without_separator(start, end) } else { start };
            text.replace_range(start..end, "");
        }
        Ok(text)
    }

    /// Returns where to cut so that of the empty lines before and after a table, those after it stay.
    /// Comments before it stay: they may be of something else.
    fn without_separator(&self, start: usize, end: usize) -> usize {
        let before = line_start(self.text, start.saturating_sub(1));
        let is_separated = start > 0 && is_blank(&self.text[before..start]);
        if is_separated && is_blank(&self.text[end..line_end(self.text, end)]) {
            before
        } else {
            start
        }
    }

    /// The path of the header above a statement; `None` at the top of the file.
    fn header_of(&self, index: usize) -> Option<&[&'a str]> {
        let header = self.all[..index].iter().rfind(|statement| statement.value.is_none())?;
        Some(&header.path)
    }

    /// Adds a field to an entry that exists.
    fn add_field(&self, path: &[&str], name: &str, value: &str) -> Result<String, EditError> {
        if let Some(inline) = self.inline(&[path, &[name]].concat())? {
            return Ok(inline.add(value));
        }
        let pair = format!("{name} = {value}");
        let is_own_header = |one: &Statement<'_>| one.value.is_none() && one.path == path;
        let is_own_key =
            |one: &Statement<'_>| one.value.is_some() && one.path.len() == path.len() + 1;
        let (last, line) = if let Some((header, _)) =
            self.below(path).find(|(_, one)| is_own_header(one))
        {
            (self.last_below_header(header), pair)
        } else if let Some((last, one)) = self.below(path).filter(|(_, one)| is_own_key(one)).last()
        {
            // Dotted keys: the new one begins as they do.
            let start = one.span.start;
            (last, format!("{}{pair}", &self.text[line_start(self.text, start)..start]))
        } else {
            return self.add_table(path, &[pair]);
        };
        Ok(insert_lines(self.text, line_end(self.text, self.all[last].span.end), &[line]))
    }

    /// The last key below a header, or the header itself.
    fn last_below_header(&self, header: usize) -> usize {
        let rest = &self.all[header + 1..];
        header + rest.iter().take_while(|statement| statement.value.is_some()).count()
    }

    /// Adds an entry that does not exist, in the form of its neighbours.
    fn add_entry(
        &self,
        path: &[&str],
        fields: &[(&'static str, Value)],
    ) -> Result<String, EditError> {
        let pairs = fields
            .iter()
            .map(|(name, value)| toml_value(value).map(|value| format!("{name} = {value}")));
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        let table = format!("{{ {} }}", pairs.join(", "));
        if let Some(inline) = self.inline(path)? {
            return Ok(inline.add(&table));
        }
        let (name, section) = path.split_last().ok_or(EditError::Form)?;
        let mut below = self.below(section);
        if let Some((header, statement)) = below.next()
            && statement.value.is_none()
            && statement.path == section
        {
            let is_inline = |(_, one): (usize, &Statement<'_>)| {
                one.path.len() == path.len() && one.value.is_some_and(TomlValue::is_inline_table)
            };
            let last = self.last_below_header(header);
            if last > header && below.all(is_inline) {
                let end = line_end(self.text, self.all[last].span.end);
                return Ok(insert_lines(self.text, end, &[format!("{name} = {table}")]));
            }
        }
        self.add_table(path, &pairs)
    }

    /// Adds a table with a header, after the last one of its section.
    fn add_table(&self, path: &[&str], pairs: &[String]) -> Result<String, EditError> {
        let (_, section) = path.split_last().ok_or(EditError::Form)?;
        let at = match self.below(section).last() {
            Some((last, _)) => {
                let last = self.last_below_header(last);
                self.end_of_comments(line_end(self.text, self.all[last].span.end))
            }
            None => self.text.len(),
        };
        let (before, after) = self.text.split_at(at);
        let mut lines = vec![format!("[{}]", path.join("."))];
        lines.extend_from_slice(pairs);
        // An empty line separates the table, unless the file has none between this one and the next.
        let is_blank_or_none = |line: Option<&str>| line.is_none_or(is_blank);
        if !is_blank_or_none(before.lines().next_back()) && is_blank_or_none(after.lines().next()) {
            lines.insert(0, String::new());
        }
        Ok(insert_lines(self.text, at, &lines))
    }

    /// Returns the end of the comments from `at` on, unless they are directly above something else.
    fn end_of_comments(&self, at: usize) -> usize {
        let mut end = at;
        while self.text[end..].trim_start_matches([' ', '\t']).starts_with('#') {
            end = line_end(self.text, end);
        }
        let next = &self.text[end..line_end(self.text, end)];
        if is_blank(next) { end } else { at }
    }
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    [&text[..range.start], new, &text[range.end..]].concat()
}

/// Inserts lines at the start of a line, or at the end of the text.
fn insert_lines(text: &str, at: usize, lines: &[String]) -> String {
    let end = line_ending(text, at);
    let start = if at > 0 && !text[..at].ends_with('\n') { end } else { "" };
    splice(text, at..at, &format!("{start}{}{end}", lines.join(end)))
}

fn toml_value(value: &Value) -> Result<TomlValue, EditError> {
    Ok(match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number.as_i64().ok_or(EditError::Form)?.into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => {
            let list = list.iter().map(toml_value).collect::<Result<Array, _>>()?;
            list.into()
        }
        Value::Object(fields) => {
            let mut table = toml_edit::InlineTable::new();
            for (name, value) in fields {
                table.insert(name, toml_value(value)?);
            }
            table.into()
        }
        Value::Null => return Err(EditError::Form),
    })
}

fn table_json(table: &dyn TableLike) -> Value {
    let fields = table.iter().map(|(name, item)| (name.to_owned(), item_json(item)));
    Value::Object(fields.collect())
}

fn item_json(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => value_json(value),
        Item::Table(table) => table_json(table),
        Item::ArrayOfTables(tables) => tables.iter().map(|table| table_json(table)).collect(),
    }
}

fn value_json(value: &TomlValue) -> Value {
    match value {
        TomlValue::String(text) => text.value().as_str().into(),
        TomlValue::Integer(number) => (*number.value()).into(),
        TomlValue::Float(number) => number.value().to_string().into(),
        TomlValue::Boolean(flag) => (*flag.value()).into(),
        TomlValue::Datetime(time) => time.value().to_string().into(),
        TomlValue::Array(list) => list.iter().map(value_json).collect(),
        TomlValue::InlineTable(table) => table_json(table),
    }
}
