//! What the control groups of this process allow: processor time and memory, in version 1 and 2.
//!
//! A limit of any group on the way up to the root holds, so the least of them is the answer. Where a hierarchy is
//! mounted comes from `/proc/self/mountinfo`, for containers mount a part of it.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// What version 1 writes for "unlimited": the largest signed number in whole pages.
const UNLIMITED: u64 = 1 << 62;

/// Processors' worth of time: quota by period. `None`: unlimited.
pub fn processors() -> Option<f64> {
    folders("cpu").iter().filter_map(|folder| quota(folder)).reduce(f64::min)
}

/// Memory in bytes. `None`: unlimited.
pub fn memory() -> Option<u64> {
    folders("memory").iter().filter_map(|folder| memory_of(folder)).min()
}

fn quota(folder: &Path) -> Option<f64> {
    let read = |name: &str| read_to_string(folder.join(name)).ok();
    match read("cpu.max") {
        Some(text) => parse_cpu_max(&text),
        None => {
            let quota: f64 = read("cpu.cfs_quota_us")?.trim().parse().ok()?;
            let period: f64 = read("cpu.cfs_period_us")?.trim().parse().ok()?;
            // -1 is "unlimited".
            (quota > 0.0 && period > 0.0).then(|| quota / period)
        }
    }
}

/// `max 100000` or `150000 100000`.
fn parse_cpu_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
}

fn memory_of(folder: &Path) -> Option<u64> {
    let read = |name: &str| read_to_string(folder.join(name)).ok();
    // "max" is no number: unlimited.
    let bytes: u64 = read("memory.max").or_else(|| read("memory.limit_in_bytes"))?.trim().parse().ok()?;
    (bytes < UNLIMITED).then_some(bytes)
}

/// The folders of this process's group for a controller and of those above it, in every version there is.
fn folders(controller: &str) -> Vec<PathBuf> {
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = read_to_string("/proc/self/mountinfo").unwrap_or_default();
    folders_in(controller, &groups, &mounts)
}

fn folders_in(controller: &str, groups: &str, mounts: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let second = controllers.is_empty();
        if !second && !controllers.split(',').any(|name| name == controller) {
            continue;
        }
        let version = if second { "cgroup2" } else { "cgroup" };
        let Some((root, place)) = mount(mounts, version, (!second).then_some(controller)) else { continue };
        // A group outside of what is mounted is seen as the mount's own root.
        let inside = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let all = place.join(inside);
        folders.extend(all.ancestors().take(inside.components().count() + 1).map(Path::to_owned));
    }
    folders
}

/// Root and place of a mount: `31 23 0:28 ROOT PLACE options... - TYPE source OPTIONS`.
fn mount<'a>(mounts: &'a str, version: &str, controller: Option<&str>) -> Option<(&'a str, &'a Path)> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, place) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let (found, options) = (kind.next()?, kind.nth(1)?);
        let right = match controller {
            Some(controller) => options.split(',').any(|option| option == controller),
            None => true,
        };
        (found == version && right).then(|| (root, Path::new(place)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_and_those_above_it_are_looked_at() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let folders = folders_in("cpu", "0::/system.slice/echo.service\n", mounts);
        let root = Path::new("/sys/fs/cgroup");
        assert_eq!(
            folders,
            [root.join("system.slice/echo.service"), root.join("system.slice"), root.to_owned()]
        );
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let mounts = "40 31 0:29 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n";
        let folders = folders_in("cpu", "4:memory:/docker/1f\n3:cpu,cpuacct:/docker/1f\n", mounts);
        assert_eq!(folders, [Path::new("/sys/fs/cgroup/cpu").to_owned()]);
    }

    #[test]
    fn a_quota_is_a_share_of_its_period() {
        assert_eq!(parse_cpu_max("150000 100000\n"), Some(1.5));
        assert_eq!(parse_cpu_max("max 100000\n"), None);
    }
}
