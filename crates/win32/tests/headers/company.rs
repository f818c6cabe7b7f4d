//! Windows' headers beside libc's and C++'s, in either order: what both have is Windows' in the source, and nothing of
//! the other's is broken.

use crate::compile::{Compiler, OURS};
use crate::{accepted, nothing_in};

const WINDOWS: &str =
    "#include <winsock2.h>\n#include <ws2tcpip.h>\n#include <mswsock.h>\n#include <windows.h>\n";

/// The headers of libc whose names are in the way.
const CLASHING: &[&str] = &["stdlib.h", "unistd.h", "time.h", "sys/types.h", "sys/select.h", "sys/time.h"];

const LIBC: &[&str] = &[
    "stdlib.h",
    "unistd.h",
    "stdio.h",
    "string.h",
    "time.h",
    "errno.h",
    "signal.h",
    "fcntl.h",
    "pthread.h",
    "math.h",
    "sys/types.h",
    "sys/select.h",
    "sys/time.h",
    "sys/stat.h",
    "sys/wait.h",
    "sys/resource.h",
    "stdint.h",
    "wchar.h",
    "sys/mman.h",
    "semaphore.h",
    "ctype.h",
    "locale.h",
    "dlfcn.h",
    "dirent.h",
    "assert.h",
];

const CPP: &[&str] = &[
    "thread",
    "mutex",
    "chrono",
    "functional",
    "string",
    "iostream",
    "vector",
    "memory",
    "map",
    "atomic",
    "algorithm",
    "condition_variable",
    "fstream",
    "future",
    "cstdlib",
    "cstring",
    "random",
    "set",
    "queue",
    "optional",
];

/// What both sides have a name for, as Windows has it; and what a source must be able to say beside it.
const USE: &str = "
static int the_names_are_windows_own(SOCKET s, const struct sockaddr *name) {
    struct timeval wait = {1, 2};
    fd_set set;
    u_long big = sizeof(u_long);
    char host[8];
    FD_ZERO(&set);
    FD_SET(s, &set);
    if (sizeof(wait) != 8 || sizeof(set) != 520 || big != 4) return 1;
    if (bind(s, name, 16) || connect(s, name, 16) || gethostname(host, 8)) return 2;
    return select(0, &set, NULL, NULL, &wait) + FD_ISSET(s, &set) + send(s, host, 8, 0) + recv(s, host, 8, 0);
}
";

const USE_OF_CPP: &str = "
struct Listener {
    int bind(int a) { return a; }
    int select(int a) { return a; }
};
static int sum(int a, int b) { return a + b; }
static int the_names_of_cpp_stand() {
    Listener listener;
    auto bound = std::bind(sum, 1, std::placeholders::_1);
    std::mutex mutex;
    std::lock_guard<std::mutex> guard(mutex);
    const auto now = std::chrono::steady_clock::now();
    std::this_thread::sleep_until(now);
    return bound(2) + listener.bind(3) + listener.select(4) + (std::min)(1, 2) + std::max<int>(3, 4);
}
";

fn include(names: &[&str]) -> String {
    names.iter().map(|name| format!("#include <{name}>\n")).collect()
}

fn main_of(uses: &str) -> String {
    format!("{uses}int main(void) {{ return the_names_are_windows_own(1, NULL); }}\n")
}

fn c_in_both_orders(compiler: Compiler) {
    let mut found = Vec::new();
    for name in CLASHING {
        let header = include(&[name]);
        found.extend(accepted(compiler, &format!("{header}{WINDOWS}{}", main_of(USE)), &[]));
        found.extend(accepted(compiler, &format!("{WINDOWS}{header}{}", main_of(USE)), &["-D_GNU_SOURCE"]));
    }
    let all = include(LIBC);
    found.extend(accepted(compiler, &format!("{all}{WINDOWS}{}", main_of(USE)), &["-D_GNU_SOURCE", "-O2"]));
    found.extend(accepted(
        compiler,
        &format!("{WINDOWS}{all}{}", main_of(USE)),
        &["-D_FORTIFY_SOURCE=2", "-O2"],
    ));
    nothing_in(&found);
}

#[test]
fn libc_stands_before_and_after_windows_with_gcc() {
    c_in_both_orders(OURS[0]);
}

#[test]
fn libc_stands_before_and_after_windows_with_clang() {
    c_in_both_orders(OURS[1]);
}

fn cpp_in_all_orders(compiler: Compiler) {
    let uses = format!(
        "{USE}{USE_OF_CPP}int main() {{ return the_names_are_windows_own(1, NULL) + the_names_of_cpp_stand(); }}\n"
    );
    let all = include(CPP);
    let (first, second) = CPP.split_at(CPP.len() / 2);
    let (libc, first, second) = (include(LIBC), include(first), include(second));
    let orders = [
        format!("{all}{WINDOWS}{uses}"),
        format!("{WINDOWS}{all}{uses}"),
        format!("{libc}{first}{WINDOWS}{second}{uses}"),
    ];
    nothing_in(&orders.iter().filter_map(|source| accepted(compiler, source, &[])).collect::<Vec<_>>());
}

#[test]
fn cpp_stands_before_between_and_after_windows_with_gcc() {
    cpp_in_all_orders(OURS[2]);
}

#[test]
fn cpp_stands_before_between_and_after_windows_with_clang() {
    cpp_in_all_orders(OURS[3]);
}

/// Objects and ports of Windows beside libc's own sockets, for a file that says so.
#[test]
fn a_file_may_have_libcs_sockets_beside_windows_objects() {
    let source = "#define PROACTOR_LIBC_NAMES\n#define WIN32_LEAN_AND_MEAN\n#include <sys/socket.h>\n\
        #include <netinet/in.h>\n#include <netdb.h>\n#include <poll.h>\n#include <sys/select.h>\n#include <windows.h>\n\
        int main(void) { struct timeval t = {0, 0}; fd_set set; HANDLE event = CreateEventA(NULL, 1, 0, NULL);\n\
        FD_ZERO(&set); return socket(AF_INET6, SOCK_STREAM, 0) + select(0, &set, 0, 0, &t) + !event\n\
        + (sizeof(t) != 16) + (AF_INET6 != 10); }\n";
    nothing_in(&OURS.iter().filter_map(|&compiler| accepted(compiler, source, &[])).collect::<Vec<_>>());
}

/// Winsock and libc's sockets in one file would be silently wrong: that is refused by name.
#[test]
fn libcs_sockets_beside_winsock_are_refused_by_name() {
    for (source, named) in [
        (format!("{WINDOWS}#include <sys/socket.h>\n"), "<sys/socket.h> and <winsock2.h>"),
        ("#include <netdb.h>\n".to_owned(), "define PROACTOR_LIBC_NAMES"),
        (format!("#define PROACTOR_LIBC_NAMES\n{WINDOWS}"), "it has libc's sockets"),
    ] {
        for compiler in OURS {
            let why =
                accepted(compiler, &source, &[]).unwrap_or_else(|| panic!("{compiler:?} takes: {source}"));
            assert!(why.contains(named), "{why}");
        }
    }
}
