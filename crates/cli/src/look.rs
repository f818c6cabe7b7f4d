//! Looking into another process: its report, or a sentence that says why there is none and what to do.

use proactor::Status;
use proactor::diagnose::{self, Report};

use crate::say;

/// What `process` tells of itself.
pub fn ask(process: u32) -> Result<Report, String> {
    diagnose::look_into(process).map_err(|status| refused(process, status))
}

pub fn refused(process: u32, status: Status) -> String {
    let name = name(process).map(|name| format!(" ({name})")).unwrap_or_default();
    match status {
        Status::NOT_FOUND => {
            format!("there is no process {process}: `proactor top` lists those that can be looked into")
        }
        Status::OBJECT_NAME_NOT_FOUND => format!(
            "process {process}{name} does not serve diagnosis: start it with `proactor serve`, or have your program \
             call `proactor::diagnose::serve()`; `proactor top` lists those that do"
        ),
        Status::ACCESS_DENIED => format!(
            "process {process}{name} belongs to another user: ask as that user, or as root with `sudo proactor ...`"
        ),
        Status::TIMEOUT => format!(
            "process {process}{name} does not answer within 5 seconds: it may be stopped, and then \
             `kill -CONT {process}` lets it go on"
        ),
        Status::DEVICE_BUSY => {
            format!("too many others look into process {process}{name} at this moment: try again")
        }
        Status::DATA_ERROR => format!(
            "process {process}{name} answers in a form that this program does not know: use the one of the version \
             it was built with"
        ),
        status => format!("process {process}{name} cannot be looked into: {}", say::plain(status)),
    }
}

/// The processes that can be looked into, one a line.
pub fn list() -> String {
    let processes = diagnose::serving();
    if processes.is_empty() {
        return "no process can be looked into: start one with `proactor serve`, or have your program call \
                `proactor::diagnose::serve()`\n"
            .to_owned();
    }
    let mut text = format!("{:>10}  {:<15}  {}\n", "PID", "NAME", "COMMAND");
    for process in processes {
        let name = name(process).unwrap_or_default();
        text += format!("{process:>10}  {name:<15}  {}", command(process)).trim_end();
        text.push('\n');
    }
    text
}

/// A process's name as the kernel has it.
fn name(process: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim_end().escape_debug().to_string())
}

/// How it was started, as far as fits a line.
fn command(process: u32) -> String {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ");
    line.escape_debug().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        let says = |status, words: &str| {
            let sentence = refused(u32::MAX, status);
            assert!(sentence.contains("process 4294967295") && sentence.contains(words), "{sentence}");
        };
        says(Status::NOT_FOUND, "`proactor top`");
        says(Status::OBJECT_NAME_NOT_FOUND, "proactor::diagnose::serve()");
        says(Status::ACCESS_DENIED, "sudo");
        says(Status::TIMEOUT, "kill -CONT");
        says(Status::DEVICE_BUSY, "try again");
        says(Status::DATA_ERROR, "version");
        says(Status::NO_MEMORY, "STATUS_NO_MEMORY");
    }
}
