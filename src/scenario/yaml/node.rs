//! The YAML tree with positions: every value and every key knows where it stands in its file.

use serde::Serialize;

/// A stretch of a file: byte offsets for slicing, line and column (both from 1, in characters) for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line of `start`, from 1.
    pub line: usize,
    /// Column of `start`, from 1, in characters.
    pub column: usize,
}

impl Span {
    /// The very beginning of a file, for problems that concern all of it.
    pub const START: Span = Span { start: 0, end: 0, line: 1, column: 1 };
}

/// A number as YAML reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number from 0 on.
    Unsigned(u64),
    /// A whole number below 0.
    Signed(i64),
    /// Any other number; always finite.
    Float(f64),
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `key:` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with its text as written: `1.10` may be meant as a name.
    Number(Number, String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, each key once.
    Map(Vec<Entry>),
    /// A value with a problem that has been reported; nothing more is said about it.
    Invalid,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique within one tree.
    pub id: u32,
    /// The whole value: of a list or a map up to the end of its last part.
    pub span: Span,
    /// Where the value was written, when that is elsewhere: the definition of an alias or of a variable.
    pub origin: Option<Span>,
    /// The value.
    pub value: Value,
}

/// A key of a map and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Value {
    /// What the value is, in the words of a message: `a list`, ``text `abc` ``.
    pub fn describe(&self) -> String {
        match self {
            Value::Null => "nothing".into(),
            Value::Bool(b) => format!("`{b}`"),
            Value::Number(_, text) => format!("the number `{text}`"),
            Value::Text(text) => format!("the text `{}`", shorten(text)),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
            Value::Invalid => "an invalid value".into(),
        }
    }
}

/// The first line of `text`, cut to a length that fits into a message.
pub fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    let line = text.lines().next().unwrap_or("");
    if line.len() == text.len() && line.chars().count() <= MOST {
        return line.into();
    }
    line.chars().take(MOST).chain(['…']).collect()
}

impl Node {
    /// A node without a place, for values made by the program.
    pub fn bare(value: Value) -> Node {
        Node { id: 0, span: Span::START, origin: None, value }
    }

    /// The value of `key`, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// The entry of `key`, when this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// A scalar's text as written; `None` for lists, maps and nothing.
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Number(_, text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What to underline: a scalar as a whole, of a list or a map its first key or first element.
    pub fn mark(&self) -> Span {
        match &self.value {
            Value::Map(entries) => match entries.first() {
                Some(first) if first.key_span.start == self.span.start => first.key_span,
                _ => Span { end: (self.span.start + 1).min(self.span.end), ..self.span },
            },
            Value::List(_) => Span { end: (self.span.start + 1).min(self.span.end), ..self.span },
            _ => self.span,
        }
    }

    /// The direct parts: elements of a list, values of a map.
    pub fn children(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match &self.value {
            Value::List(items) => Box::new(items.iter()),
            Value::Map(entries) => Box::new(entries.iter().map(|e| &e.value)),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The direct parts, to be changed.
    pub fn children_mut(&mut self) -> Box<dyn Iterator<Item = &mut Node> + '_> {
        match &mut self.value {
            Value::List(items) => Box::new(items.iter_mut()),
            Value::Map(entries) => Box::new(entries.iter_mut().map(|e| &mut e.value)),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Gives every node of the tree its own id, counting from `next`; returns the first id not used.
    pub fn number(&mut self, next: u32) -> u32 {
        self.id = next;
        self.children_mut().fold(next + 1, |next, child| child.number(next))
    }

    /// The number of nodes in the tree.
    pub fn size(&self) -> usize {
        1 + self.children().map(Node::size).sum::<usize>()
    }

    /// The largest id in the tree.
    pub fn highest_id(&self) -> u32 {
        self.children().map(Node::highest_id).fold(self.id, u32::max)
    }

    /// The nodes from the root down to the node `id`, with each one's entry key or list index as path text.
    pub fn trail(&self, id: u32) -> Option<Trail<'_>> {
        let mut trail = Trail { nodes: vec![self], key: None, path: String::new() };
        trail.descend(id).then_some(trail)
    }

    /// The node `id`, to be changed.
    pub fn find_mut(&mut self, id: u32) -> Option<&mut Node> {
        if self.id == id {
            return Some(self);
        }
        self.children_mut().find_map(|child| child.find_mut(id))
    }
}

/// The way from the root of a tree to one of its nodes.
#[derive(Debug, Clone)]
pub struct Trail<'a> {
    /// Root first, the node itself last; never empty.
    pub nodes: Vec<&'a Node>,
    /// The node's own entry, when it is the value of a key.
    pub key: Option<&'a Entry>,
    /// Text such as `faults[2].process-kill.target`; empty for the root.
    pub path: String,
}

impl<'a> Trail<'a> {
    /// The node itself.
    pub fn node(&self) -> &'a Node {
        self.nodes[self.nodes.len() - 1]
    }

    fn descend(&mut self, id: u32) -> bool {
        let node = self.node();
        if node.id == id {
            return true;
        }
        let (length, key) = (self.path.len(), self.key);
        let mut tries = |child: &'a Node, step: String, key: Option<&'a Entry>| {
            self.nodes.push(child);
            self.path.push_str(&step);
            self.key = key;
            if self.descend(id) {
                return true;
            }
            self.nodes.pop();
            self.path.truncate(length);
            false
        };
        let found = match &node.value {
            Value::List(items) => items.iter().enumerate().any(|(i, item)| tries(item, format!("[{i}]"), None)),
            Value::Map(entries) => entries.iter().any(|e| {
                let step = if length == 0 { e.key.clone() } else { format!(".{}", e.key) };
                tries(&e.value, step, Some(e))
            }),
            _ => false,
        };
        if !found {
            self.key = key;
        }
        found
    }
}
