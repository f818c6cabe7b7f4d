//! Calls into C that a thread may end in the middle of: `ExitThread` from below any number of C's frames and ours.
//!
//! Rust can not unwind through frames of C, and must not be jumped over. So each call into C leaves a mark on the stack
//! ([`call`]); ending the thread jumps to the innermost mark, over frames of C alone, and from there on Rust unwinds, as
//! far as the function by which C had called us ([`entered`]), which jumps to the next mark; and so on, to where the
//! thread began. Nothing of ours is jumped over, nothing of C's is unwound, and C needs no tables for it. As on
//! Windows, what C++ has on the stack is not destroyed.

use std::arch::naked_asm;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use proactor::object;

/// A mark on the stack, at a call into C.
#[repr(C)]
struct Mark {
    /// Where to: the stack pointer, below which the registers lie that a call keeps.
    stack: usize,
    exit_code: Option<u32>,
    outer: *mut Mark,
}

thread_local! {
    static INNERMOST: Cell<*mut Mark> = const { Cell::new(ptr::null_mut()) };
    /// Functions of ours on the stack that C has called and that catch what unwinds.
    static ENTERED: Cell<u32> = const { Cell::new(0) };
}

/// What Rust unwinds with when a thread ends.
struct Ending(u32);

/// Calls a function of C with up to six numbers or pointers. Comes back by unwinding if the thread is to end.
///
/// # Safety
/// `function` is a function of C that takes these arguments, all as wide as a register, or fewer, and returns nothing
/// or what fits a register; whatever it does is its caller's promise.
pub unsafe fn call(function: usize, arguments: [usize; 6]) -> usize {
    // SAFETY: by the caller's promise.
    match unsafe { try_call(function, arguments) } {
        Ok(value) => value,
        Err(exit_code) if INNERMOST.get().is_null() && ENTERED.get() == 0 => object::exit_thread(exit_code),
        Err(exit_code) => resume_unwind(Box::new(Ending(exit_code))),
    }
}

/// The same; the error is the exit code with which the thread wants to end, which it has yet to do.
///
/// # Safety
/// As [`call`].
pub unsafe fn try_call(function: usize, arguments: [usize; 6]) -> Result<usize, u32> {
    let mut mark = Mark { stack: 0, exit_code: None, outer: INNERMOST.get() };
    let mark = &raw mut mark;
    INNERMOST.set(mark);
    // SAFETY: by the caller's promise; the mark outlives the call, and only a function below it jumps to it.
    let (value, exit_code, outer) = unsafe {
        let value = call_marked(mark, function, &arguments);
        (value, (*mark).exit_code, (*mark).outer)
    };
    INNERMOST.set(outer);
    exit_code.map_or(Ok(value), Err)
}

/// What a function does that C calls and that may call C again: all that wait alertably, or take a function. It is
/// where an ending thread goes on to the frames of C above.
pub fn entered<R>(function: impl FnOnce() -> R) -> R {
    let ended = {
        let _depth = Depth::new();
        catch_unwind(AssertUnwindSafe(function))
    };
    let payload = match ended {
        Ok(result) => return result,
        Err(payload) => payload,
    };
    match payload.downcast_ref::<Ending>() {
        Some(&Ending(exit_code)) => {
            drop(payload);
            leave(exit_code)
        }
        // The panic has been told; C can't be unwound.
        None => std::process::abort(),
    }
}

struct Depth;

impl Depth {
    fn new() -> Depth {
        ENTERED.set(ENTERED.get() + 1);
        Depth
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        ENTERED.set(ENTERED.get() - 1);
    }
}

/// Whether ending this thread here would be seen by a mark of ours.
pub fn is_marked() -> bool {
    !INNERMOST.get().is_null()
}

