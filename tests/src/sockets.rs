//! Which sockets a process holds, from /proc.

use std::{fs, path::PathBuf};

use crate::Error;

const INTERNET_TABLES: [&str; 10] = [
    "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6",
];
/// The column of the inode in those tables.
const INODE_COLUMN: usize = 9;

/// The open sockets of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sockets {
    /// How many of any kind.
    pub all: usize,
    /// Those of the internet families, as `socket:[inode]`.
    pub internet: Vec<String>,
}

impl Sockets {
    /// Those that the process holds now.
    ///
    /// # Errors
    /// The process is gone, or is not ours.
    pub fn of(process: u32) -> Result<Self, Error> {
        let home = PathBuf::from(format!("/proc/{process}"));
        let mut internet = Vec::new();
        for table in INTERNET_TABLES {
            // A kernel without IPv6 lacks some of them.
            let text = fs::read_to_string(home.join("net").join(table)).unwrap_or_default();
            let inodes = text
                .lines()
                .skip(1)
                .filter_map(|row| row.split_whitespace().nth(INODE_COLUMN));
            internet.extend(inodes.map(|inode| format!("socket:[{inode}]")));
        }
        let path = home.join("fd");
        let file = |source| Error::File {
            path: path.clone(),
            source,
        };
        let mut held = Vec::new();
        for descriptor in fs::read_dir(&path).map_err(file)? {
            // A descriptor may be closed while we look.
            let target = descriptor
                .and_then(|each| fs::read_link(each.path()))
                .unwrap_or_default();
            held.push(target.to_string_lossy().into_owned());
        }
        held.retain(|target| target.starts_with("socket:["));
        let all = held.len();
        held.retain(|target| internet.contains(target));
        Ok(Self {
            all,
            internet: held,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inet_socket_of_our_own_is_found() {
        let _socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let sockets = Sockets::of(std::process::id()).unwrap();
        assert!(!sockets.internet.is_empty(), "{sockets:?}");
    }
}
