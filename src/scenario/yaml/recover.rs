//! All errors of a file in one pass, though serde stops at the first: report it, take the culprit out of a copy of the
//! tree, and read again, until the rest can be read or nothing is left.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::de::De;
use super::error::{At, DeError, Kind};
use super::node::{Entry, Node, Number, Span, Trail, Value};
use super::parse::Flaw;

/// A flaw of the tree and the path to what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeFlaw {
    /// The flaw.
    pub flaw: Flaw,
    /// Text such as `faults[2].at`.
    pub path: String,
}

/// Each flaw costs one more reading: a file with more than that is hardly a scenario, and nobody reads on.
const MOST_FLAWS: usize = 200;

/// What could be read of a tree.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    /// The value; without what is wrong, and with stand-ins for what is missing, when there are flaws or left-out
    /// parts.
    pub value: Option<T>,
    /// Everything that is wrong.
    pub flaws: Vec<TypeFlaw>,
    /// Paths of what was left out or stood in for.
    pub left_out: Vec<String>,
}

/// Reads the tree as a `T`, as far as it goes, and says everything that stands in the way.
pub fn read<T: DeserializeOwned>(root: &Node) -> Reading<T> {
    let mut surgery = Surgery::new(root);
    // Each round takes a node out, or tries one more stand-in for a missing key; the bound is far above what that
    // needs.
    let rounds = root.size() * (STAND_INS.len() + 2) + 10;
    let mut value = None;
    for _ in 0..rounds {
        match T::deserialize(De(&surgery.work)) {
            Ok(read) => {
                value = Some(read);
                break;
            }
            Err(error) => {
                if surgery.treat(error).is_none() {
                    break;
                }
                if surgery.flaws.len() >= MOST_FLAWS {
                    surgery.give_up();
                    break;
                }
            }
        }
    }
    Reading { value, flaws: surgery.flaws, left_out: surgery.left_out }
}

/// Values tried in turn for a key that is missing, so that reading goes on past it. Nobody but the lint of what is left
/// sees them.
const STAND_INS: [fn() -> Value; 7] = [
    || Value::Text("1s".into()),
    || Value::Text("1%".into()),
    || Value::Number(Number::Unsigned(1), "1".into()),
    || Value::Bool(true),
    || Value::List(Vec::new()),
    || Value::Map(Vec::new()),
    || Value::Text("< 1s".into()),
];

struct Surgery<'a> {
    original: &'a Node,
    work: Node,
    next_id: u32,
    flaws: Vec<TypeFlaw>,
    /// Maps and lists that lost a part: what they complain of next may be our doing.
    touched: HashSet<u32>,
    /// Keys taken out of a map, or written there with a slip: their absence is no news.
    taken: HashSet<(u32, String)>,
    /// Stand-ins by id, with the map and the number of the value in place now.
    stand_ins: Vec<(u32, u32, usize)>,
    left_out: Vec<String>,
}

