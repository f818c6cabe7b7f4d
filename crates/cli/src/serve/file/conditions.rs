//! What a request makes its answer depend on: what its client has already (RFC 9110, 13), and the part it wants (14).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::request::Request;

/// A file changed more recently may change again within the same tick of its clock.
const SETTLED: Duration = Duration::from_secs(2);

/// What is known of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub len: u64,
    /// When it was changed, which is not in the future.
    pub changed: SystemTime,
    /// With the quotes, and `W/` before them if the file was changed a moment ago.
    pub tag: String,
}

impl Version {
    /// Of a file that was changed at `seconds` and `nanos` since 1970.
    pub fn new(len: u64, seconds: i64, nanos: u32, now: SystemTime) -> Version {
        let since = Duration::new(u64::try_from(seconds).unwrap_or(0), nanos);
        let changed = UNIX_EPOCH.checked_add(since).unwrap_or(now).min(now);
        let settled = now.duration_since(changed).is_ok_and(|age| age >= SETTLED);
        let weak = if settled { "" } else { "W/" };
        let tag = format!("{weak}\"{len:x}-{seconds:x}.{nanos:x}\"");
        Version { len, changed, tag }
    }
}

/// What to answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// From, and how much, which is not nothing.
    Some(u64, u64),
    /// 304: the client has it already.
    NotModified,
    /// 412: it is not what the client takes it for.
    Failed,
    /// 416: there is no such part.
    OutOfRange,
}

/// Which part of `version` the request is to be answered with.
pub fn part(request: &Request, version: &Version) -> Part {
    if let Some(tags) = &request.if_match {
        if !matches(tags, &version.tag, strong) {
            return Part::Failed;
        }
    } else if let Some(date) = date(request.if_unmodified_since.as_deref())
        && seconds(version.changed) > seconds(date)
    {
        return Part::Failed;
    }
    if let Some(tags) = &request.if_none_match {
        if matches(tags, &version.tag, weak) {
            return Part::NotModified;
        }
    } else if let Some(date) = date(request.if_modified_since.as_deref())
        && seconds(version.changed) <= seconds(date)
    {
        return Part::NotModified;
    }
    match &request.range {
        // A range has a meaning for GET alone.
        Some(range) if !request.head_only && same(request.if_range.as_deref(), version) => {
            of_range(range, version.len)
        }
        _ => Part::Whole,
    }
}

/// One range of bytes. Several would need an answer in parts: they get the whole, as what is no range does.
fn of_range(range: &str, len: u64) -> Part {
    let Some((unit, spec)) = range.split_once('=') else { return Part::Whole };
    let spec = spec.trim();
    let Some((first, last)) = spec.split_once('-') else { return Part::Whole };
    let number = |digits: &str| {
        let all = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        // More than fits is more than there is.
        all.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => Part::OutOfRange,
        // Of nothing the last bytes are the whole.
        ("", _, _, Some(_)) if len == 0 => Part::Whole,
        ("", _, _, Some(suffix)) => Part::Some(len - suffix.min(len), suffix.min(len)),
        (_, Some(first), "", _) if first < len => Part::Some(first, len - first),
        (_, Some(first), _, Some(last)) if first <= last && first < len => {
            Part::Some(first, last.min(len - 1) - first + 1)
        }
        (_, Some(first), "", _) if first >= len => Part::OutOfRange,
        (_, Some(first), _, Some(last)) if first <= last => Part::OutOfRange,
        _ => Part::Whole,
    }
}

/// Whether a part of what the client has goes with the rest of this.
fn same(if_range: Option<&str>, version: &Version) -> bool {
    match if_range {
        None => true,
        Some(tag) if tag.ends_with('"') => strong(tag, &version.tag),
        // A date tells versions apart only once its second is over.
        Some(text) => {
            let same = date(Some(text)).is_some_and(|date| seconds(date) == seconds(version.changed));
            same && !version.tag.starts_with("W/")
        }
    }
}

fn matches(tags: &str, tag: &str, equal: fn(&str, &str) -> bool) -> bool {
    tags.trim() == "*" || tags.split(',').any(|one| equal(one.trim(), tag))
}

fn strong(one: &str, other: &str) -> bool {
    one == other && one.starts_with('"')
}

fn weak(one: &str, other: &str) -> bool {
    one.trim_start_matches("W/") == other.trim_start_matches("W/")
}

