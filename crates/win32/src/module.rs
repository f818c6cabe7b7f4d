//! Modules: ours by the names of the DLLs whose functions are here, the program itself, and shared libraries of Linux.
//!
//! Any of our modules finds any function of ours: programs look one up in whichever DLL it is said to be in.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proactor::Status;

use crate::error::{self, code};
use crate::text;
use crate::types::*;

#[allow(clashing_extern_declarations, reason = "only the addresses are used")]
mod list {
    include!(concat!(env!("OUT_DIR"), "/exported.rs"));

    /// The address of a function by Windows' name.
    pub fn find(name: &str) -> Option<usize> {
        let at = EXPORTED.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        Some(EXPORTED[at].1 as usize)
    }
}

/// The DLLs whose functions are here.
const OURS: [&str; 12] = [
    "kernel32",
    "kernelbase",
    "ntdll",
    "ws2_32",
    "mswsock",
    "wsock32",
    "advapi32",
    "synchronization",
    "winmm",
    "msvcrt",
    "ucrtbase",
    "api-ms-win-core-synch-l1-2-0",
];

/// A module's handle is an address, as on Windows: of one of these for ours, the last for the program.
static MARKS: [u64; OURS.len() + 1] = [0; OURS.len() + 1];

/// Shared libraries of Linux that were loaded, by handle, and how often.
static LOADED: Mutex<BTreeMap<usize, u32>> = Mutex::new(BTreeMap::new());

fn loaded() -> MutexGuard<'static, BTreeMap<usize, u32>> {
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mark(at: usize) -> HANDLE {
    (&raw const MARKS[at]).addr()
}

enum Module {
    Ours,
    Program,
    Loaded(*mut c_void),
}

fn module_of(handle: HANDLE) -> Option<Module> {
    if handle == NULL || handle == mark(OURS.len()) {
        return Some(Module::Program);
    }
    if (0..OURS.len()).any(|at| handle == mark(at)) {
        return Some(Module::Ours);
    }
    loaded().contains_key(&handle).then(|| Module::Loaded(ptr::with_exposed_provenance_mut(handle)))
}

/// The handle of a module of ours.
fn ours(name: &str) -> Option<HANDLE> {
    let name = name.rsplit(['\\', '/']).next()?.to_ascii_lowercase();
    let name = name.strip_suffix(".dll").unwrap_or(&name);
    OURS.iter().position(|ours| *ours == name).map(mark)
}

/// The handle of a module that is there already; NULL as a name is the program's.
fn present(name: Option<String>) -> Result<HANDLE, u32> {
    match name {
        None => Ok(mark(OURS.len())),
        Some(name) => ours(&name).or_else(|| there(&name)).ok_or(code::ERROR_MOD_NOT_FOUND),
    }
}

/// A shared library of Linux that is there already. One that was not loaded by [`open`] is from now on, once: its handle
/// would be nobody's otherwise.
fn there(name: &str) -> Option<HANDLE> {
    let handle = open(name, libc::RTLD_NOLOAD)?;
    let known = loaded().get(&handle).is_some_and(|times| *times > 1);
    Some(if known { close(handle) } else { handle })
}

/// Opens a shared library of Linux; its handle, which is known until it is closed as often as it was opened.
fn open(name: &str, flags: i32) -> Option<HANDLE> {
    // No name would be the program's.
    let name = CString::new(name.replace('\\', "/")).ok().filter(|name| !name.is_empty())?;
    // SAFETY: a C string; what the library does when it is loaded is its caller's wish.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | flags) };
    if handle.is_null() {
        return None;
    }
    *loaded().entry(handle.expose_provenance()).or_default() += 1;
    Some(handle.addr())
}

/// Takes one opening back; the handle stays a number to compare.
fn close(handle: HANDLE) -> HANDLE {
    let mut loaded = loaded();
    if let Some(times) = loaded.get_mut(&handle) {
        *times -= 1;
        if *times == 0 {
            loaded.remove(&handle);
        }
        drop(loaded);
        // SAFETY: it was opened, and not closed as often.
        unsafe { libc::dlclose(ptr::with_exposed_provenance_mut(handle)) };
    }
    handle
}

/// A module that stays loaded as long as this does.
pub struct Held(Option<HANDLE>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(handle) = self.0 {
            close(handle);
        }
    }
}

