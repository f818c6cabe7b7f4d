//! Functions that take handles, given any: open, closed, NULL, pseudo, foreign, tagged and random ones.
//!
//! What has to hold: nothing crashes; a call on a handle that was closed fails; and when all that was made is closed,
//! no handle and no descriptor is left.

use std::ffi::c_void;
use std::time::Instant;

use crate::{Choices, Handle, alone, deadline, descriptors, eventually};

type Function = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize) -> usize;

#[allow(non_snake_case)]
unsafe extern "C" {
    fn CancelIo();
    fn CancelIoEx();
    fn CancelWaitableTimer();
    fn CloseHandle(handle: Handle) -> i32;
    fn CreateEventA(security: *mut c_void, manual: i32, set: i32, name: *const u8) -> Handle;
    fn CreateFileA(
        name: *const u8,
        access: u32,
        share: u32,
        security: usize,
        how: u32,
        flags: u32,
        like: Handle,
    ) -> Handle;
    fn CreateIoCompletionPort(file: Handle, existing: Handle, key: usize, threads: u32) -> Handle;
    fn CreateMutexA(security: *mut c_void, owned: i32, name: *const u8) -> Handle;
    fn CreateSemaphoreA(security: *mut c_void, count: i32, most: i32, name: *const u8) -> Handle;
    fn CreateWaitableTimerA(security: *mut c_void, manual: i32, name: *const u8) -> Handle;
    fn DuplicateHandle(
        from: Handle,
        handle: Handle,
        to: Handle,
        new: *mut Handle,
        access: u32,
        inherit: i32,
        how: u32,
    ) -> i32;
    fn FlushFileBuffers();
    fn GetExitCodeThread();
    fn GetFileSizeEx();
    fn GetFileType();
    fn GetHandleInformation();
    fn GetQueuedCompletionStatus();
    fn GetQueuedCompletionStatusEx();
    fn GetThreadId();
    fn PeekNamedPipe();
    fn PostQueuedCompletionStatus();
    fn PulseEvent();
    fn ReleaseMutex();
    fn ReleaseSemaphore();
    fn ResetEvent();
    fn SetEvent();
    fn SetFileCompletionNotificationModes();
    fn SetFilePointerEx();
    fn SetHandleInformation();
    fn SetWaitableTimer();
    fn WaitForMultipleObjects();
    fn WaitForSingleObject();
    fn WaitForSingleObjectEx();
    fn WSAEnumNetworkEvents();
    fn WSASocketA(family: i32, kind: i32, protocol: i32, info: usize, group: u32, flags: u32) -> Handle;
    fn WSAStartup(version: u16, data: *mut c_void) -> i32;
    fn proactor_getpeername();
    fn proactor_getsockname();
    fn proactor_getsockopt();
    fn proactor_listen();
    fn proactor_shutdown();
}

/// What is given for a parameter.
#[derive(Clone, Copy, PartialEq)]
enum Give {
    Handle,
    /// An address of 8 KiB that may be written to.
    Room,
    /// The address of a number that says how much room there is.
    Length,
    /// An array of handles, as many as the parameter before says.
    Handles,
    /// 0 to 3.
    Small,
    /// 0 or 1 millisecond.
    Wait,
    Any,
    Null,
}

/// What a call that fails returns.
#[derive(Clone, Copy)]
enum Failure {
    Zero,
    Minus,
}

use Failure::{Minus, Zero};
use Give::{Any, Handle as H, Handles, Length, Null, Room, Small, Wait};

struct Call(&'static str, *const (), &'static [Give], Failure);

