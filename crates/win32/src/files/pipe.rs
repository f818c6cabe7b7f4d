//! `CreatePipe`: two synchronous ends of one pipe without a name.

use std::sync::Arc;

use proactor::raw::Io;
use proactor::{Pipe, Status};

use super::FileObject;
use crate::access::SYNCHRONIZE;
use crate::table::{self, HandleFlags};
use crate::types::*;
use crate::{error, handles};

const GENERIC_READ: DWORD = 0x8000_0000;
const GENERIC_WRITE: DWORD = 0x4000_0000;

fn create(flags: HandleFlags) -> Result<(HANDLE, HANDLE), Status> {
    let (reader, writer) = Pipe::synchronous_pair()?;
    let object = |end: Pipe| Arc::new(FileObject { io: Io::from(end), kind: "pipe" });
    let reader = table::insert_granted(object(reader), flags, GENERIC_READ | SYNCHRONIZE)?;
    let writer = table::insert_granted(object(writer), flags, GENERIC_WRITE | SYNCHRONIZE);
    writer.map(|writer| (reader, writer)).inspect_err(|_| {
        // Without the other it is of no use.
        let _ = handles::close(reader);
    })
}

/// `CreatePipe`. Its size is the kernel's; what is asked for is advice on Windows too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreatePipe(
    read: *mut HANDLE,
    write: *mut HANDLE,
    security: *const SECURITY_ATTRIBUTES,
    _size: DWORD,
) -> BOOL {
    if read.is_null() || write.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: NULL or attributes, as documented.
    let inherits = unsafe { security.as_ref() }.map_or(FALSE, |security| security.bInheritHandle);
    let created = create(table::inherit(inherits)).map(|(reader, writer)| {
        // SAFETY: not NULL, and may be written to, as documented.
        unsafe {
            read.write(reader);
            write.write(writer);
        }
    });
    error::succeeded(created)
}
