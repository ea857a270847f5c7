//! The source as tokens and trees.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;

/// A Rust file of this house.
pub struct File {
    /// Its path from the root, `src/model/time.rs`.
    pub path: String,
    pub text: String,
    /// Its tokens, macros included.
    pub tokens: Vec<Token>,
    /// Whether it is compiled for tests only.
    pub test: bool,
    /// First and last lines of items at the top that are compiled for tests only.
    test_lines: Vec<(usize, usize)>,
    /// The files of its `#[cfg(test)] mod name;`.
    test_modules: Vec<String>,
}

/// A token, flat: groups are opened and closed by their brackets.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
    /// Inside an item that is compiled for tests only.
    pub test: bool,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// All files below a folder that end in one of `ends`, sorted, as paths from the root.
pub fn walk(folder: &str, ends: &[&str]) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every Rust file of the crate, its tests and its benchmarks, read once.
pub fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let paths = [walk("src", &[".rs"]), walk("tests", &[".rs"]), walk("benches", &[".rs"])].concat();
        let mut files: Vec<File> = paths.into_iter().map(|path| File::new(path.clone(), read(&path))).collect();
        let tests: BTreeSet<String> = files.iter().flat_map(|f| f.test_modules.clone()).collect();
        for file in &mut files {
            let below = |root: &String| file.path.starts_with(&format!("{}/", root.trim_end_matches(".rs")));
            let apart = ["tests/", "benches/"].iter().any(|folder| file.path.starts_with(folder));
            let test = apart || tests.contains(&file.path) || tests.iter().any(below);
            file.mark(test);
        }
        files
    })
}

/// The files of `#[cfg(test)] mod name;` declarations.
fn test_modules(path: &str, tree: &syn::File) -> Vec<String> {
    let path = Path::new(path);
    let folder = match path.file_name().and_then(|n| n.to_str()) {
        Some("mod.rs" | "lib.rs" | "main.rs") => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let mut found = Vec::new();
    for item in &tree.items {
        let syn::Item::Mod(module) = item else { continue };
        if module.content.is_some() || !module.attrs.iter().any(is_cfg_test) {
            continue;
        }
        match module.attrs.iter().find_map(path_of) {
            Some(given) => found.push(path.parent().unwrap().join(given)),
            None => {
                let plain = folder.join(module.ident.to_string());
                found.push(plain.with_extension("rs"));
                found.push(plain.join("mod.rs"));
            }
        }
    }
    found.into_iter().map(|p| p.to_string_lossy().into_owned()).collect()
}

fn path_of(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if meta.path.is_ident("path") => {
            Some(text.value())
        }
        _ => None,
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`, `#[tokio::test]`.
pub fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    let last = attribute.path().segments.last().map(|s| s.ident.to_string());
    match (last.as_deref(), &attribute.meta) {
        (Some("test"), _) => true,
        (Some("cfg"), syn::Meta::List(list)) => {
            let text = list.tokens.to_string();
            !text.contains("not") && text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
        }
        _ => false,
    }
}

impl File {
    pub fn new(path: String, text: String) -> File {
        let stream: TokenStream = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        let mut file = File { path, text, tokens, test: false, test_lines: Vec::new(), test_modules: Vec::new() };
        let tree = file.tree();
        file.test_lines = test_lines(&tree);
        file.test_modules = test_modules(&file.path, &tree);
        file
    }

    /// Says of the file, and so of each token, whether it is compiled for tests only.
    pub fn mark(&mut self, test: bool) {
        self.test = test;
        for token in &mut self.tokens {
            token.test = test || self.test_lines.iter().any(|(from, to)| (*from..=*to).contains(&token.line));
        }
    }

    /// Whether a line, counted from 1, is compiled for tests only.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.test || self.test_lines.iter().any(|(from, to)| (*from..=*to).contains(&line))
    }

    /// The file as a tree.
    pub fn tree(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|e| panic!("{}: {e}", self.path))
    }
}

fn test_lines(tree: &syn::File) -> Vec<(usize, usize)> {
    let attributes = |item: &syn::Item| match item {
        syn::Item::Mod(i) => i.attrs.clone(),
        syn::Item::Fn(i) => i.attrs.clone(),
        syn::Item::Impl(i) => i.attrs.clone(),
        syn::Item::Use(i) => i.attrs.clone(),
        _ => Vec::new(),
    };
    let tests = tree.items.iter().filter(|item| attributes(item).iter().any(is_cfg_test));
    tests.map(|item| (item.span().start().line, item.span().end().line)).collect()
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |text: String, line: usize| into.push(Token { text, line, test: false });
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(open.into(), line);
                flatten(group.stream(), into);
                into.push(Token { text: close.into(), line: group.span_close().start().line, test: false });
            }
            TokenTree::Ident(ident) => push(ident.to_string(), line),
            TokenTree::Punct(punct) => push(punct.as_char().to_string(), line),
            TokenTree::Literal(literal) => push(literal.to_string(), line),
        }
    }
}

/// Where a sequence of tokens occurs, such as `["std", ":", ":", "fs"]`; written as `std::fs`.
pub fn occurrences<'t>(tokens: &'t [Token], path: &str) -> impl Iterator<Item = &'t Token> {
    let mut wanted: Vec<String> = Vec::new();
    for (i, part) in path.split("::").enumerate() {
        if i > 0 {
            wanted.extend([":".to_owned(), ":".to_owned()]);
        }
        wanted.push(part.to_owned());
    }
    let length = wanted.len();
    tokens.windows(length).filter(move |w| w.iter().zip(&wanted).all(|(t, want)| t.text == *want)).map(|w| &w[0])
}