fn calls() -> Vec<Call> {
    vec![
        Call("CancelIo", CancelIo as *const (), &[H], Zero),
        Call("CancelIoEx", CancelIoEx as *const (), &[H, Room], Zero),
        Call("CancelIoEx", CancelIoEx as *const (), &[H, Null], Zero),
        Call("CancelWaitableTimer", CancelWaitableTimer as *const (), &[H], Zero),
        Call("FlushFileBuffers", FlushFileBuffers as *const (), &[H], Zero),
        Call("GetExitCodeThread", GetExitCodeThread as *const (), &[H, Room], Zero),
        Call("GetFileSizeEx", GetFileSizeEx as *const (), &[H, Room], Zero),
        Call("GetFileType", GetFileType as *const (), &[H], Zero),
        Call("GetHandleInformation", GetHandleInformation as *const (), &[H, Room], Zero),
        Call(
            "GetQueuedCompletionStatus",
            GetQueuedCompletionStatus as *const (),
            &[H, Room, Room, Room, Wait],
            Zero,
        ),
        Call(
            "GetQueuedCompletionStatusEx",
            GetQueuedCompletionStatusEx as *const (),
            &[H, Room, Small, Room, Wait, Small],
            Zero,
        ),
        Call("GetThreadId", GetThreadId as *const (), &[H], Zero),
        Call("PeekNamedPipe", PeekNamedPipe as *const (), &[H, Room, Small, Room, Room, Room], Zero),
        Call(
            "PostQueuedCompletionStatus",
            PostQueuedCompletionStatus as *const (),
            &[H, Any, Any, Any],
            Zero,
        ),
        Call("PulseEvent", PulseEvent as *const (), &[H], Zero),
        Call("ReleaseMutex", ReleaseMutex as *const (), &[H], Zero),
        Call("ReleaseSemaphore", ReleaseSemaphore as *const (), &[H, Small, Room], Zero),
        Call("ResetEvent", ResetEvent as *const (), &[H], Zero),
        Call("SetEvent", SetEvent as *const (), &[H], Zero),
        Call(
            "SetFileCompletionNotificationModes",
            SetFileCompletionNotificationModes as *const (),
            &[H, Small],
            Zero,
        ),
        Call("SetFilePointerEx", SetFilePointerEx as *const (), &[H, Small, Room, Small], Zero),
        Call("SetHandleInformation", SetHandleInformation as *const (), &[H, Null, Any], Zero),
        Call("SetWaitableTimer", SetWaitableTimer as *const (), &[H, Room, Small, Null, Null, Null], Zero),
        Call(
            "WaitForMultipleObjects",
            WaitForMultipleObjects as *const (),
            &[Small, Handles, Small, Wait],
            Minus,
        ),
        Call("WaitForSingleObject", WaitForSingleObject as *const (), &[H, Wait], Minus),
        Call("WaitForSingleObjectEx", WaitForSingleObjectEx as *const (), &[H, Wait, Small], Minus),
        Call("WSAEnumNetworkEvents", WSAEnumNetworkEvents as *const (), &[H, Null, Room], Minus),
        Call("getpeername", proactor_getpeername as *const (), &[H, Room, Length], Minus),
        Call("getsockname", proactor_getsockname as *const (), &[H, Room, Length], Minus),
        Call("getsockopt", proactor_getsockopt as *const (), &[H, Any, Any, Room, Length], Minus),
        Call("listen", proactor_listen as *const (), &[H, Small], Minus),
        Call("shutdown", proactor_shutdown as *const (), &[H, Small], Minus),
    ]
}

struct State {
    choices: Choices,
    open: Vec<Handle>,
    closed: Vec<Handle>,
    rooms: Vec<Box<[u64; 1024]>>,
    file: std::ffi::CString,
}

impl State {
    fn keep(&mut self, handle: Handle) {
        if handle != 0 && handle != usize::MAX {
            // A number comes again when its place was used often enough.
            self.closed.retain(|closed| *closed != handle);
            assert!(!self.open.contains(&handle), "{handle:#x} is given out twice");
            self.open.push(handle);
        }
    }

    fn make(&mut self) {
        let null = std::ptr::null_mut();
        let kind = self.choices.below(9);
        let port = self.handle();
        // SAFETY: pointers are NULL or to what is alive.
        let handle = unsafe {
            match kind {
                0 => CreateEventA(null, self.choices.below(2) as i32, 0, std::ptr::null()),
                1 => CreateMutexA(null, self.choices.below(2) as i32, std::ptr::null()),
                2 => CreateSemaphoreA(null, 1, 3, std::ptr::null()),
                3 => CreateWaitableTimerA(null, 0, std::ptr::null()),
                4 => CreateIoCompletionPort(usize::MAX, 0, 0, self.choices.below(3) as u32),
                // Overlapped, as all is here: nothing waits for input that never comes.
                5 => CreateFileA(self.file.as_ptr().cast(), 0xc000_0000, 7, 0, 4, 0x4000_0000, 0),
                6 => WSASocketA(2, 1 + self.choices.below(2) as i32, 0, 0, 0, 1),
                7 => {
                    let mut new = 0;
                    let old = self.handle();
                    let done = DuplicateHandle(usize::MAX, old, usize::MAX, &mut new, 0, 0, 2);
                    if done == 0 { 0 } else { new }
                }
                // A handle with a port, which gives the port's own number or, for none, a new port.
                _ => {
                    let file = self.handle();
                    let made = CreateIoCompletionPort(file, port, 5, 0);
                    if made != 0 && port & !3 == made & !3 { 0 } else { made }
                }
            }
        };
        self.keep(handle);
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let at = self.choices.below(self.open.len());
        let handle = self.open.swap_remove(at);
        // SAFETY: any number may be closed.
        assert_ne!(unsafe { CloseHandle(handle) }, 0, "{handle:#x} is open");
        // SAFETY: as above.
        assert_eq!(unsafe { CloseHandle(handle) }, 0, "{handle:#x} is closed");
        self.closed.push(handle);
    }

