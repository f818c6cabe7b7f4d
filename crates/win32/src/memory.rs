//! Pages: `VirtualAlloc` and its like. What is reserved has addresses and nothing behind them; what is committed is there.
//!
//! Linux does not tell what a page was protected as, and Windows does, so that is written down for each stretch of pages.

use std::collections::BTreeMap;
use std::ptr::{self, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use proactor::Status;

use crate::error::{self, code};
use crate::types::*;

const MEM_COMMIT: DWORD = 0x1000;
const MEM_RESERVE: DWORD = 0x2000;
const MEM_DECOMMIT: DWORD = 0x4000;
const MEM_RELEASE: DWORD = 0x8000;
const MEM_TOP_DOWN: DWORD = 0x10_0000;

const PAGE_NOACCESS: DWORD = 1;
/// In the book: reserved, nothing behind it.
const NOTHING: DWORD = 0;

/// Regions begin at multiples of this, as on Windows.
const GRANULARITY: usize = 64 << 10;

/// Where each region begins, its size, and from where on which protection holds in it.
struct Region {
    size: usize,
    pages: BTreeMap<usize, DWORD>,
}

static REGIONS: Mutex<BTreeMap<usize, Region>> = Mutex::new(BTreeMap::new());

fn regions() -> MutexGuard<'static, BTreeMap<usize, Region>> {
    REGIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The size of a page.
pub fn page() -> usize {
    // SAFETY: it only tells.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// What a protection is to Linux. Guard pages and caching rules are not known.
fn to_linux(protect: DWORD) -> Result<i32, Status> {
    Ok(match protect {
        PAGE_NOACCESS => libc::PROT_NONE,
        0x02 => libc::PROT_READ,
        0x04 | 0x08 => libc::PROT_READ | libc::PROT_WRITE,
        0x10 => libc::PROT_EXEC,
        0x20 => libc::PROT_READ | libc::PROT_EXEC,
        0x40 | 0x80 => libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
        _ => return Err(Status::INVALID_PARAMETER),
    })
}

impl Region {
    /// The protection at an address of the region.
    fn at(&self, address: usize) -> DWORD {
        self.pages.range(..=address).next_back().map_or(NOTHING, |(_, protect)| *protect)
    }

    fn is_committed(&self, start: usize, end: usize) -> bool {
        self.at(start) != NOTHING && self.pages.range(start..end).all(|(_, protect)| *protect != NOTHING)
    }

    /// Writes down what holds from now on between two addresses of the region.
    fn set(&mut self, start: usize, end: usize, protect: DWORD, whole_end: usize) {
        let after = self.at(end);
        self.pages.retain(|at, _| !(start..end).contains(at));
        self.pages.insert(start, protect);
        if end < whole_end {
            self.pages.insert(end, after);
        }
    }
}

/// The whole pages that a range touches.
fn whole_pages(address: usize, size: usize) -> Result<(usize, usize), Status> {
    let end = address.checked_add(size).and_then(|end| end.checked_next_multiple_of(page()));
    Ok((address - address % page(), end.ok_or(Status::INVALID_PARAMETER)?))
}

/// Does something with the region in which a range of pages lies.
fn with_region<R>(
    start: usize,
    end: usize,
    f: impl FnOnce(&mut Region, usize) -> Result<R, Status>,
) -> Result<R, Status> {
    let mut regions = regions();
    let (base, region) =
        regions.range_mut(..=start).next_back().ok_or(Status::from_win32(code::ERROR_INVALID_ADDRESS))?;
    let whole_end = base + region.size;
    if end > whole_end || start >= whole_end {
        return Err(Status::from_win32(code::ERROR_INVALID_ADDRESS));
    }
    f(region, whole_end)
}

fn reserve(address: usize, size: usize) -> Result<usize, Status> {
    // The address asked for lies in the region, and so does all that follows it.
    let size = size.checked_add(address % GRANULARITY).and_then(|size| size.checked_next_multiple_of(page()));
    let size = size.ok_or(Status::NO_MEMORY)?;
    let address = address - address % GRANULARITY;
    // Linux aligns to pages only: what is too much on both sides is given back.
    let asked = if address == 0 { size.checked_add(GRANULARITY).ok_or(Status::NO_MEMORY)? } else { size };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let flags = if address == 0 { flags } else { flags | libc::MAP_FIXED_NOREPLACE };
    // SAFETY: a mapping of its own, which replaces none.
    let mapped =
        unsafe { libc::mmap(ptr::without_provenance_mut(address), asked, libc::PROT_NONE, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(if address == 0 {
            Status::NO_MEMORY
        } else {
            Status::from_win32(code::ERROR_INVALID_ADDRESS)
        });
    }
    let found = mapped.expose_provenance();
    let base = if address == 0 { found.next_multiple_of(GRANULARITY) } else { found };
    // SAFETY: both are parts of the mapping that was just made, of which nobody knows.
    unsafe {
        if base > found {
            libc::munmap(mapped, base - found);
        }
        if found + asked > base + size {
            libc::munmap(ptr::with_exposed_provenance_mut(base + size), found + asked - base - size);
        }
    }
    regions().insert(base, Region { size, pages: BTreeMap::from([(base, NOTHING)]) });
    Ok(base)
}

/// Changes what a range of pages of the program's own is to Linux.
fn protect_pages(start: usize, end: usize, protection: i32) -> Result<(), Status> {
    // SAFETY: pages of a region here; what the program keeps in them is its own business.
    let changed = unsafe { libc::mprotect(ptr::with_exposed_provenance_mut(start), end - start, protection) };
    if changed == 0 { Ok(()) } else { Err(Status::NO_MEMORY) }
}

fn commit(start: usize, end: usize, protect: DWORD) -> Result<(), Status> {
    let protection = to_linux(protect)?;
    with_region(start, end, |region, whole_end| {
        protect_pages(start, end, protection)?;
        region.set(start, end, protect, whole_end);
        Ok(())
    })
}

fn allocate(address: usize, size: usize, kind: DWORD, protect: DWORD) -> Result<usize, Status> {
    to_linux(protect)?;
    let known = MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN;
    if size == 0 || kind & !known != 0 || kind & (MEM_COMMIT | MEM_RESERVE) == 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    if kind & MEM_RESERVE == 0 && address != 0 {
        let (start, end) = whole_pages(address, size)?;
        return commit(start, end, protect).map(|()| start);
    }
    if (1..GRANULARITY).contains(&address) {
        // Nobody gets the lowest addresses, and rounded down it would be anywhere.
        return Err(Status::INVALID_PARAMETER);
    }
    let base = reserve(address, size)?;
    if kind & MEM_COMMIT != 0 {
        // All of it: as much as lies before the address that was asked for, too.
        let (start, end) = whole_pages(base, address % GRANULARITY + size)?;
        commit(start, end, protect).inspect_err(|_| {
            let _ = release(base);
        })?;
    }
    Ok(base)
}

/// `VirtualAlloc`: NULL as an address is anywhere. Large pages and watched ones are not known.
#[unsafe(no_mangle)]
pub extern "C" fn VirtualAlloc(address: LPVOID, size: usize, kind: DWORD, protect: DWORD) -> LPVOID {
    let allocated = allocate(address.addr(), size, kind, protect);
    error::value_or(allocated.map(ptr::with_exposed_provenance_mut), null_mut())
}

fn release(base: usize) -> Result<usize, Status> {
    let region = regions().remove(&base).ok_or(Status::from_win32(code::ERROR_INVALID_ADDRESS))?;
    // SAFETY: a region here, which nobody uses any more by the caller's word.
    unsafe { libc::munmap(ptr::with_exposed_provenance_mut(base), region.size) };
    Ok(region.size)
}

fn decommit(address: usize, size: usize) -> Result<(), Status> {
    // With no size it is the whole region, by where it begins.
    let size = match size {
        0 => regions().get(&address).map(|region| region.size).ok_or(Status::INVALID_PARAMETER)?,
        size => size,
    };
    let (start, end) = whole_pages(address, size)?;
    with_region(start, end, |region, whole_end| {
        protect_pages(start, end, libc::PROT_NONE)?;
        // SAFETY: pages of a region here, whose contents nobody wants any more by the caller's word.
        unsafe { libc::madvise(ptr::with_exposed_provenance_mut(start), end - start, libc::MADV_DONTNEED) };
        region.set(start, end, NOTHING, whole_end);
        Ok(())
    })
}

/// `VirtualFree`.
///
/// # Safety
/// Nobody uses the pages any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn VirtualFree(address: LPVOID, size: usize, kind: DWORD) -> BOOL {
    error::succeeded(match kind {
        MEM_RELEASE if size == 0 => release(address.addr()).map(|_| ()),
        MEM_DECOMMIT => decommit(address.addr(), size),
        _ => Err(Status::INVALID_PARAMETER),
    })
}

/// `VirtualProtect`, of pages that `VirtualAlloc` gave.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn VirtualProtect(
    address: LPVOID,
    size: usize,
    protect: DWORD,
    before: *mut DWORD,
) -> BOOL {
    if before.is_null() {
        return error::failed_with(code::ERROR_NOACCESS);
    }
    let changed = to_linux(protect).and_then(|protection| {
        let (start, end) = whole_pages(address.addr(), size.max(1))?;
        with_region(start, end, |region, whole_end| {
            if !region.is_committed(start, end) {
                return Err(Status::from_win32(code::ERROR_INVALID_ADDRESS));
            }
            protect_pages(start, end, protection)?;
            let before = region.at(start);
            region.set(start, end, protect, whole_end);
            Ok(before)
        })
    });
    // SAFETY: not NULL, and a number's place as documented.
    error::succeeded(changed.map(|protect| unsafe { before.write(protect) }))
}

/// `VirtualLock`: as much as RLIMIT_MEMLOCK allows; more fails with `ERROR_WORKING_SET_QUOTA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn VirtualLock(address: LPVOID, size: usize) -> BOOL {
    const ERROR_WORKING_SET_QUOTA: DWORD = 1453;
    // SAFETY: the kernel says whether there are such pages; nothing is changed in them.
    if unsafe { libc::mlock(address, size) } == 0 {
        TRUE
    } else {
        error::failed_with(ERROR_WORKING_SET_QUOTA)
    }
}

