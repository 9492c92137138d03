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
        lines.insert(lines.0.len(), &format!("{section}:"));
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
        set_value(&mut lines.0[at], if place.is_list { "[]" } else { "{}" })?;
    }
    Some(lines.join())
}

/// The lines of a file, each with its end.
struct Lines(Vec<String>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.split_inclusive('\n').map(str::to_owned).collect())
    }

    fn join(self) -> String {
        self.0.concat()
    }

    /// Inserts a line, which gets the end of its neighbour.
    fn insert(&mut self, at: usize, line: &str) {
        let (before, after) = self.0.split_at(at);
        let near = before.iter().rev().chain(after).find(|line| line.ends_with('\n'));
        let end = if near.is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
        if let Some(last) = self.0[..at].last_mut().filter(|last| !last.ends_with('\n')) {
            last.push_str(end);
        }
        self.0.insert(at, format!("{line}{end}"));
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
        match split_value(&self.0[at])?.1 {
            "" => {}
            "{}" | "[]" | "null" | "~" => set_value(&mut self.0[at], "")?,
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
            set_value(&mut self.0[start], "")?;
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
            if let Some(field) = self.find_field(&entry, indent, name) {
                // The key's line stays with its comment; lines of the old value below it go.
                set_value(&mut self.0[field.start], &value.to_string())?;
                entry.end -= field.len() - 1;
                self.0.drain(field.start + 1..field.end);
            } else {
                self.insert(entry.end, &format!("{}{name}: {value}", " ".repeat(indent)));
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
            self.insert(at + offset, &line);
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
    (value.is_empty() || value.starts_with(' ')).then(|| split_comment(value).0.trim())
}

/// Splits a line with a key after the colon, and after the value. The rest is spaces, a comment and the end
/// of the line.
fn split_value(line: &str) -> Option<(&str, &str, &str)> {
    let first = line.find(['"', '\'', ':'])?;
    let key_end = first + quoted_length(&line[first..]).unwrap_or(0);
    let (key, rest) = line.split_at(key_end + line[key_end..].find(':')? + 1);
    let value = split_comment(rest).0.trim();
    let value_end = if value.is_empty() { 0 } else { rest.find(value)? + value.len() };
    Some((key, value, &rest[value_end..]))
}

/// Replaces the value on the line of a key; a comment and the end of the line stay.
fn set_value(line: &mut String, value: &str) -> Option<()> {
    let (key, _, rest) = split_value(line)?;
    let space = if value.is_empty() { "" } else { " " };
    *line = format!("{key}{space}{value}{rest}");
    Some(())
}

/// Splits a value from the comment after it, which begins with a number sign after a space.
fn split_comment(value: &str) -> (&str, &str) {
    let content = value.trim_start();
    let start = value.len() - content.len();
    let is_flow = content.starts_with(['[', '{']);
    let mut at = start;
    while let Some(rest) = value.get(at..).filter(|rest| !rest.is_empty()) {
        // Quotation marks within a word are part of it.
        let may_quote = at == start || is_flow && value[..at].ends_with([' ', ',', '[', '{', ':']);
        if may_quote && let Some(length) = quoted_length(rest) {
            at += length;
        } else if rest.starts_with('#') && value[..at].ends_with([' ', '\t']) {
            break;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    value.split_at(at.min(value.len()))
}

/// The length of the quoted text that a text begins with.
fn quoted_length(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote {
            // Two single quotation marks are one in the text.
            let is_doubled = quote == '\'' && chars.next_if(|(_, next)| *next == quote).is_some();
            if !is_doubled {
                return Some(at + 1);
            }
        }
    }
    None
}

fn unquote(text: &str) -> &str {
    let quoted = ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote).and_then(|rest| rest.split(*quote).next()));
    quoted.unwrap_or(text)
}