/// Ends this thread: jumps to the innermost mark. The caller, and who called it up to there, have nothing to drop but
/// frames of C. A thread that C started, without a mark, ends by the system's way.
pub fn leave(exit_code: u32) -> ! {
    let mark = INNERMOST.get();
    if mark.is_null() {
        end_foreign()
    }
    // SAFETY: a mark is innermost only as long as its `try_call` is on the stack, below which only C is, and this
    // function, with nothing to drop.
    unsafe {
        (*mark).exit_code = Some(exit_code);
        jump((*mark).stack)
    }
}

/// The frames above are the program's own: nothing of ours is left behind in them.
fn end_foreign() -> ! {
    // SAFETY: its end runs the destructors of the thread's data, ours among them. It is done by a jump to the
    // thread's start once frames without tables are met; those with tables have it pass.
    unsafe { pthread_exit(ptr::null_mut()) }
}

unsafe extern "C-unwind" {
    fn pthread_exit(value: *mut std::ffi::c_void) -> !;
}

/// Keeps the registers that a call keeps, notes the stack pointer in the mark, and calls.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn call_marked(mark: *mut Mark, function: usize, arguments: &[usize; 6]) -> usize {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "stmxcsr [rsp]",
        "fnstcw [rsp + 4]",
        "mov [rdi], rsp",
        "mov r10, rdx",
        "mov r11, rsi",
        "mov rdi, [r10]",
        "mov rsi, [r10 + 8]",
        "mov rdx, [r10 + 16]",
        "mov rcx, [r10 + 24]",
        "mov r8, [r10 + 32]",
        "mov r9, [r10 + 40]",
        "xor eax, eax",
        "call r11",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Goes on where `call_marked` comes back, with the registers as they were there.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn jump(stack: usize) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "ldmxcsr [rsp]",
        "fldcw [rsp + 4]",
        "cld",
        "xor eax, eax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Keeps the registers that a call keeps, notes the stack pointer in the mark, and calls.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn call_marked(mark: *mut Mark, function: usize, arguments: &[usize; 6]) -> usize {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mov x9, sp",
        "str x9, [x0]",
        "mov x16, x1",
        "mov x9, x2",
        "ldp x0, x1, [x9]",
        "ldp x2, x3, [x9, #16]",
        "ldp x4, x5, [x9, #32]",
        "blr x16",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
    )
}

/// Goes on where `call_marked` comes back, with the registers as they were there.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn jump(stack: usize) -> ! {
    naked_asm!(
        "mov sp, x0",
        "mov x0, #0",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn sum(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> usize {
        a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f
    }

    extern "C" fn ends(exit_code: usize) -> usize {
        leave(exit_code as u32)
    }

    /// A function that C calls and that calls C, with something to drop.
    extern "C" fn calls_back(told: *const Cell<u32>) -> usize {
        struct Tells(*const Cell<u32>);
        impl Drop for Tells {
            fn drop(&mut self) {
                // SAFETY: the test keeps it.
                unsafe { (*self.0).set((*self.0).get() + 1) };
            }
        }
        entered(|| {
            let _tells = Tells(told);
            // SAFETY: a function of this argument.
            unsafe { call(ends as *const () as usize, [7, 0, 0, 0, 0, 0]) }
        })
    }

    #[test]
    fn arguments_and_results_go_through() {
        // SAFETY: a function of six numbers.
        let result = unsafe { try_call(sum as *const () as usize, [1, 2, 3, 4, 5, 6]) };
        assert_eq!((result, is_marked()), (Ok(91), false));
    }

    #[test]
    fn an_ending_unwinds_ours_and_jumps_over_c_as_far_as_the_outermost_mark() {
        let told = Cell::new(0);
        for round in 1..=1000 {
            // SAFETY: a function of this argument.
            let result = unsafe {
                try_call(calls_back as *const () as usize, [(&raw const told).addr(), 0, 0, 0, 0, 0])
            };
            assert_eq!((result, told.get(), is_marked(), ENTERED.get()), (Err(7), round, false, 0));
        }
    }
}
