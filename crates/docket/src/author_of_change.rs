//! The author of a change, as the journal records it.

use std::env;

/// `USER@HOSTNAME`, from the environment or from the system.
pub(crate) fn current() -> String {
    let set = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    let user = set("USER").or_else(|| set("LOGNAME"));
    // A container or a systemd unit often has neither variable. The user id needs no look-up in
    // /etc/passwd, which may lack the user.
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    // Docker sets HOSTNAME; shells rarely export it, so the system's name is the usual source.
    let host = set("HOSTNAME")
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    format!("{user}@{host}")
}
