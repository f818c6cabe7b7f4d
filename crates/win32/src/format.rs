//! `FormatMessage`: the system's messages, which are this library's own sentences, and messages with inserts.

use std::ffi::{c_char, c_void};
use std::ptr;

use proactor::Status;

use crate::error::{self, code};
use crate::heap;
use crate::inserts::{From, Inserts, VaList};
use crate::types::*;

const ALLOCATE_BUFFER: DWORD = 0x100;
const IGNORE_INSERTS: DWORD = 0x200;
const FROM_STRING: DWORD = 0x400;
const FROM_HMODULE: DWORD = 0x800;
const FROM_SYSTEM: DWORD = 0x1000;
const ARGUMENT_ARRAY: DWORD = 0x2000;
/// No line breaks but those the message asks for.
const MAX_WIDTH: DWORD = 0xFF;

/// Errors that no status of the core has, for which there is a sentence all the same.
const OTHERS: [(DWORD, &str); 30] = [
    (0, "the operation was completed"),
    (1, "the function is not valid"),
    (10, "the environment is not valid"),
    (11, "the format of the program is not valid"),
    (12, "the access asked for is not valid"),
    (18, "there are no more files"),
    (51, "the other side has run out of resources"),
    (111, "the name is too long for the buffer"),
    (122, "the buffer is too small for what is asked for"),
    (126, "the module was not found"),
    (127, "the function was not found in the module"),
    (158, "the pages are not locked"),
    (193, "the file is no program for this system"),
    (203, "there is no such environment variable"),
    (259, "there is no more data"),
    (298, "the semaphore was released once too often"),
    (317, "there is no message for this number"),
    (487, "there is nothing at the address that this can be done with"),
    (998, "the address can not be read or written"),
    (1004, "the flags are not valid"),
    (1113, "a character has no counterpart in the other encoding"),
    (1359, "something inside went wrong"),
    (1453, "no more memory may be locked"),
    (10092, "this version of Winsock is not supported"),
    (10093, "WSAStartup has not been called"),
    (10109, "there is no such service for this type of socket"),
    (11001, "there is no such host"),
    (11002, "whether there is such a host can not be said now: it may be asked again"),
    (11003, "what names are asked of has failed"),
    (11004, "the name is known, but has no address of this kind"),
];

/// The sentence for a Win32 or Winsock error.
fn of_error(number: DWORD) -> Option<&'static str> {
    let known = |status: Status| status.name().map(|_| status.message());
    match number {
        10_000..12_000 => known(Status::from_winsock(number)),
        // No Win32 error has more than 16 bits.
        0 | 0x1_0000.. => None,
        _ => known(Status::from_win32(number)),
    }
    .or_else(|| OTHERS.iter().find(|(other, _)| *other == number).map(|(_, sentence)| *sentence))
}

/// The system's message: a sentence and a line break, as programs expect it.
fn system_message(number: DWORD) -> Option<String> {
    // An HRESULT that is a Win32 error.
    let number = if number & 0xFFFF_0000 == 0x8007_0000 { number & 0xFFFF } else { number };
    of_error(number).map(sentence)
}

/// The message of a status, as NT's own module has it.
fn status_message(number: DWORD) -> Option<String> {
    let status = Status::from_raw(number);
    status.name().map(|_| sentence(status.message()))
}

fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.\r\n", rest.as_str())
}

/// What stands between one sign and the next of the same.
fn between(text: &str, sign: char) -> Option<(&str, &str)> {
    text.strip_prefix(sign)?.split_once(sign)
}

/// Puts the inserts in and reads the signs that begin with a percent.
///
/// # Safety
/// The inserts are as the message has them.
unsafe fn expand(message: &str, flags: DWORD, inserts: &mut Inserts) -> Result<String, Status> {
    let ends_lines = flags & MAX_WIDTH == 0;
    let (mut made, mut rest) = (String::new(), message);
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '\r' | '\n' => {
                if next == '\r' {
                    rest = rest.strip_prefix('\n').unwrap_or(rest);
                }
                made.push_str(if ends_lines { "\r\n" } else { " " });
            }
            '%' => {
                let Some(sign) = rest.chars().next() else { return Err(Status::INVALID_PARAMETER) };
                let after = &rest[sign.len_utf8()..];
                match sign {
                    '0' => return Ok(made),
                    '1'..='9' if flags & IGNORE_INSERTS != 0 => {
                        made.push('%');
                        made.push(sign);
                        rest = after;
                    }
                    '1'..='9' => {
                        let digits = if after.starts_with(|c: char| c.is_ascii_digit()) { 2 } else { 1 };
                        let number = rest[..digits].parse().map_err(|_| Status::INVALID_PARAMETER)?;
                        rest = &rest[digits..];
                        let format = between(rest, '!');
                        if let Some((_, after)) = format {
                            rest = after;
                        }
                        // SAFETY: by the caller's promise.
                        made.push_str(&unsafe { inserts.text(number, format.map(|(format, _)| format)) }?);
                    }
                    sign => {
                        rest = after;
                        match sign {
                            'n' => made.push_str("\r\n"),
                            'r' => made.push('\r'),
                            't' => made.push('\t'),
                            'b' => made.push(' '),
                            other => made.push(other),
                        }
                    }
                }
            }
            other => made.push(other),
        }
    }
    Ok(made)
}