/// Keeps a module. `INVALID_HANDLE` when there is none of this handle.
pub fn hold(module: HANDLE) -> Result<Held, Status> {
    match module_of(module) {
        None => Err(Status::INVALID_HANDLE),
        Some(Module::Ours | Module::Program) => Ok(Held(None)),
        Some(Module::Loaded(library)) => {
            let mut map: *mut LinkMap = ptr::null_mut();
            // SAFETY: a library that is loaded, and room for the one pointer that this request gives.
            let asked = unsafe { libc::dlinfo(library, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) };
            // SAFETY: its entry in the loader's list, and the name there, stay as long as it is loaded.
            let name = unsafe { map.as_ref().filter(|_| asked == 0).map(|map| CStr::from_ptr(map.name)) };
            let name = name.and_then(|name| name.to_str().ok()).ok_or(Status::INVALID_HANDLE)?;
            open(name, libc::RTLD_NOLOAD).map(|again| Held(Some(again))).ok_or(Status::INVALID_HANDLE)
        }
    }
}

/// The beginning of the loader's `struct link_map`.
#[repr(C)]
struct LinkMap {
    address: usize,
    name: *const c_char,
}

fn found(handle: Result<HANDLE, u32>) -> HANDLE {
    handle.unwrap_or_else(|error| {
        error::set(error);
        NULL
    })
}

/// `GetModuleHandleA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetModuleHandleA(name: *const c_char) -> HANDLE {
    // SAFETY: NULL or a string, as documented; so below.
    found(unsafe { text::narrow_or_none(name) }.map_err(Status::to_win32).and_then(present))
}

/// `GetModuleHandleW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetModuleHandleW(name: *const WCHAR) -> HANDLE {
    // SAFETY: as above.
    found(unsafe { text::wide_or_none(name) }.map_err(Status::to_win32).and_then(present))
}

/// `LoadLibraryA`. Another name than of ours is one of Linux', for `dlopen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LoadLibraryA(name: *const c_char) -> HANDLE {
    // SAFETY: a string, as documented; so below.
    load(unsafe { text::narrow(name) })
}

/// `LoadLibraryW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LoadLibraryW(name: *const WCHAR) -> HANDLE {
    // SAFETY: as above.
    load(unsafe { text::wide(name) })
}

/// `LoadLibraryExA`: where Linux looks for libraries is not to be changed by flags.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LoadLibraryExA(name: *const c_char, _file: HANDLE, _flags: DWORD) -> HANDLE {
    // SAFETY: as above.
    load(unsafe { text::narrow(name) })
}

/// `LoadLibraryExW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LoadLibraryExW(name: *const WCHAR, _file: HANDLE, _flags: DWORD) -> HANDLE {
    // SAFETY: as above.
    load(unsafe { text::wide(name) })
}

fn load(name: Result<String, Status>) -> HANDLE {
    let load = |name: String| ours(&name).or_else(|| open(&name, 0)).ok_or(code::ERROR_MOD_NOT_FOUND);
    found(name.map_err(Status::to_win32).and_then(load))
}

/// `FreeLibrary`. Ours and the program are never unloaded.
#[unsafe(no_mangle)]
pub extern "C" fn FreeLibrary(module: HANDLE) -> BOOL {
    if free(module) { TRUE } else { error::failed_with(code::ERROR_INVALID_HANDLE) }
}

/// Takes one loading back; false if there is no such module.
pub fn free(module: HANDLE) -> bool {
    match module_of(module) {
        Some(Module::Loaded(_)) => {
            close(module);
            true
        }
        Some(_) => module != NULL,
        None => false,
    }
}

/// `GetProcAddress`, by name; ordinals are not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetProcAddress(module: HANDLE, name: *const c_char) -> *const c_void {
    let found = address(module, name);
    found.unwrap_or_else(|error| {
        error::set(error);
        ptr::null()
    })
}

fn address(module: HANDLE, name: *const c_char) -> Result<*const c_void, u32> {
    let module = module_of(module).ok_or(code::ERROR_MOD_NOT_FOUND)?;
    if name.addr() <= usize::from(u16::MAX) {
        return Err(code::ERROR_PROC_NOT_FOUND);
    }
    // SAFETY: no ordinal, so a string, as documented.
    let name = unsafe { CStr::from_ptr(name) };
    let found = match module {
        Module::Ours => name.to_str().ok().and_then(list::find).map(ptr::with_exposed_provenance),
        // SAFETY: NULL stands for all that the program has.
        Module::Program => Some(unsafe { libc::dlsym(ptr::null_mut(), name.as_ptr()) }.cast_const()),
        // SAFETY: it is loaded.
        Module::Loaded(handle) => Some(unsafe { libc::dlsym(handle, name.as_ptr()) }.cast_const()),
    };
    found.filter(|address| !address.is_null()).ok_or(code::ERROR_PROC_NOT_FOUND)
}

