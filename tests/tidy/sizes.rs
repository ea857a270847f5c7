//! Sizes: what does not fit on a few screens is not read.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::none;
use crate::source::{File, files, is_cfg_test, read, walk};

/// Lines of a file, tests included.
const FILE: usize = 600;
/// Lines of a function.
const FUNCTION: usize = 70;
/// Lines of a function in tests: a story told in one piece may be longer.
const TEST_FUNCTION: usize = 100;
/// Characters of a line.
const WIDTH: usize = 120;

#[test]
fn files_are_short() {
    let long = files().iter().map(|f| (f.text.lines().count(), &f.path)).filter(|(lines, _)| *lines > FILE);
    none("files over 600 lines", &long.map(|(lines, path)| format!("{path}: {lines}")).collect::<Vec<_>>());
}

#[test]
fn functions_are_short() {
    let long: Vec<_> = files().iter().flat_map(long_functions).collect();
    none("functions over 70 lines, in tests over 100", &long);
}

#[test]
fn lines_are_narrow() {
    let mut wide = Vec::new();
    for file in files() {
        // rustfmt breaks what it can; inside the macros of property tests it cannot.
        let lines = file.text.lines().enumerate().filter(|(n, l)| is_wide(l) && !file.is_test_line(n + 1));
        wide.extend(lines.map(|(n, _)| format!("{}:{}", file.path, n + 1)));
    }
    let papers = [walk("docs", &[".md"]), walk("scenarios", &[".yaml"]), walk("loadprofiles", &[".yaml"])].concat();
    for path in papers.into_iter().chain(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(String::from)) {
        let text = read(&path);
        wide.extend(text.lines().enumerate().filter(|(_, l)| is_wide(l)).map(|(n, _)| format!("{path}:{}", n + 1)));
    }
    none("lines over 120 characters", &wide);
}

/// Too wide, and neither a row of a table nor a text or an address that has to stand in one piece.
fn is_wide(line: &str) -> bool {
    let drawn = line.trim_start().starts_with(['|', '│', '╭', '├', '╰']);
    line.chars().count() > WIDTH && !drawn && !line.contains(['"', '\\']) && !line.contains("https://")
}

fn long_functions(file: &File) -> Vec<String> {
    let mut visitor = Functions { file, test: file.test, found: Vec::new() };
    visitor.visit_file(&file.tree());
    visitor.found
}

struct Functions<'f> {
    file: &'f File,
    test: bool,
    found: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, from: proc_macro2::Span, block: &syn::Block, attrs: &[syn::Attribute]) {
        let lines = block.span().end().line + 1 - from.start().line;
        let test = self.test || attrs.iter().any(is_cfg_test);
        if lines > if test { TEST_FUNCTION } else { FUNCTION } {
            self.found.push(format!("{}:{} {name}: {lines} lines", self.file.path, from.start().line));
        }
    }
}

impl<'a> Visit<'a> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let before = self.test;
        self.test |= module.attrs.iter().any(is_cfg_test);
        visit::visit_item_mod(self, module);
        self.test = before;
    }

    fn visit_item_fn(&mut self, f: &'a syn::ItemFn) {
        self.measure(&f.sig.ident, f.sig.span(), &f.block, &f.attrs);
        visit::visit_item_fn(self, f);
    }

    fn visit_impl_item_fn(&mut self, f: &'a syn::ImplItemFn) {
        self.measure(&f.sig.ident, f.sig.span(), &f.block, &f.attrs);
        visit::visit_impl_item_fn(self, f);
    }

    fn visit_trait_item_fn(&mut self, f: &'a syn::TraitItemFn) {
        if let Some(block) = &f.default {
            self.measure(&f.sig.ident, f.sig.span(), block, &f.attrs);
        }
        visit::visit_trait_item_fn(self, f);
    }
}