/// The message itself, before anything is put into it.
///
/// # Safety
/// `source` gives a string's text if that is what the flags ask for.
unsafe fn message(
    flags: DWORD,
    id: DWORD,
    source: *const c_void,
    text: impl FnOnce(*const c_void) -> String,
) -> Result<String, DWORD> {
    if flags & FROM_STRING != 0 {
        if flags & (FROM_SYSTEM | FROM_HMODULE) != 0 || source.is_null() {
            return Err(code::ERROR_INVALID_PARAMETER);
        }
        return Ok(text(source));
    }
    if flags & (FROM_SYSTEM | FROM_HMODULE) == 0 {
        return Err(code::ERROR_INVALID_PARAMETER);
    }
    let of_module = if flags & FROM_HMODULE != 0 { status_message(id) } else { None };
    let of_system = || if flags & FROM_SYSTEM != 0 { system_message(id) } else { None };
    of_module.or_else(of_system).ok_or(code::ERROR_MR_MID_NOT_FOUND)
}

/// Puts the text where it is to go.
///
/// # Safety
/// `buffer` has so much room, or is a pointer's place if memory is to be allocated.
unsafe fn deliver<C: Copy + Default>(
    text: &[C],
    flags: DWORD,
    buffer: *mut C,
    room: DWORD,
) -> Result<DWORD, DWORD> {
    let to = if flags & ALLOCATE_BUFFER != 0 {
        let size = (text.len() + 1).max(room as usize) * size_of::<C>();
        let block = heap::take(size, true).cast::<C>();
        if block.is_null() {
            return Err(code::ERROR_NOT_ENOUGH_MEMORY);
        }
        // SAFETY: by the caller's promise.
        unsafe { buffer.cast::<*mut C>().write(block) };
        block
    } else if text.len() >= room as usize {
        return Err(code::ERROR_INSUFFICIENT_BUFFER);
    } else {
        buffer
    };
    // SAFETY: there is room for the text and its zero.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), to, text.len());
        to.add(text.len()).write(C::default());
    }
    Ok(text.len() as DWORD)
}

fn inserts(flags: DWORD, arguments: *mut c_void, wide: bool) -> Inserts {
    let from = match arguments {
        arguments if arguments.is_null() => From::Nowhere,
        arguments if flags & ARGUMENT_ARRAY != 0 => From::Array(arguments.cast_const().cast()),
        arguments => From::List(arguments.cast::<VaList>()),
    };
    Inserts::new(from, wide)
}

fn delivered(result: Result<DWORD, DWORD>) -> DWORD {
    result.unwrap_or_else(|error| error::failed_with(error).cast_unsigned())
}

/// `FormatMessageA`. There is one language.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FormatMessageA(
    flags: DWORD,
    source: *const c_void,
    id: DWORD,
    _language: DWORD,
    buffer: *mut u8,
    room: DWORD,
    arguments: *mut c_void,
) -> DWORD {
    if buffer.is_null() {
        return error::failed(Status::INVALID_PARAMETER).cast_unsigned();
    }
    // SAFETY: strings, room and arguments as documented.
    let text = |source: *const c_void| unsafe {
        std::ffi::CStr::from_ptr(source.cast::<c_char>()).to_string_lossy().into_owned()
    };
    // SAFETY: as above.
    delivered(unsafe {
        message(flags, id, source, text).and_then(|message| {
            let mut inserts = inserts(flags, arguments, false);
            let text = expand(&message, flags, &mut inserts).map_err(Status::to_win32)?;
            deliver(text.as_bytes(), flags, buffer, room)
        })
    })
}

/// `FormatMessageW`. There is one language.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FormatMessageW(
    flags: DWORD,
    source: *const c_void,
    id: DWORD,
    _language: DWORD,
    buffer: *mut WCHAR,
    room: DWORD,
    arguments: *mut c_void,
) -> DWORD {
    if buffer.is_null() {
        return error::failed(Status::INVALID_PARAMETER).cast_unsigned();
    }
    // SAFETY: strings, room and arguments as documented.
    let text = |source: *const c_void| unsafe {
        let source = source.cast::<WCHAR>();
        let length = (0..).find(|at| *source.add(*at) == 0).unwrap_or(0);
        String::from_utf16_lossy(std::slice::from_raw_parts(source, length))
    };
    // SAFETY: as above.
    delivered(unsafe {
        message(flags, id, source, text).and_then(|message| {
            let mut inserts = inserts(flags, arguments, true);
            let text = expand(&message, flags, &mut inserts).map_err(Status::to_win32)?;
            deliver(&crate::text::to_wide(&text), flags, buffer, room)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_that_a_call_can_leave_has_a_message() {
        for status in Status::known() {
            for number in [status.to_win32(), status.to_winsock()] {
                assert!(system_message(number).is_some(), "{status}: {number}");
            }
        }
        assert_eq!(system_message(5).as_deref(), Some("Permission denied.\r\n"));
        assert_eq!(system_message(0x8007_0005), system_message(5));
        assert_eq!(system_message(0xFFFF), None);
        assert!(status_message(0xC000_0022).is_some());
    }

    #[test]
    fn signs_are_read_and_inserts_put_in() {
        let values = [7usize];
        let expand = |message, flags| {
            let mut inserts = Inserts::new(From::Array(values.as_ptr()), false);
            // SAFETY: there is one insert, a number.
            unsafe { expand(message, flags, &mut inserts) }
        };
        assert_eq!(expand("%1!02d!%% of%tit%n%0 no more", 0).unwrap(), "07% of\tit\r\n");
        assert_eq!(expand("a\nb%1", IGNORE_INSERTS | MAX_WIDTH).unwrap(), "a b%1");
        assert_eq!(expand("%", 0), Err(Status::INVALID_PARAMETER));
    }
}
