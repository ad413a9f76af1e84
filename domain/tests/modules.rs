//! No circle between the modules of a crate: whoever reads one can read on from the bottom up. At every level, siblings use
//! each other in one direction only; whatever lies in a folder counts for the folder. A module and what it contains are one
//! idea and may use each other.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The modules of each crate that still use each other in a circle.
const KNOWN: [(&str, &[&str]); 1] = [("worker", &["agent::hand_in", "agent::spool", "agent::uplink"])];

const CRATES: [&str; 8] =
    ["domain", "proto", "report", "storage", "telemetry", "coordinator", "worker", "cli"];

type Module = Vec<String>;

/// Every module of a crate, with its text.
fn modules(folder: &Path, at: &Module, into: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = || at.iter().cloned().chain([name.clone()]).collect::<Module>();
        if path.is_dir() {
            modules(&path, &inner(), into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = if ["lib", "main", "mod"].contains(&name.as_str()) { at.clone() } else { inner() };
            into.entry(module).or_default().push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// The paths in this text that begin with `crate`, `self` or `super`; braces of a `use` are multiplied out.
fn paths(tokens: TokenStream, prefix: Option<&[String]>, into: &mut BTreeSet<Vec<String>>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut path: Vec<String> = prefix.unwrap_or_default().to_vec();
    let mut is_test = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(name) => {
                path.push(name.to_string());
                let follows =
                    |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
                let mut colons = 0;
                while tokens.next_if(follows).is_some() {
                    colons += 1;
                }
                if colons == 2 {
                    continue;
                }
            }
            TokenTree::Group(group) => match group.delimiter() {
                Delimiter::Bracket if group.stream().to_string().replace(' ', "") == "cfg(test)" => {
                    is_test = true;
                }
                // What only tests use is no part of the crate's order.
                Delimiter::Brace if std::mem::take(&mut is_test) => {}
                Delimiter::Brace if begins_here(&path) => paths(group.stream(), Some(&path), into),
                _ => paths(group.stream(), None, into),
            },
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        if begins_here(&path) {
            into.insert(path);
        }
        path = prefix.unwrap_or_default().to_vec();
    }
}

fn begins_here(path: &[String]) -> bool {
    path.first().is_some_and(|first| ["crate", "self", "super"].contains(&first.as_str()))
}

/// The module that a path in `from` leads to.
fn target(path: &[String], from: &Module, all: &BTreeMap<Module, String>) -> Module {
    let mut at = from.clone();
    for step in path {
        match step.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()),
            name => {
                at.push(name.to_owned());
                if !all.contains_key(&at) {
                    at.pop();
                    break;
                }
            }
        }
    }
    at
}

/// Which sibling uses which, at every level.
fn arrows(all: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, text) in all {
        let mut found = BTreeSet::new();
        paths(text.parse().unwrap(), None, &mut found);
        for path in found {
            let target = target(&path, module, all);
            let shared = module.iter().zip(&target).take_while(|(own, other)| own == other).count();
            if shared < module.len() && shared < target.len() {
                arrows.entry(module[..=shared].to_vec()).or_default().insert(target[..=shared].to_vec());
            }
        }
    }
    arrows
}

/// All that can be reached from here.
fn reach(from: &Module, arrows: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from.clone()]);
    while let Some(module) = open.pop() {
        let next = arrows.get(&module).into_iter().flatten();
        open.extend(next.filter(|module| reached.insert((*module).clone())).cloned());
    }
    reached
}

/// The siblings that reach themselves, as `folder::module`.
fn in_circles(all: &BTreeMap<Module, String>) -> BTreeSet<String> {
    let arrows = arrows(all);
    let in_circle = arrows.keys().filter(|module| reach(module, &arrows).contains(*module));
    in_circle.map(|module| module.join("::")).collect()
}

#[test]
fn no_crate_has_a_circle_of_modules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeMap::new();
    for name in CRATES {
        let mut all = BTreeMap::new();
        modules(&root.join(name).join("src"), &Module::new(), &mut all);
        let circles = in_circles(&all);
        if !circles.is_empty() {
            found.insert(name, circles);
        }
    }
    let known = KNOWN.into_iter().map(|(name, modules)| {
        let modules: BTreeSet<String> = modules.iter().map(|&module| module.to_owned()).collect();
        (name, modules)
    });
    assert_eq!(
        found,
        known.collect(),
        "left: modules that use each other in a circle; right: those that are known"
    );
}

#[test]
fn a_circle_is_found_through_braces_folders_and_macros_and_tests_make_none() {
    let of = |texts: &[(&str, &str)]| {
        let module = |name: &str| name.split("::").map(str::to_owned).collect::<Module>();
        let mut all: BTreeMap<_, _> =
            texts.iter().map(|(name, text)| (module(name), (*text).to_owned())).collect();
        all.insert(Module::new(), String::new());
        all.insert(module("folder"), String::new());
        in_circles(&all).into_iter().collect::<Vec<_>>()
    };
    let uses_a = "fn f() { html! { (super::super::a::f()) } }";
    assert_eq!(
        of(&[
            ("a", "use crate::{b, folder::{c::X, d}};"),
            ("folder::c", uses_a),
            ("folder::d", ""),
            ("b", "")
        ]),
        ["a", "folder"]
    );
    assert_eq!(
        of(&[("a", "use crate::b::X;"), ("b", "#[cfg(test)] mod tests { use crate::a::Y; }")]),
        [""; 0]
    );
    assert_eq!(
        of(&[("folder::c", "use super::d;"), ("folder::d", "use super::c::{self, X};")]),
        ["folder::c", "folder::d"]
    );
}