    fn handle(&mut self) -> Handle {
        match self.choices.below(16) {
            0 => 0,
            1 => usize::MAX,
            2 => usize::MAX - 1,
            3 => self.choices.any() as usize,
            4 => (self.choices.any() as u32 & 0xffff) as usize,
            5 | 6 if !self.closed.is_empty() => self.closed[self.choices.below(self.closed.len())],
            7 if !self.open.is_empty() => {
                self.open[self.choices.below(self.open.len())] | (1 + self.choices.below(3))
            }
            _ if !self.open.is_empty() => self.open[self.choices.below(self.open.len())],
            _ => 0,
        }
    }

    fn call(&mut self, call: &Call) {
        let Call(name, function, gives, failure) = call;
        let mut values = [0; 6];
        for (at, give) in gives.iter().enumerate() {
            values[at] = match give {
                H => self.handle(),
                Room | Length | Handles => {
                    let handles: [Handle; 4] = std::array::from_fn(|_| self.handle());
                    let room = &mut self.rooms[at];
                    match give {
                        Handles => {
                            handles.iter().zip(room.iter_mut()).for_each(|(from, to)| *to = *from as u64)
                        }
                        Length => room[0] = self.choices.below(256) as u64,
                        _ => room.fill(0x5a5a),
                    }
                    room.as_mut_ptr() as usize
                }
                Small => self.choices.below(4),
                Wait => self.choices.below(2),
                Any => self.choices.any() as usize,
                Null => 0,
            };
        }
        // SAFETY: each is a function of at most six numbers and pointers, and pointers are to room enough.
        let result = unsafe {
            let function: Function = std::mem::transmute::<*const (), Function>(*function);
            function(values[0], values[1], values[2], values[3], values[4], values[5])
        };
        if gives[0] == H && self.closed.contains(&(values[0] & !3)) {
            let failed = match failure {
                Zero => result as u32 == 0,
                Minus => result as u32 == u32::MAX,
            };
            assert!(failed, "{name} gave {result:#x} for {:#x}, which was closed", values[0]);
        }
    }
}

#[test]
fn any_handle_may_be_given_to_anything() {
    let _alone = alone();
    let mut data = [0_u8; 1024];
    // SAFETY: there is room for what it says.
    assert_eq!(unsafe { WSAStartup(0x202, data.as_mut_ptr().cast()) }, 0);
    let path = std::env::temp_dir().join(format!("proactor-fuzz-{}", std::process::id()));
    let mut state = State {
        choices: Choices::from_environment(),
        open: Vec::new(),
        closed: Vec::new(),
        rooms: (0..6).map(|_| Box::new([0; 1024])).collect(),
        file: std::ffi::CString::new(path.to_str().expect("it is text")).expect("it has no NUL"),
    };
    let calls = calls();
    let (end, mut made, mut rounds, mut baseline) = (deadline(), 0_u64, 0_u64, (0, 0));
    while Instant::now() < end {
        for _ in 0..500 {
            match state.choices.below(10) {
                0 if state.open.len() < 60 => state.make(),
                1 if state.open.len() > 5 => state.close(),
                _ => {
                    let at = state.choices.below(calls.len());
                    state.call(&calls[at]);
                    made += 1;
                }
            }
        }
        while !state.open.is_empty() {
            state.close();
        }
        state.closed.clear();
        rounds += 1;
        if rounds <= 20 {
            // What is made once, such as threads and rings, is there after some rounds.
            baseline = (proactor_win32::table::count(), descriptors());
            continue;
        }
        let (handles, files) = baseline;
        assert!(proactor_win32::table::count() <= handles, "handles are left after {made} calls");
        assert!(eventually(|| descriptors() <= files + 2), "descriptors are left after {made} calls");
    }
    println!("{made} calls");
    let _ = std::fs::remove_file(path);
}
