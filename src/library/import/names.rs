//! The names that the items of a file get, so that no text replaces another one of the same file or of the
//! library.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};

use crate::domain::prompt::{Body, Name};

/// The number that the second text of a name gets.
pub(super) const FIRST_NUMBER: u32 = 2;

/// The names of the prompts that were imported so far. Memory is a few numbers for each.
#[derive(Debug, Default)]
pub(super) struct Names {
    hasher: RandomState,
    /// The hash of the text that each name has, by the hash of the name.
    texts: HashMap<u64, u64>,
    /// The numbers that were appended to a name for other texts, by both hashes.
    numbers: HashMap<(u64, u64), u32>,
    /// The number that the next text of a name gets.
    next: HashMap<u64, u32>,
}

/// What a name is to an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// No earlier item has it.
    Free,
    /// An earlier item has it with the same text. The name is that of the earlier one.
    Same(Name),
    /// Earlier items have it with other texts.
    Taken,
}

impl Names {
    /// Hashes a text as it is compared here.
    pub(super) fn hash(&self, text: impl Hash) -> u64 {
        self.hasher.hash_one(text)
    }

    /// Whether an earlier item has a name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.texts.contains_key(&self.hash(name))
    }

    /// Returns whether an earlier item has a name with another text.
    pub(super) fn differs(&self, name: &Name, text: u64) -> bool {
        self.texts.get(&self.hash(name.as_str())).is_some_and(|known| *known != text)
    }

    /// Returns what the name is to an item with a text.
    pub(super) fn find(&self, name: &Name, text: u64) -> Place {
        let key = self.hash(name.as_str());
        if let Some(number) = self.numbers.get(&(key, text)) {
            return Place::Same(number_name(name, *number));
        }
        match self.texts.get(&key) {
            None => Place::Free,
            Some(known) if *known == text => Place::Same(name.clone()),
            Some(_) => Place::Taken,
        }
    }

    /// Returns the number that the next text of a name gets.
    pub(super) fn next_number(&self, name: &Name) -> u32 {
        self.next.get(&self.hash(name.as_str())).copied().unwrap_or(FIRST_NUMBER)
    }

    /// Records the name of an item. `wanted` is the name that it had in the file, with the number that was
    /// appended to it.
    pub(super) fn add(&mut self, name: &Name, text: u64, wanted: Option<(&Name, u32)>) {
        self.texts.insert(self.hash(name.as_str()), text);
        if let Some((wanted, number)) = wanted {
            let key = self.hash(wanted.as_str());
            self.numbers.insert((key, text), number);
            let next = self.next_number(wanted).max(number + 1);
            self.next.insert(key, next);
        }
    }
}

/// The number of names without a prompt after which no further number is looked for.
const GAP_MAX: u32 = 8;

/// The prompts of the library that have a name and a number, as they were before the import. Memory is a few
/// numbers for each.
#[derive(Debug, Default)]
pub(super) struct Namesakes {
    hasher: RandomState,
    numbers: HashSet<u32>,
    last: u32,
    by_text: HashMap<u64, Vec<u32>>,
    by_title: HashMap<u64, Vec<u32>>,
}

impl Namesakes {
    /// Adds a prompt. Numbers come in their order.
    pub(super) fn add(&mut self, number: u32, body: &Body) {
        self.numbers.insert(number);
        self.last = number;
        let text = self.hasher.hash_one(body.content.as_str());
        self.by_text.entry(text).or_default().push(number);
        let title = self.hasher.hash_one(fold_title(body.title.as_str()));
        self.by_title.entry(title).or_default().push(number);
    }

    /// Whether so many numbers before this one are free that there may be no further one.
    pub(super) fn ends_before(&self, number: u32) -> bool {
        number >= self.last.max(1) + GAP_MAX
    }

    /// Whether a prompt has the number.
    pub(super) fn has(&self, number: u32) -> bool {
        self.numbers.contains(&number)
    }

    /// Returns the numbers of the prompts with a text.
    pub(super) fn of_text(&self, text: &str) -> &[u32] {
        self.by_text.get(&self.hasher.hash_one(text)).map_or(&[], Vec::as_slice)
    }

    /// Returns the numbers of the prompts with a title.
    pub(super) fn of_title(&self, title: &str) -> &[u32] {
        self.by_title.get(&self.hasher.hash_one(fold_title(title))).map_or(&[], Vec::as_slice)
    }
}

/// Returns a title as it is compared.
pub(super) fn fold_title(title: &str) -> String {
    title.trim().to_lowercase()
}

/// Returns a name with a number at its end.
pub(super) fn number_name(name: &Name, number: u32) -> Name {
    name.numbered(number).unwrap_or_else(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_name_get_numbers_in_their_order() {
        let name = Name::parse("review").unwrap();
        let mut names = Names::default();
        assert_eq!(names.find(&name, 1), Place::Free);
        names.add(&name, 1, None);
        assert_eq!(names.find(&name, 1), Place::Same(name.clone()));
        assert_eq!((names.find(&name, 2), names.next_number(&name)), (Place::Taken, 2));
        let second = number_name(&name, 2);
        assert_eq!(second.as_str(), "review-2");
        names.add(&second, 2, Some((&name, 2)));
        assert_eq!(names.find(&name, 2), Place::Same(second.clone()));
        assert_eq!((names.find(&name, 3), names.next_number(&name)), (Place::Taken, 3));
        assert!(names.has("review-2") && !names.has("review-3"));
        assert!(names.differs(&second, 3) && !names.differs(&second, 2));
    }
}
