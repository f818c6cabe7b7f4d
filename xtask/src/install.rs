//! What `cargo xtask win32` puts where: headers, libraries, and the files by which pkg-config and CMake find them.
//!
//! Nothing but the standard library is used, so that the test of it can have this file too.

use std::fs;
use std::path::{Path, PathBuf};

/// What is installed.
pub struct Parts<'a> {
    /// The folder with `windows.h`.
    pub include: &'a Path,
    /// The folder in which cargo has left `libproactor_win32.so` and `.a`.
    pub libraries: &'a Path,
    /// The version of the package.
    pub version: &'a str,
}

/// What a program compiled against the headers needs: pthreads, and no word about `#pragma comment` and its kin.
const FLAGS: [&str; 2] = ["-pthread", "-Wno-unknown-pragmas"];

/// What the wide variant adds: wchar_t of 16 bits, and names without a letter mean those with W.
const WIDE: [&str; 3] = ["-fshort-wchar", "-DUNICODE", "-D_UNICODE"];

/// What the static library is linked with, as rustc names it.
const STATIC: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// Where the loader looks by itself.
const KNOWN_TO_THE_LOADER: [&str; 3] = ["/lib", "/usr/lib", "/usr/local/lib"];

/// Puts everything below `prefix`. What of an earlier version is in the way is replaced.
pub fn install(parts: &Parts<'_>, prefix: &Path) -> Result<(), String> {
    fs::create_dir_all(prefix).map_err(|error| told(prefix, &error))?;
    let prefix = prefix.canonicalize().map_err(|error| told(prefix, &error))?;
    if prefix.to_string_lossy().contains(char::is_whitespace) {
        return Err(format!("{}: pkg-config cannot say a path with a space", prefix.display()));
    }
    let headers = prefix.join("include/proactor-win32");
    if headers.exists() {
        fs::remove_dir_all(&headers).map_err(|error| told(&headers, &error))?;
    }
    copy_folder(parts.include, &headers)?;
    let lib = prefix.join("lib");
    fs::create_dir_all(&lib).map_err(|error| told(&lib, &error))?;
    for name in ["libproactor_win32.so", "libproactor_win32.a"] {
        replace(&parts.libraries.join(name), &lib.join(name))?;
    }
    for (name, text) in [
        ("pkgconfig/proactor-win32.pc", pkg_config(&prefix, parts.version)),
        ("pkgconfig/proactor-win32-wide.pc", pkg_config_wide(parts.version)),
        ("cmake/proactor-win32/proactor-win32-config.cmake", cmake()),
        ("cmake/proactor-win32/proactor-win32-config-version.cmake", cmake_version(parts.version)),
    ] {
        write(&lib.join(name), &text)?;
    }
    Ok(())
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
    fs::write(path, text).map_err(|error| told(path, &error))
}

/// A running program keeps the library it has loaded: the new one is another file.
fn replace(from: &Path, to: &Path) -> Result<(), String> {
    let unfinished = to.with_extension("new");
    fs::copy(from, &unfinished).map_err(|error| told(from, &error))?;
    fs::rename(&unfinished, to).map_err(|error| told(to, &error))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| told(to, &error))?;
    let entries = fs::read_dir(from).map_err(|error| told(from, &error))?;
    for entry in entries {
        let path: PathBuf = entry.map_err(|error| told(from, &error))?.path();
        let place = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &place)?;
        } else {
            fs::copy(&path, &place).map_err(|error| told(&path, &error))?;
        }
    }
    Ok(())
}

/// Programs find the library where it was when they were linked, unless the loader knows the place anyway. It may stand
/// before the source in a command: a linker that takes only what is needed so far would pass it by.
fn pkg_config(prefix: &Path, version: &str) -> String {
    let lib = prefix.join("lib");
    let known = KNOWN_TO_THE_LOADER.iter().any(|folder| lib == Path::new(folder));
    let path = if known { "" } else { " -Wl,-rpath,${libdir}" };
    format!(
        "prefix={}\nincludedir=${{prefix}}/include/proactor-win32\nlibdir=${{prefix}}/lib\n\n\
         Name: proactor-win32\n\
         Description: Completion ports and overlapped I/O, as Windows has them\n\
         Version: {version}\n\
         Cflags: -I${{includedir}} {}\n\
         Libs: -L${{libdir}}{path} -Wl,--push-state,--no-as-needed -lproactor_win32 -Wl,--pop-state -pthread\n\
         Libs.private: {STATIC}\n",
        prefix.display(),
        FLAGS.join(" "),
    )
}

fn pkg_config_wide(version: &str) -> String {
    format!(
        "Name: proactor-win32-wide\n\
         Description: proactor-win32 with wide characters of 16 bits, and UNICODE defined\n\
         Version: {version}\n\
         Requires: proactor-win32 = {version}\n\
         Cflags: {}\n",
        WIDE.join(" "),
    )
}

/// Three targets: the library, the library with wide characters, and the library to be linked into the program.
fn cmake() -> String {
    format!(
        r#"# find_package(proactor-win32): the targets proactor::win32, proactor::win32-wide and proactor::win32-static.
get_filename_component(_proactor_lib "${{CMAKE_CURRENT_LIST_DIR}}/../.." ABSOLUTE)
get_filename_component(_proactor_include "${{_proactor_lib}}/../include/proactor-win32" ABSOLUTE)

if(NOT TARGET proactor::win32)
  add_library(proactor::win32 SHARED IMPORTED)
  set_target_properties(proactor::win32 PROPERTIES
    IMPORTED_LOCATION "${{_proactor_lib}}/libproactor_win32.so"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${{_proactor_include}}"
    INTERFACE_COMPILE_OPTIONS "{flags}"
    INTERFACE_LINK_OPTIONS "-pthread")

  add_library(proactor::win32-wide INTERFACE IMPORTED)
  set_target_properties(proactor::win32-wide PROPERTIES
    INTERFACE_COMPILE_OPTIONS "{wide}"
    INTERFACE_LINK_LIBRARIES proactor::win32)

  add_library(proactor::win32-static STATIC IMPORTED)
  set_target_properties(proactor::win32-static PROPERTIES
    IMPORTED_LOCATION "${{_proactor_lib}}/libproactor_win32.a"
    INTERFACE_INCLUDE_DIRECTORIES "${{_proactor_include}}"
    INTERFACE_COMPILE_OPTIONS "{flags}"
    INTERFACE_LINK_LIBRARIES "{linked}")
endif()
"#,
        flags = FLAGS.join(";"),
        wide = WIDE.join(";"),
        linked = STATIC.replace(' ', ";"),
    )
}

/// The same major version, or before 1.0 the same minor one, is compatible.
fn cmake_version(version: &str) -> String {
    format!(
        r#"set(PACKAGE_VERSION "{version}")
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
  string(REGEX MATCH "^(0\\.[0-9]+|[1-9][0-9]*)" _proactor_series "{version}")
  string(REGEX MATCH "^(0\\.[0-9]+|[1-9][0-9]*|0$)" _proactor_wanted "${{PACKAGE_FIND_VERSION}}")
  if(_proactor_wanted STREQUAL "" OR _proactor_wanted STREQUAL "0" OR _proactor_wanted STREQUAL _proactor_series)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
  else()
    set(PACKAGE_VERSION_COMPATIBLE FALSE)
  endif()
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
"#
    )
}
