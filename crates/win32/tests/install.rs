//! What `cargo xtask win32` installs is all that a program needs: found by pkg-config and by CMake, from any folder.

#[path = "../../../xtask/src/install.rs"]
mod install;
mod runner;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use runner::{crate_folder, library_folder, made_folder, run};

const LIMIT: Duration = Duration::from_secs(240);

/// A program that shows it has a port, by what comes back from it, and says which characters it has.
const PROGRAM: &str = r#"
#include <WinSock2.h>
#include <Windows.h>
#include <tchar.h>
#include <stdio.h>
#pragma comment(lib, "ws2_32.lib")
#ifdef __cplusplus
#include <functional>
#include <thread>
static int difference(int a, int b) { return a - b; }
#endif

int __cdecl main(void) {
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    HANDLE event = CreateEvent(NULL, TRUE, FALSE, TEXT("Local\\an event"));
    DWORD bytes = 0;
    ULONG_PTR key = 0;
    LPOVERLAPPED overlapped = NULL;
    if (!PostQueuedCompletionStatus(port, 7, 8, NULL)) return 1;
    if (!GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 1000)) return 2;
    if (event == NULL || WaitForSingleObject(event, 0) != WAIT_TIMEOUT) return 3;
#ifdef __cplusplus
    if (std::bind(difference, 3, std::placeholders::_1)(3) != 0) return 4;
    std::thread([event] { SetEvent(event); }).join();
    if (WaitForSingleObject(event, 0) != WAIT_OBJECT_0) return 5;
#endif
    CloseHandle(event);
    CloseHandle(port);
    printf("%d %d %d\n", (int)bytes, (int)key, (int)sizeof(TCHAR));
    return 0;
}
"#;

const CMAKE: &str = "cmake_minimum_required(VERSION 3.16)\nproject(server LANGUAGES C CXX)\n\
    find_package(proactor-win32 0.1 REQUIRED)\n\
    add_executable(plain server.c)\ntarget_link_libraries(plain PRIVATE proactor::win32)\n\
    add_executable(plus server.cpp)\ntarget_link_libraries(plus PRIVATE proactor::win32)\n\
    add_executable(wide server.c)\ntarget_link_libraries(wide PRIVATE proactor::win32-wide)\n\
    add_executable(whole server.c)\ntarget_link_libraries(whole PRIVATE proactor::win32-static)\n";

/// The folder that everything has been installed below, once for all tests here.
fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = folder("installed");
        let include = crate_folder().join("include");
        let libraries = library_folder();
        let parts =
            install::Parts { include: &include, libraries: &libraries, version: env!("CARGO_PKG_VERSION") };
        install::install(&parts, &prefix).unwrap_or_else(|why| panic!("{why}"));
        // What is installed again takes the place of what is there.
        fs::write(prefix.join("include/proactor-win32/gone.h"), "").expect("the folder can be written");
        install::install(&parts, &prefix).unwrap_or_else(|why| panic!("{why}"));
        assert!(!prefix.join("include/proactor-win32/gone.h").exists());
        prefix
    })
}

/// A new empty folder of that name.
fn folder(name: &str) -> PathBuf {
    let folder = made_folder().join("install").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// Runs a command that has to succeed, and gives what it wrote.
fn done(command: &mut Command) -> String {
    let ran = run(command, LIMIT).unwrap_or_else(|why| panic!("{command:?}: {why}"));
    assert!(ran.status.success(), "{command:?} ended with {}:\n{}{}", ran.status, ran.stdout, ran.stderr);
    ran.stdout
}

/// What pkg-config says of a package.
fn flags(package: &str) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig")).args(["--cflags", "--libs", package]);
    done(&mut command).split_whitespace().map(str::to_owned).collect()
}

/// Builds the program as a reader of the documentation would, in a folder of its own, and runs it from another.
fn built(name: &str, compiler: &str, ending: &str, package: &str) -> String {
    let folder = folder(name);
    let source = folder.join(format!("server.{ending}"));
    fs::write(&source, PROGRAM).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let program = folder.join("server");
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Werror"]).args(flags(package)).arg(&source).arg("-o").arg(&program);
    assert_eq!(done(&mut command), "");
    done(Command::new(&program).current_dir("/").env_remove("LD_LIBRARY_PATH"))
}

#[test]
fn pkg_config_is_all_that_a_c_program_needs() {
    assert_eq!(built("c-gcc", "gcc", "c", "proactor-win32"), "7 8 1\n");
    assert_eq!(built("c-clang", "clang", "c", "proactor-win32"), "7 8 1\n");
}

#[test]
fn pkg_config_is_all_that_a_cpp_program_needs() {
    assert_eq!(built("cpp-gcc", "g++", "cpp", "proactor-win32"), "7 8 1\n");
    assert_eq!(built("cpp-clang", "clang++", "cpp", "proactor-win32"), "7 8 1\n");
}

#[test]
fn the_wide_variant_has_characters_of_two_bytes() {
    assert_eq!(built("wide", "gcc", "c", "proactor-win32-wide"), "7 8 2\n");
}

#[test]
fn cmake_finds_the_library_shared_wide_and_static() {
    let sources = folder("cmake");
    for (name, text) in [("server.c", PROGRAM), ("server.cpp", PROGRAM), ("CMakeLists.txt", CMAKE)] {
        fs::write(sources.join(name), text).expect("the folder can be written");
    }
    let build = sources.join("build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&sources).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix().display()));
    done(&mut configure);
    done(Command::new("cmake").arg("--build").arg(&build));
    for (program, says) in
        [("plain", "7 8 1\n"), ("plus", "7 8 1\n"), ("wide", "7 8 2\n"), ("whole", "7 8 1\n")]
    {
        assert_eq!(done(&mut Command::new(build.join(program))), says, "{program}");
    }
}

/// What the installed headers have is what the tree has: every file, and no other.
#[test]
fn all_headers_are_installed() {
    let installed = files(&prefix().join("include/proactor-win32"));
    assert_eq!(installed, files(&crate_folder().join("include")));
    assert!(installed.contains(&PathBuf::from("windows.h")) && installed.len() > 80);
}

/// The headers below a folder, by their paths from it, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("the folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(OsStr::new("h"))) {
                found.push(path.strip_prefix(folder).expect("it is below").to_path_buf());
            }
        }
    }
    found.sort();
    found
}
