//! Edits of YAML by lines, so that comments, order and quotes stay. A section in block style can be
//! changed; what is written otherwise is left to the user. The caller parses the result and compares it
//! with what the edit was to do.

use std::ops::Range;

use serde_json::Value;

use super::edit::{Place, Plan};

/// Spaces by which a new entry is indented.
const INDENT: usize = 2;

/// Parses a file; an empty one is null. Errors name the position.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let error = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        error.lines().next().unwrap_or_default().to_owned()
    })
}

/// Writes the fields that differ, into an entry that is created if it is missing; `None` for a file in
/// another form.
pub(super) fn apply(text: &str, place: &Place, section: &[&str], plan: &Plan) -> Option<String> {
    let [section] = section else { return None };
    let mut lines = Lines::new(text);
    let block = if let Some(at) = lines.find_key(0..lines.0.len(), 0, section) {
        lines.open_block(at, place)?
    } else {
        lines.end_last_line();
        lines.push(format!("{section}:"));
        lines.0.len()..lines.0.len()
    };
    let indent = lines.indent_in(block.clone()).unwrap_or(INDENT);
    match lines.find_entry(block.clone(), indent, place) {
        Some(entry) => lines.edit_entry(entry, place, plan)?,
        None => lines.add_entry(block.end, indent, place, plan),
    }
    Some(lines.join())
}

/// Removes an entry that exists; `None` for a file in another form.
pub(super) fn remove(text: &str, place: &Place, section: &[&str]) -> Option<String> {
    let [section] = section else { return None };
    let mut lines = Lines::new(text);
    let at = lines.find_key(0..lines.0.len(), 0, section)?;
    let block = lines.open_block(at, place)?;
    let indent = lines.indent_in(block.clone())?;
    let entry = lines.find_entry(block.clone(), indent, place)?;
    let is_last = !lines.0[block.start..entry.start].iter().any(|line| indent_of(line).is_some())
        && !lines.0[entry.end..block.end].iter().any(|line| indent_of(line).is_some());
    lines.0.drain(entry);
    if is_last {
        let empty = if place.is_list { "[]" } else { "{}" };
        let end = line_end(&lines.0[at]);
        lines.0[at] = format!("{section}: {empty}{end}");
    }
    Some(lines.join())
}