/// The path of a module's file.
fn path_of(module: HANDLE) -> Result<Vec<u8>, u32> {
    let found = match module_of(module).ok_or(code::ERROR_MOD_NOT_FOUND)? {
        Module::Program => std::env::current_exe().ok(),
        // Where this library is, which with the static one is the program.
        Module::Ours => file_of(address as *const () as *const c_void),
        Module::Loaded(handle) => {
            let mut map: *mut c_void = ptr::null_mut();
            // SAFETY: it is loaded, and there is room for the pointer that is asked for.
            let asked = unsafe { libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) };
            if asked != 0 {
                None
            } else {
                // SAFETY: a link map begins with an address and the name's.
                let name = unsafe { CStr::from_ptr(*map.cast::<*const c_char>().add(1)) };
                Some(Path::new(std::ffi::OsStr::from_bytes(name.to_bytes())).to_owned())
            }
        }
    };
    found.map(|path| path.as_os_str().as_bytes().to_vec()).ok_or(code::ERROR_MOD_NOT_FOUND)
}

fn file_of(address: *const c_void) -> Option<std::path::PathBuf> {
    // SAFETY: all zero is valid, and it is written to.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address, &raw mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        Some(Path::new(std::ffi::OsStr::from_bytes(CStr::from_ptr(info.dli_fname).to_bytes())).to_owned())
    }
}

/// Puts as much as there is room for, with a NUL; says whether it was cut by the last error, and how much there is.
///
/// # Safety
/// `buffer` may be written to for `room` characters.
unsafe fn put_cut<C: Copy + Default>(text: &[C], buffer: *mut C, room: DWORD) -> DWORD {
    let fits = text.len().min((room as usize).saturating_sub(1));
    if room > 0 {
        // SAFETY: by the caller's promise.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), buffer, fits);
            buffer.add(fits).write(C::default());
        }
    }
    if fits < text.len() {
        error::set(code::ERROR_INSUFFICIENT_BUFFER);
        return room;
    }
    error::set(code::ERROR_SUCCESS);
    fits as DWORD
}

/// `GetModuleFileNameA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetModuleFileNameA(module: HANDLE, buffer: *mut u8, room: DWORD) -> DWORD {
    match path_of(module) {
        // SAFETY: room as documented; so below.
        Ok(path) => unsafe { put_cut(&path, buffer, room) },
        Err(error) => error::failed_with(error).cast_unsigned(),
    }
}

/// `GetModuleFileNameW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetModuleFileNameW(module: HANDLE, buffer: *mut WCHAR, room: DWORD) -> DWORD {
    match path_of(module) {
        // SAFETY: as above.
        Ok(path) => unsafe { put_cut(&text::to_wide(&String::from_utf8_lossy(&path)), buffer, room) },
        Err(error) => error::failed_with(error).cast_unsigned(),
    }
}

const FROM_ADDRESS: DWORD = 4;

/// # Safety
/// `module` is NULL or a handle's place.
unsafe fn handle_by(found: Result<HANDLE, u32>, module: *mut HANDLE) -> BOOL {
    match found {
        _ if module.is_null() => error::failed_with(code::ERROR_INVALID_PARAMETER),
        Ok(handle) => {
            // SAFETY: by the caller's promise.
            unsafe { module.write(handle) };
            TRUE
        }
        Err(error) => {
            // SAFETY: by the caller's promise.
            unsafe { module.write(NULL) };
            error::failed_with(error)
        }
    }
}

/// `GetModuleHandleExA`, by name, or the program for any address of it; no module's count is raised by it, and ours have
/// none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetModuleHandleExA(flags: DWORD, name: *const c_char, module: *mut HANDLE) -> BOOL {
    let name = if flags & FROM_ADDRESS != 0 { ptr::null() } else { name };
    // SAFETY: as documented; so below.
    unsafe { handle_by(text::narrow_or_none(name).map_err(Status::to_win32).and_then(present), module) }
}

/// `GetModuleHandleExW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetModuleHandleExW(flags: DWORD, name: *const WCHAR, module: *mut HANDLE) -> BOOL {
    let name = if flags & FROM_ADDRESS != 0 { ptr::null() } else { name };
    // SAFETY: as above.
    unsafe { handle_by(text::wide_or_none(name).map_err(Status::to_win32).and_then(present), module) }
}
