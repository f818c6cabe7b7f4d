//! `cargo xtask win32`: builds the face for C and C++ for release and installs it.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::install::{Parts, install};
use crate::workspace::{Outcome, cargo, metadata, root};

/// Build the Win32 library and install it: headers, libraries, and what pkg-config and CMake find them by.
///
/// Then `cc $(pkg-config --cflags --libs proactor-win32) server.c -o server` builds a server, with
/// PKG_CONFIG_PATH=DIR/lib/pkgconfig if pkg-config does not look there by itself.
#[derive(Parser)]
pub struct Args {
    /// Below which folder: include/proactor-win32, lib, lib/pkgconfig, lib/cmake
    #[arg(long, value_name = "DIR")]
    prefix: PathBuf,
}

const PACKAGE: &str = "proactor-win32";

pub fn run(args: &Args) -> Outcome {
    // Linkers write the library's own name into programs, whatever path it was given to them by.
    let name = "link-arg=-Wl,-soname,libproactor_win32.so";
    let mut build = cargo(&["rustc", "--release", "--locked", "-p", PACKAGE, "--lib"]);
    build.args(["--crate-type", "cdylib,staticlib", "--", "-C", name]);
    let status = build.status().map_err(|error| format!("cargo could not be started: {error}"))?;
    if !status.success() {
        return Err(format!("{PACKAGE} does not build"));
    }
    let metadata = metadata(&["--no-deps"])?;
    let target = metadata["target_directory"].as_str().ok_or("cargo metadata names no target folder")?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE);
    let version = package.and_then(|package| package["version"].as_str());
    let parts = Parts {
        include: &root().join("crates/win32/include"),
        libraries: &Path::new(target).join("release"),
        version: version.ok_or("the package has no version")?,
    };
    install(&parts, &args.prefix)?;
    println!("win32: installed below {}", args.prefix.display());
    Ok(())
}