/// The lines of a file, each with its end.
struct Lines(Vec<String>, &'static str);

impl Lines {
    fn new(text: &str) -> Self {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Self(text.split_inclusive('\n').map(str::to_owned).collect(), end)
    }

    fn join(self) -> String {
        self.0.concat()
    }

    fn push(&mut self, line: String) {
        self.0.push(line + self.1);
    }

    fn insert(&mut self, at: usize, line: String) {
        if at == self.0.len() {
            self.end_last_line();
        }
        self.0.insert(at, line + self.1);
    }

    fn end_last_line(&mut self) {
        if let Some(last) = self.0.last_mut().filter(|last| !last.ends_with('\n')) {
            last.push_str(self.1);
        }
    }

    /// Finds the line of a key among those of one indentation.
    fn find_key(&self, range: Range<usize>, indent: usize, key: &str) -> Option<usize> {
        range.into_iter().find(|at| {
            indent_of(&self.0[*at]) == Some(indent) && value_of(&self.0[*at], key).is_some()
        })
    }

    /// Returns the lines below a section's key, without empty ones at the end. An empty section in flow
    /// style is written as a block first.
    fn open_block(&mut self, at: usize, place: &Place) -> Option<Range<usize>> {
        let key = self.0[at].split(':').next()?.to_owned();
        let value = self.0[at].get(key.len() + 1..)?;
        let content = strip_comment(value).trim();
        match content {
            "" => {}
            "{}" | "[]" | "null" | "~" => {
                let end = line_end(&self.0[at]);
                self.0[at] = format!("{key}:{end}");
            }
            _ => return None,
        }
        let belongs = |line: &str| match indent_of(line) {
            Some(0) => place.is_list && is_item(line),
            _ => true,
        };
        let rest = &self.0[at + 1..];
        let length = rest.iter().position(|line| !belongs(line)).unwrap_or(rest.len());
        Some(self.trim(at + 1..at + 1 + length))
    }

    /// The indentation of the first line with content.
    fn indent_in(&self, range: Range<usize>) -> Option<usize> {
        self.0[range].iter().find_map(|line| indent_of(line))
    }

    fn find_entry(
        &self,
        block: Range<usize>,
        indent: usize,
        place: &Place,
    ) -> Option<Range<usize>> {
        if !place.is_list {
            let at = self.find_key(block.clone(), indent, place.name)?;
            return Some(self.extent(at, block.end, indent));
        }
        let items = block
            .clone()
            .filter(|at| indent_of(&self.0[*at]) == Some(indent) && is_item(&self.0[*at]));
        items.map(|at| self.extent(at, block.end, indent)).find(|item| {
            let fields = item_indent(&self.0[item.start]);
            item.clone().any(|at| {
                let line = self.field_line(at, item.start);
                indent_of(&line) == Some(fields)
                    && value_of(&line, "name").is_some_and(|name| unquote(name) == place.name)
            })
        })
    }

    /// The lines from `at` to the next one that is not indented deeper.
    fn extent(&self, at: usize, end: usize, indent: usize) -> Range<usize> {
        let is_next = |at: &usize| indent_of(&self.0[*at]).is_some_and(|found| found <= indent);
        let next = (at + 1..end).find(is_next).unwrap_or(end);
        self.trim(at..next)
    }

    /// The lines of a field: deeper ones, and the items of a list that is as deep as its key.
    fn field_extent(&self, at: usize, end: usize, indent: usize) -> Range<usize> {
        let is_next = |at: &usize| match indent_of(&self.0[*at]) {
            None => false,
            Some(found) => found < indent || (found == indent && !is_item(&self.0[*at])),
        };
        let next = (at + 1..end).find(is_next).unwrap_or(end);
        self.trim(at..next)
    }

    /// Leaves out empty lines and comments at the end: they belong to what follows.
    fn trim(&self, range: Range<usize>) -> Range<usize> {
        let last = range.clone().rev().find(|at| indent_of(&self.0[*at]).is_some());
        range.start..last.map_or(range.start, |last| last + 1)
    }

    /// A line as if the dash of its item were a space.
    fn field_line(&self, at: usize, start: usize) -> String {
        let line = &self.0[at];
        if at == start && is_item(line) { line.replacen('-', " ", 1) } else { line.clone() }
    }

    fn edit_entry(&mut self, mut entry: Range<usize>, place: &Place, plan: &Plan) -> Option<()> {
        let start = entry.start;
        let indent = if place.is_list {
            item_indent(&self.0[start])
        } else {
            // A value on the key's own line is in flow style.
            let value = value_of(&self.0[start], place.name)?;
            if !matches!(value, "" | "{}" | "null" | "~") {
                return None;
            }
            let key = self.0[start].split(':').next()?.to_owned();
            self.0[start] = format!("{key}:{}", self.1);
            let own = indent_of(&self.0[start])?;
            self.indent_in(start + 1..entry.end).unwrap_or(own + INDENT)
        };
        for name in &plan.remove {
            let field = self.find_field(&entry, indent, name)?;
            if place.is_list && field.start == start {
                return None;
            }
            entry.end -= field.len();
            self.0.drain(field);
        }
        for (name, value) in &plan.set {
            let line = format!("{}{name}: {value}", " ".repeat(indent));
            if let Some(field) = self.find_field(&entry, indent, name) {
                let is_first = place.is_list && field.start == start;
                let dash = self.0[start].find('-');
                entry.end -= field.len() - 1;
                let at = field.start;
                self.0.drain(field);
                self.insert(at, line);
                if is_first {
                    let dash = dash?;
                    self.0[at].replace_range(dash..=dash, "-");
                }
            } else {
                self.insert(entry.end, line);
                entry.end += 1;
            }
        }
        Some(())
    }

    fn find_field(&self, entry: &Range<usize>, indent: usize, name: &str) -> Option<Range<usize>> {
        let at = entry.clone().find(|at| {
            let line = self.field_line(*at, entry.start);
            indent_of(&line) == Some(indent) && value_of(&line, name).is_some()
        })?;
        Some(self.field_extent(at, entry.end, indent))
    }

    fn add_entry(&mut self, at: usize, indent: usize, place: &Place, plan: &Plan) {
        let own = " ".repeat(indent);
        let mut lines = Vec::new();
        if !place.is_list {
            lines.push(format!("{own}{}:", place.name));
        }
        for (index, (name, value)) in plan.set.iter().enumerate() {
            let lead = if place.is_list && index == 0 { "- " } else { "  " };
            lines.push(format!("{own}{lead}{name}: {value}"));
        }
        for (offset, line) in lines.into_iter().enumerate() {
            self.insert(at + offset, line);
        }
    }
}

/// The number of spaces before a line's content; `None` for an empty line or a comment.
fn indent_of(line: &str) -> Option<usize> {
    let content = line.trim_start_matches(' ');
    let is_content = !content.trim_end().is_empty() && !content.starts_with('#');
    is_content.then(|| line.len() - content.len())
}

fn is_item(line: &str) -> bool {
    let content = line.trim_start_matches(' ');
    content.trim_end() == "-" || content.starts_with("- ")
}

/// The indentation of the fields of an item.
fn item_indent(line: &str) -> usize {
    let dash = line.find('-').unwrap_or(0);
    let after = &line[dash + 1..];
    dash + 1 + (after.len() - after.trim_start_matches(' ').len())
}

/// The text after `key:`, without a comment; `None` for a line of another key.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim();
    let forms = [key.to_owned(), format!("\"{key}\""), format!("'{key}'")];
    let rest = forms.iter().find_map(|form| line.strip_prefix(form.as_str()))?;
    let value = rest.trim_start_matches(' ').strip_prefix(':')?;
    (value.is_empty() || value.starts_with(' ')).then(|| strip_comment(value).trim())
}

/// Cuts a comment, which begins with a space and a number sign, off a value without quotes.
fn strip_comment(value: &str) -> &str {
    if value.trim_start().starts_with(['"', '\'']) {
        return value;
    }
    value.find(" #").map_or(value, |at| &value[..at])
}

fn unquote(text: &str) -> &str {
    let quoted = ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote).and_then(|rest| rest.split(*quote).next()));
    quoted.unwrap_or(text)
}

fn line_end(line: &str) -> &'static str {
    if line.ends_with("\r\n") {
        "\r\n"
    } else if line.ends_with('\n') {
        "\n"
    } else {
        ""
    }
}
