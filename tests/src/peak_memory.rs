//! Peak memory of a server, as the kernel counts it: resident bytes over what it had when idle.

use std::{fs, io::Write, net::TcpStream};

use crate::{
    Server,
    raw_http_client::{Address, Request},
};

/// A mebibyte, in bytes.
pub const MIB: u64 = 1 << 20;

/// Measures the peak of a server's resident memory from the moment at which it was made.
pub struct Peak {
    pid: u32,
    idle: u64,
}

impl Peak {
    /// Resets the kernel's peak of the server's process, and notes how much memory it has now.
    pub fn from_now(server: &Server) -> Self {
        let pid = server.pid();
        // 5 resets `VmHWM` to the present `VmRSS`.
        fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        Self { pid, idle: bytes(pid, "VmRSS:") }
    }

    /// How many bytes more than when idle the server had at most since.
    pub fn over_idle(&self) -> u64 {
        // Both figures are approximate (proc(5)), so the peak may seem to be below.
        bytes(self.pid, "VmHWM:").saturating_sub(self.idle)
    }

    /// Fails the test if the server had more than this many bytes over idle at any moment since.
    pub fn assert_at_most(&self, bytes: u64) {
        let peak = self.over_idle();
        assert!(peak <= bytes, "{} MiB over idle, and {} MiB are allowed", peak / MIB, bytes / MIB);
    }
}

/// A figure in bytes of the kernel's status of a process.
fn bytes(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()).unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

/// Sends a request and reads nothing of the answer, which the server cannot get rid of while the
/// connection is held.
pub fn unread(server: &Server, request: &Request) -> TcpStream {
    let Address::Tcp(host) = server.address() else { panic!("no port to connect to") };
    let mut stream = TcpStream::connect(&host).unwrap();
    stream.write_all(&request.head(&host)).unwrap();
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_given_back_still_counts_as_peak() {
        let pid = std::process::id();
        fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        let peak = Peak { pid, idle: bytes(pid, "VmRSS:") };

        drop(std::hint::black_box(vec![1_u8; 64 << 20]));

        // Other tests of this process give back some of theirs at the same time.
        assert!(peak.over_idle() > 32 * MIB, "{}", peak.over_idle());
    }
}