/// What is no date is ignored.
fn date(text: Option<&str>) -> Option<SystemTime> {
    httpdate::parse_http_date(text?).ok()
}

/// Dates are in whole seconds.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> Version {
        Version::new(1000, 1_000_000_000, 5, SystemTime::now())
    }

    fn asked(change: impl FnOnce(&mut Request)) -> Part {
        let mut request = Request::default();
        change(&mut request);
        part(&request, &version())
    }

    fn range(range: &str) -> Part {
        asked(|request| request.range = Some(range.to_owned()))
    }

    const SAME: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";

    #[test]
    fn a_range_is_from_to_open_or_the_end() {
        assert_eq!(range("bytes=0-0"), Part::Some(0, 1));
        assert_eq!(range("bytes=10-19"), Part::Some(10, 10));
        assert_eq!(range("Bytes = 990-"), Part::Some(990, 10));
        assert_eq!(range("bytes=-10"), Part::Some(990, 10));
        assert_eq!(range("bytes=-5000"), Part::Some(0, 1000));
        assert_eq!(range("bytes=999-99999999999999999999999"), Part::Some(999, 1));
    }

    #[test]
    fn a_range_beyond_the_end_is_refused_and_what_is_none_ignored() {
        for beyond in ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(range(beyond), Part::OutOfRange, "{beyond}");
        }
        for none in
            ["bytes=5-4", "bytes=", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=0-1,5-6", "0-1", "bytes=+1-2"]
        {
            assert_eq!(range(none), Part::Whole, "{none}");
        }
        assert_eq!(of_range("bytes=-5", 0), Part::Whole);
        assert_eq!(of_range("bytes=0-", 0), Part::OutOfRange);
        let head =
            |request: &mut Request| (request.range, request.head_only) = (Some("bytes=0-1".into()), true);
        assert_eq!(asked(head), Part::Whole, "HEAD has no ranges");
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let tag = version().tag;
        assert_eq!(
            asked(|request| request.if_none_match = Some(format!("\"x\", W/{tag}"))),
            Part::NotModified
        );
        assert_eq!(asked(|request| request.if_none_match = Some("*".into())), Part::NotModified);
        assert_eq!(asked(|request| request.if_modified_since = Some(SAME.into())), Part::NotModified);
        assert_eq!(asked(|request| request.if_modified_since = Some(BEFORE.into())), Part::Whole);
        assert_eq!(asked(|request| request.if_modified_since = Some("yesterday".into())), Part::Whole);
        let tag_wins = |request: &mut Request| {
            request.if_none_match = Some("\"x\"".into());
            request.if_modified_since = Some(SAME.into());
        };
        assert_eq!(asked(tag_wins), Part::Whole);
    }

    #[test]
    fn what_the_client_takes_it_for_must_hold() {
        assert_eq!(asked(|request| request.if_match = Some("\"x\"".into())), Part::Failed);
        assert_eq!(asked(|request| request.if_match = Some(version().tag)), Part::Whole);
        assert_eq!(asked(|request| request.if_unmodified_since = Some(BEFORE.into())), Part::Failed);
        assert_eq!(asked(|request| request.if_unmodified_since = Some(SAME.into())), Part::Whole);
    }

    #[test]
    fn a_part_goes_only_with_the_rest_of_the_same() {
        let if_range = |text: String| {
            asked(|request| (request.range, request.if_range) = (Some("bytes=0-1".into()), Some(text)))
        };
        assert_eq!(if_range(version().tag), Part::Some(0, 2));
        assert_eq!(if_range(SAME.into()), Part::Some(0, 2));
        for other in ["\"x\"".to_owned(), format!("W/{}", version().tag), BEFORE.into(), "yesterday".into()] {
            assert_eq!(if_range(other.clone()), Part::Whole, "{other}");
        }
    }

    #[test]
    fn a_file_changed_a_moment_ago_has_a_weak_tag_and_no_date_in_the_future() {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let fresh = Version::new(1, second, 0, now);
        assert!(fresh.tag.starts_with("W/\""), "{}", fresh.tag);
        assert_eq!(Version::new(1, second + 500, 0, now).changed, now);
        assert_eq!(Version::new(1, i64::MAX, 0, now).changed, now);
        assert!(!version().tag.starts_with("W/"));
    }
}
