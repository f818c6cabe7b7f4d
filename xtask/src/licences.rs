//! `cargo xtask licences`: every package we build from may be given on under our own licences.
//!
//! All features and all platforms count, so that what a user may switch on is checked too.

use clap::Parser;
use serde_json::Value;

use crate::spdx::Expression;
use crate::workspace::{Outcome, metadata, root};

/// Check the licence and the origin of every dependency.
///
/// Reads `cargo metadata` for all features and platforms. A dependency passes when its SPDX expression is met by the
/// licences listed in xtask/src/licences.rs, all of which let the whole be given on as `MIT OR Apache-2.0`, and when
/// it comes from crates.io. Our own packages have to say `MIT OR Apache-2.0`, and both texts have to be there.
#[derive(Parser)]
pub struct Args {
    /// Print every package with its licence.
    #[arg(long, short)]
    verbose: bool,
}

const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "0BSD",
    "CC0-1.0",
    "BSL-1.0",
    "Unlicense",
];

const OURS: &str = "MIT OR Apache-2.0";

/// Both spellings of crates.io that cargo writes: the git index and the sparse one.
const CRATES_IO: &[&str] =
    &["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

pub fn run(args: &Args) -> Outcome {
    let metadata = metadata(&["--all-features"])?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut faults = Vec::new();
    for package in packages {
        if args.verbose {
            println!("{}: {}", title(package), package["license"].as_str().unwrap_or("none"));
        }
        faults.extend(fault(package));
    }
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if !std::fs::metadata(root().join(name)).is_ok_and(|file| file.len() > 0) {
            faults.push(format!("{name}: the text of the licence is missing"));
        }
    }
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() {
        println!("licences: {} packages, all in order", packages.len());
        Ok(())
    } else {
        Err(format!("licences: {} of {} packages and files are not in order", faults.len(), packages.len()))
    }
}

fn title(package: &Value) -> String {
    format!("{} {}", package["name"].as_str().unwrap_or("?"), package["version"].as_str().unwrap_or("?"))
}

/// What is wrong with a package.
fn fault(package: &Value) -> Option<String> {
    let title = title(package);
    let licence = package["license"].as_str();
    match (package["source"].as_str(), licence) {
        (None, Some(OURS)) => None,
        (None, _) => Some(format!("{title}: is ours and does not say `{OURS}`")),
        (Some(source), _) if !CRATES_IO.contains(&source) => {
            Some(format!("{title}: comes from {source}, not from crates.io"))
        }
        (Some(_), None) => Some(format!("{title}: names no licence")),
        (Some(_), Some(text)) => match Expression::parse(text) {
            Ok(expression) if expression.allowed(ALLOWED) => None,
            Ok(_) => Some(format!("{title}: its licence `{text}` is not on the list")),
            Err(why) => Some(format!("{title}: its licence `{text}` cannot be read: {why}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(source: Option<&str>, licence: Option<&str>) -> Option<String> {
        fault(&json!({ "name": "it", "version": "1.0.0", "source": source, "license": licence }))
    }

    #[test]
    fn dependencies_need_an_allowed_licence_and_crates_io() {
        let crates_io = Some(CRATES_IO[0]);
        assert_eq!(check(crates_io, Some("MIT/Apache-2.0")), None);
        assert!(check(crates_io, Some("GPL-3.0-only")).unwrap().contains("GPL-3.0-only"));
        assert!(check(crates_io, Some("MIT AND")).unwrap().contains("cannot be read"));
        assert!(check(crates_io, None).unwrap().contains("names no licence"));
        assert!(check(Some("git+https://example.org/it#1"), Some("MIT")).unwrap().contains("crates.io"));
    }

    #[test]
    fn our_own_packages_say_both_licences() {
        assert_eq!(check(None, Some(OURS)), None);
        assert!(check(None, Some("MIT")).is_some());
        assert!(check(None, None).is_some());
    }
}