/// `VirtualUnlock`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn VirtualUnlock(address: LPVOID, size: usize) -> BOOL {
    const ERROR_NOT_LOCKED: DWORD = 158;
    // SAFETY: as above.
    if unsafe { libc::munlock(address, size) } == 0 { TRUE } else { error::failed_with(ERROR_NOT_LOCKED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_reserved_committed_protected_and_given_back() {
        let base = allocate(0, 1 << 20, MEM_RESERVE, PAGE_NOACCESS).unwrap();
        assert!(base.is_multiple_of(GRANULARITY));
        let second = base + page();
        assert_eq!(allocate(second + 1, 1, MEM_COMMIT, 4), Ok(second));
        // SAFETY: the page was just committed.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(second).write(1) };
        let mut before = 0;
        let address = ptr::with_exposed_provenance_mut(second);
        // SAFETY: a page of this test.
        unsafe {
            assert_eq!(VirtualProtect(address, 1, 2, &raw mut before), TRUE);
            assert_eq!(before, 4);
            assert_eq!(
                VirtualProtect(address, page() + 1, 2, &raw mut before),
                FALSE,
                "the next is only reserved"
            );
            assert_eq!(VirtualFree(address, 0, MEM_RELEASE), FALSE, "no region begins there");
            assert_eq!(VirtualFree(address, page(), MEM_DECOMMIT), TRUE);
            assert_eq!(VirtualProtect(address, 1, 2, &raw mut before), FALSE);
        }
        assert_eq!(release(base), Ok(1 << 20));
    }
}
