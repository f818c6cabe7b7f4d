//! The Win32 face: the functions of `windows.h` and `winsock2.h` that completion-port servers call, over `proactor`.
//!
//! It is thin. Each function translates handles, structures and errors, and calls the core; no rule lives here. The
//! headers are in `include/`, what is there and what is not in `docs/win32.md`, and how to move a server over in
//! `docs/porting.md`.
//!
//! # What is trusted
//!
//! Pointers. Where Windows checks one (NULL, sizes) so does this; beyond that a pointer is taken for what the function
//! documents, as on Windows: memory that may be read or written for as long as documented. Handles are not trusted:
//! any value may be given for any.
#![allow(unsafe_code)]
#![allow(non_snake_case, reason = "Windows' own names")]
#![allow(
    clippy::missing_safety_doc,
    reason = "what every function trusts is said above, and more where it is more"
)]

pub mod access;
pub mod address;
pub mod apc;
pub mod calendar;
pub mod chains;
pub mod cmdline;
pub mod console;
pub mod error;
pub mod events;
pub mod files;
pub mod filetime;
pub mod fls;
pub mod format;
pub mod frames;
pub mod handles;
pub mod heap;
pub mod inserts;
pub mod memory;
pub mod module;
pub mod mutexes;
pub mod named_pipe;
pub mod nt;
pub mod objects;
pub mod once;
pub mod overlapped;
pub mod place;
pub mod pool;
pub mod port;
pub mod process;
pub mod section;
pub mod semaphores;
pub mod slist;
pub mod spawn;
pub mod srwlock;
pub mod start;
pub mod strings;
pub mod system;
pub mod table;
pub mod text;
pub mod thread;
pub mod time;
pub mod timers;
pub mod tls;
pub mod types;
pub mod waits;
pub mod winsock;
