//! The author of a change, as the journal records it.

use std::env;

/// `USER@HOSTNAME`, from the environment or from the system.
pub(crate) fn current() -> String {
    let set = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    let user = set("USER").or_else(|| set("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    let host = set("HOSTNAME")
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    format!("{user}@{host}")
}
