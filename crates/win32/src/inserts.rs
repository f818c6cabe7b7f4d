//! The inserts of `FormatMessage`: `%1` to `%99`, each with a `printf` format if it has one, from an array or a list of
//! variable arguments.

use std::ffi::c_char;
use std::slice;

use proactor::Status;

use crate::types::WCHAR;

/// A `va_list`, as the platform's C compilers have it.
#[cfg(target_arch = "x86_64")]
#[repr(C)]
pub struct VaList {
    general: u32,
    floating: u32,
    overflow: *mut usize,
    saved: *mut u8,
}

#[cfg(target_arch = "x86_64")]
impl VaList {
    /// # Safety
    /// There is one more argument, as wide as a register.
    unsafe fn next(&mut self) -> usize {
        const SAVED: u32 = 6 * 8;
        // SAFETY: by the caller's promise; this is what `va_arg` does.
        unsafe {
            if self.general < SAVED {
                let at = self.saved.add(self.general as usize).cast::<usize>();
                self.general += 8;
                return at.read();
            }
            let at = self.overflow;
            self.overflow = at.add(1);
            at.read()
        }
    }
}

/// A `va_list`, as the platform's C compilers have it.
#[cfg(target_arch = "aarch64")]
#[repr(C)]
pub struct VaList {
    stack: *mut usize,
    general_end: *mut u8,
    floating_end: *mut u8,
    general: i32,
    floating: i32,
}

#[cfg(target_arch = "aarch64")]
impl VaList {
    /// # Safety
    /// There is one more argument, as wide as a register.
    unsafe fn next(&mut self) -> usize {
        // SAFETY: by the caller's promise; this is what `va_arg` does.
        unsafe {
            if self.general < 0 {
                let at = self.general_end.offset(self.general as isize).cast::<usize>();
                self.general += 8;
                return at.read();
            }
            let at = self.stack;
            self.stack = at.add(1);
            at.read()
        }
    }
}

/// Where the inserts are.
pub enum From {
    /// There are none.
    Nowhere,
    /// An array of numbers and pointers.
    Array(*const usize),
    /// Variable arguments.
    List(*mut VaList),
}

/// The inserts of a message.
pub struct Inserts {
    from: From,
    /// Those that were taken from the list.
    taken: Vec<usize>,
    /// What a string without a prefix is made of.
    wide: bool,
}

impl Inserts {
    /// Inserts for a message in wide characters or in bytes.
    pub fn new(from: From, wide: bool) -> Inserts {
        Inserts { from, taken: Vec::new(), wide }
    }

    /// # Safety
    /// There are as many as are asked for.
    unsafe fn value(&mut self, number: usize) -> Result<usize, Status> {
        // SAFETY: by the caller's promise.
        unsafe {
            match self.from {
                From::Nowhere => Err(Status::INVALID_PARAMETER),
                From::Array(array) => Ok(*array.add(number - 1)),
                From::List(list) => {
                    while self.taken.len() < number {
                        self.taken.push((*list).next());
                    }
                    Ok(self.taken[number - 1])
                }
            }
        }
    }

    /// The text of an insert by its number and its format, such as `08x`; none is a string.
    ///
    /// # Safety
    /// There are as many as are asked for, each of what its format says.
    pub unsafe fn text(&mut self, number: usize, format: Option<&str>) -> Result<String, Status> {
        let format = Format::parse(format.unwrap_or("s")).ok_or(Status::INVALID_PARAMETER)?;
        // SAFETY: by the caller's promise.
        let value = unsafe { self.value(number) }?;
        let text = match format.kind {
            's' | 'S' => {
                let wide = match format.size {
                    Size::Short => false,
                    Size::Long => true,
                    _ => self.wide == (format.kind == 's'),
                };
                // SAFETY: by the caller's promise.
                unsafe { string(value, wide, format.precision) }
            }
            'c' | 'C' => {
                char::from_u32(value as u32 & 0xFFFF).unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
            }
            _ => format.number(value),
        };
        Ok(format.padded(text))
    }
}

