//! Files, consoles and anonymous pipes: what `CreateFile` and its like give handles to, and what is done with any handle
//! that can be read and written.

mod console;
mod create;
mod lock;
mod names;
mod path;
mod pipe;
mod position;
mod scatter;
mod temp;
mod transfer;

use std::sync::Arc;

use proactor::object::{Thread, Waitable};
use proactor::raw::Io;
use proactor::{Device, DeviceKind, File, Status};

use crate::error;
use crate::objects::{self, ThreadObject};
use crate::table::{self, Object};
use crate::types::*;

pub use path::Name;

/// `FILE_READ_DATA`.
pub const READ_DATA: DWORD = 1;
/// `FILE_WRITE_DATA`.
pub const WRITE_DATA: DWORD = 2;
/// `FILE_APPEND_DATA`.
pub const APPEND_DATA: DWORD = 4;

/// A file, or an end of an anonymous pipe.
pub struct FileObject {
    io: Io,
    kind: &'static str,
}

impl FileObject {
    /// A file.
    pub fn file(file: File) -> FileObject {
        FileObject { io: Io::from(file), kind: "file" }
    }
}

impl Object for FileObject {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.io)
    }

    fn io(&self) -> Option<&Io> {
        Some(&self.io)
    }

    fn last_closed(&self) {
        // It was open until now.
        let _ = self.io.close();
    }
}

/// A console, the null device, or what standard input or output is.
pub struct DeviceObject(pub Device);

impl Object for DeviceObject {
    fn kind(&self) -> &'static str {
        "device"
    }
}

/// What a handle that is read, written or positioned leads to.
pub enum Target {
    /// With operations.
    Io(Arc<dyn Object>),
    /// Without.
    Device(Arc<DeviceObject>),
}

/// What a handle leads to, if it gives one of these rights. `OBJECT_TYPE_MISMATCH`, which is ERROR_INVALID_HANDLE, for an
/// event, say.
pub fn target(handle: HANDLE, one_of: DWORD) -> Result<Target, Status> {
    let (object, granted) = table::granted(handle)?;
    let target = if object.io().is_some() {
        Target::Io(object)
    } else {
        let object: Arc<dyn std::any::Any + Send + Sync> = object;
        Target::Device(object.downcast().map_err(|_| Status::OBJECT_TYPE_MISMATCH)?)
    };
    if granted & one_of == 0 { Err(Status::ACCESS_DENIED) } else { Ok(target) }
}

/// The same for what only files have.
pub fn file(handle: HANDLE, one_of: DWORD) -> Result<File, Status> {
    match target(handle, one_of)? {
        Target::Io(object) => {
            let file = object.io().and_then(Io::file);
            file.ok_or(Status::INVALID_DEVICE_REQUEST)
        }
        Target::Device(_) => Err(Status::INVALID_DEVICE_REQUEST),
    }
}

const FILE_TYPE_UNKNOWN: DWORD = 0;
const FILE_TYPE_DISK: DWORD = 1;
const FILE_TYPE_CHAR: DWORD = 2;
const FILE_TYPE_PIPE: DWORD = 3;

/// `GetFileType`.
#[unsafe(no_mangle)]
pub extern "C" fn GetFileType(handle: HANDLE) -> DWORD {
    let kind = target(handle, u32::MAX).and_then(|target| match target {
        Target::Io(object) if object.io().and_then(Io::file).is_some() => Ok(FILE_TYPE_DISK),
        Target::Io(_) => Ok(FILE_TYPE_PIPE),
        Target::Device(device) => device.0.kind().map(|kind| match kind {
            DeviceKind::Disk => FILE_TYPE_DISK,
            DeviceKind::Char => FILE_TYPE_CHAR,
            DeviceKind::Pipe => FILE_TYPE_PIPE,
        }),
    });
    error::value_or(kind, FILE_TYPE_UNKNOWN)
}

/// `THREAD_TERMINATE`.
const THREAD_TERMINATE: DWORD = 1;

/// `CancelSynchronousIo`.
#[unsafe(no_mangle)]
pub extern "C" fn CancelSynchronousIo(thread: HANDLE) -> BOOL {
    let thread = objects::get::<ThreadObject>(thread, THREAD_TERMINATE);
    error::succeeded(thread.and_then(|thread| Thread::cancel_synchronous_io(&thread.0)))
}
