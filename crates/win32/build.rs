//! Lists what the library exports, for `GetProcAddress`: its own source says it, so the list can't be another.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

/// What stands before a namesake of the C library's; Windows' name is what follows.
const PREFIX: &str = "proactor_";

/// The functions in a source file that are exported: each stands, without its types, behind the attribute.
fn exported(source: &str, found: &mut BTreeMap<String, String>) {
    for after in source.split("#[unsafe(no_mangle)]\n").skip(1) {
        let declaration = after.lines().find(|line| line.contains("fn ")).unwrap_or_default();
        let Some((_, rest)) = declaration.split_once("fn ") else { continue };
        let symbol: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let name = symbol.strip_prefix(PREFIX).unwrap_or(&symbol).to_owned();
        found.insert(name, symbol);
    }
}

fn read_folder(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("the sources can be listed") {
        let path = entry.expect("the sources can be listed").path();
        if path.is_dir() {
            read_folder(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            exported(&fs::read_to_string(&path).expect("a source can be read"), found);
        }
    }
}

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build.rs");
    let mut found = BTreeMap::new();
    read_folder(Path::new("src"), &mut found);
    let mut text = String::from("unsafe extern \"C\" {\n");
    for symbol in found.values() {
        writeln!(text, "    fn {symbol}();").expect("a string takes all");
    }
    text.push_str("}\n\n/// By Windows' names, in their order.\n");
    text.push_str("static EXPORTED: &[(&str, unsafe extern \"C\" fn())] = &[\n");
    for (name, symbol) in &found {
        writeln!(text, "    ({name:?}, {symbol}),").expect("a string takes all");
    }
    text.push_str("];\n");
    let place = Path::new(&env::var_os("OUT_DIR").expect("cargo says where")).join("exported.rs");
    fs::write(place, text).expect("the list can be written");
}