/// # Safety
/// `address` is 0 or that of a string, at least up to the precision.
unsafe fn string(address: usize, wide: bool, precision: Option<usize>) -> String {
    if address == 0 {
        return "(null)".into();
    }
    let most = precision.unwrap_or(usize::MAX);
    // SAFETY: by the caller's promise.
    unsafe {
        if wide {
            let text = std::ptr::with_exposed_provenance::<WCHAR>(address);
            let length = (0..most).find(|at| *text.add(*at) == 0).unwrap_or(most);
            String::from_utf16_lossy(slice::from_raw_parts(text, length))
        } else {
            let text = std::ptr::with_exposed_provenance::<c_char>(address);
            let length = libc::strnlen(text, most);
            String::from_utf8_lossy(slice::from_raw_parts(text.cast(), length)).into_owned()
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Size {
    Normal,
    Short,
    Long,
    /// 64 bits.
    Huge,
}

/// A `printf` format of one value.
struct Format {
    left: bool,
    zero: bool,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    size: Size,
    kind: char,
}

/// Wider than any line.
const WIDEST: usize = 65_535;

impl Format {
    fn parse(text: &str) -> Option<Format> {
        let rest = text.trim_start_matches(['-', '0', '+', ' ', '#']);
        let flags = &text[..text.len() - rest.len()];
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let width = &rest[..rest.len() - after.len()];
        let (precision, after) = match after.strip_prefix('.') {
            Some(rest) => {
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                (Some(rest[..rest.len() - after.len()].parse().unwrap_or(0)), after)
            }
            None => (None, after),
        };
        const SIZES: [(&str, Size); 8] = [
            ("I64", Size::Huge),
            ("I32", Size::Normal),
            ("ll", Size::Huge),
            ("l", Size::Long),
            ("w", Size::Long),
            ("h", Size::Short),
            ("I", Size::Huge),
            ("z", Size::Huge),
        ];
        let sized = SIZES.iter().find_map(|(prefix, size)| Some((*size, after.strip_prefix(prefix)?)));
        let (size, kind) = sized.unwrap_or((Size::Normal, after));
        let mut kinds = kind.chars();
        let kind = kinds.next().filter(|kind| kinds.next().is_none() && "diuxXopcCsS".contains(*kind))?;
        let sign = if flags.contains('+') { Some('+') } else { flags.contains(' ').then_some(' ') };
        Some(Format {
            left: flags.contains('-'),
            zero: flags.contains('0'),
            sign,
            alternate: flags.contains('#'),
            width: if width.is_empty() { 0 } else { width.parse().ok().filter(|width| *width <= WIDEST)? },
            precision: precision.filter(|precision| *precision <= WIDEST),
            size,
            kind,
        })
    }

    /// The digits of a number, with its sign and what its kind puts before it.
    fn number(&self, value: usize) -> String {
        let cut = |value: usize| match self.size {
            Size::Huge => value as u64,
            Size::Short => u64::from(value as u16),
            _ => u64::from(value as u32),
        };
        let signed = match self.size {
            Size::Huge => value as i64,
            Size::Short => i64::from(value as i16),
            _ => i64::from(value as i32),
        };
        let (sign, digits) = match self.kind {
            'd' | 'i' if signed < 0 => ("-".into(), signed.unsigned_abs().to_string()),
            'd' | 'i' => (self.sign.map(String::from).unwrap_or_default(), signed.to_string()),
            'x' => (if self.alternate { "0x" } else { "" }.into(), format!("{:x}", cut(value))),
            'X' => (if self.alternate { "0X" } else { "" }.into(), format!("{:X}", cut(value))),
            'o' => (if self.alternate { "0" } else { "" }.into(), format!("{:o}", cut(value))),
            'p' => (String::new(), format!("{value:016X}")),
            _ => (String::new(), cut(value).to_string()),
        };
        let least = match self.precision {
            Some(precision) => precision,
            None if self.zero && !self.left => self.width.saturating_sub(sign.len()),
            None => 0,
        };
        let zeros = "0".repeat(least.saturating_sub(digits.len()));
        format!("{sign}{zeros}{digits}")
    }

    fn padded(&self, text: String) -> String {
        let width = self.width;
        if self.left { format!("{text:<width$}") } else { format!("{text:>width$}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_are_formatted_as_printf_does() {
        let text = c"word";
        let values = [text.as_ptr().expose_provenance(), usize::MAX, 255];
        let mut inserts = Inserts::new(From::Array(values.as_ptr()), false);
        // SAFETY: there are three, and the first is a string.
        let mut shown = |number, format| unsafe { inserts.text(number, format) };
        assert_eq!(shown(1, None).unwrap(), "word");
        assert_eq!(shown(1, Some("-6.2s")).unwrap(), "wo    ");
        assert_eq!(shown(2, Some("d")).unwrap(), "-1");
        assert_eq!(shown(2, Some("u")).unwrap(), "4294967295");
        assert_eq!(shown(2, Some("I64u")).unwrap(), u64::MAX.to_string());
        assert_eq!(shown(3, Some("#06x")).unwrap(), "0x00ff");
        assert_eq!(shown(3, Some("5.4X")).unwrap(), " 00FF");
        assert_eq!(shown(3, Some("+d")).unwrap(), "+255");
        assert_eq!(shown(3, Some("n")), Err(Status::INVALID_PARAMETER));
        let none = Inserts::new(From::Nowhere, true);
        // SAFETY: nothing is read.
        assert_eq!(unsafe { { none }.text(1, None) }, Err(Status::INVALID_PARAMETER));
    }
}