impl<'a> Surgery<'a> {
    fn new(original: &'a Node) -> Surgery<'a> {
        Surgery {
            original,
            work: original.clone(),
            next_id: original.highest_id() + 1,
            flaws: Vec::new(),
            touched: HashSet::new(),
            taken: HashSet::new(),
            stand_ins: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Reports the error unless it follows from an earlier one, and removes its cause. `None` when nothing is left.
    fn treat(&mut self, error: DeError) -> Option<()> {
        let (id, at_key) = match error.at {
            Some(At::Value(id)) => (id, false),
            Some(At::Key(id)) => (id, true),
            None => (self.work.id, false),
        };
        if let Some(index) = self.stand_in_above(id) {
            return self.next_stand_in(index);
        }
        match &error.kind {
            Kind::Missing(key) => {
                let key = key.clone();
                if !self.taken.contains(&(id, key.clone())) {
                    self.report(id, false, &error);
                    self.taken.insert((id, key.clone()));
                }
                self.insert_stand_in(id, key)
            }
            Kind::Wrong => {
                if !self.touched.contains(&id) || at_key {
                    self.report(id, at_key, &error);
                }
                if let (Some(meant), Some(parent)) = (error.meant, self.parent(id)) {
                    self.taken.insert((parent, meant));
                }
                self.remove(id)
            }
            Kind::Known => self.remove(id),
        }
    }

    fn report(&mut self, id: u32, at_key: bool, error: &DeError) {
        let Some(trail) = self.original.trail(id) else { return };
        let missing = matches!(error.kind, Kind::Missing(_));
        let span = span_of(&trail, at_key, missing);
        let mut hint = error.hint.clone();
        if let (Some(origin), false) = (trail.node().origin, at_key) {
            let from = format!("the value comes from line {}", origin.line);
            hint = Some(hint.map_or(from.clone(), |h| format!("{h}; {from}")));
        }
        let flaw = Flaw { span, message: error.message.clone(), hint };
        self.flaws.push(TypeFlaw { flaw, path: trail.path });
    }

    fn give_up(&mut self) {
        if let Some(last) = self.flaws.last() {
            let message = format!("only the first {MOST_FLAWS} problems are shown; there may be more");
            self.flaws.push(TypeFlaw { flaw: Flaw::new(last.flaw.span, message), path: String::new() });
        }
    }

    fn parent(&self, id: u32) -> Option<u32> {
        let trail = self.work.trail(id)?;
        trail.nodes.len().checked_sub(2).map(|i| trail.nodes[i].id)
    }

    /// Takes a node out of its list or map.
    fn remove(&mut self, id: u32) -> Option<()> {
        let parent = self.parent(id)?;
        self.left_out.extend(self.original.trail(id).map(|t| t.path));
        if let Some(entry) = self.work.trail(id)?.key {
            self.taken.insert((parent, entry.key.clone()));
        }
        self.touched.insert(parent);
        match &mut self.work.find_mut(parent)?.value {
            Value::List(items) => items.retain(|item| item.id != id),
            Value::Map(entries) => entries.retain(|e| e.value.id != id),
            _ => return None,
        }
        Some(())
    }

    fn insert_stand_in(&mut self, map: u32, key: String) -> Option<()> {
        let id = self.next_id;
        self.next_id += 1;
        self.touched.insert(map);
        if let Some(trail) = self.original.trail(map) {
            let dot = if trail.path.is_empty() { "" } else { "." };
            self.left_out.push(format!("{}{dot}{key}", trail.path));
        }
        let node = Node { id, ..Node::bare(STAND_INS[0]()) };
        let Value::Map(entries) = &mut self.work.find_mut(map)?.value else { return None };
        if entries.iter().any(|e| e.key == key) {
            // The type wants a key by a name it does not read: nothing can be put there.
            return self.remove(map);
        }
        entries.push(Entry { key, key_span: Span::START, value: node });
        self.stand_ins.push((id, map, 0));
        Some(())
    }

    fn stand_in_above(&self, id: u32) -> Option<usize> {
        let trail = self.work.trail(id)?;
        self.stand_ins.iter().position(|(stand_in, ..)| trail.nodes.iter().any(|n| n.id == *stand_in))
    }

    fn next_stand_in(&mut self, index: usize) -> Option<()> {
        let (id, map, tried) = self.stand_ins[index];
        match STAND_INS.get(tried + 1) {
            Some(make) => {
                self.stand_ins[index].2 = tried + 1;
                self.work.find_mut(id)?.value = make();
                Some(())
            }
            None => self.remove(map),
        }
    }
}

/// What to underline: the key for an unknown key, for a missing one the key of the map that lacks it.
fn span_of(trail: &Trail<'_>, at_key: bool, missing: bool) -> Span {
    match trail.key {
        Some(entry) if at_key || missing => entry.key_span,
        _ => trail.node().mark(),
    }
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
