//! What the kernel knows of a process: its time on the processor and its memory.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

/// The time that each thread of a process has spent on the processor so far.
#[derive(Debug, Clone)]
pub(crate) struct Processor {
    threads: HashMap<PathBuf, Duration>,
}

impl Processor {
    /// Reads the clock of each thread of a process.
    ///
    /// `schedstat` counts nanoseconds; the `stat` of the process is cut to hundredths of a second,
    /// which is coarser than what an idle server uses.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        Self::read(pid, |_| true)
    }

    /// Reads the clocks of the threads of this process that have a name.
    pub(crate) fn of_own_threads(name: &str) -> Result<Self> {
        Self::read(std::process::id(), |thread| {
            fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.trim() == name)
        })
    }

    fn read(pid: u32, wanted: impl Fn(&Path) -> bool) -> Result<Self> {
        let directory = format!("/proc/{pid}/task");
        let mut threads = HashMap::new();
        for thread in
            fs::read_dir(&directory).with_context(|| format!("cannot read {directory}"))?
        {
            let thread = thread?.path();
            if !wanted(&thread) {
                continue;
            }
            // A thread may end between being listed and being read.
            let Ok(clock) = fs::read_to_string(thread.join("schedstat")) else { continue };
            let spent = clock.split(' ').next().and_then(|nanos| nanos.parse().ok());
            let spent = spent.context("the kernel counts no time for each thread")?;
            threads.insert(thread, Duration::from_nanos(spent));
        }
        Ok(Self { threads })
    }

    /// The time spent between an earlier reading and this one, by threads that are still there.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let spent = self.threads.iter().map(|(thread, now)| {
            // A new thread began at zero. The number of one that ended may be used again, and its
            // clock is then less than before.
            now.saturating_sub(earlier.threads.get(thread).copied().unwrap_or_default())
        });
        spent.sum()
    }
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    let kibibytes: u64 = kibibytes.context("the process has no resident memory")?.parse()?;
    Ok(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_time() {
        let own = std::process::id();
        let before = Processor::of(own).unwrap();
        let mut sum = 0_u64;
        while Processor::of(own).unwrap().since(&before) < Duration::from_millis(5) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }

        assert!(resident(own).unwrap() > 100_000);
    }
}
