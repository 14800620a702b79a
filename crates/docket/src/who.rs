//! Who asks, as the server notes it.

use std::env;

/// `USER@HOSTNAME`, from the environment or else from the system.
pub(crate) fn asks() -> String {
    let set = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    let user = set("USER").or_else(|| set("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    let host = set("HOSTNAME")
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    format!("{user}@{host}")
}
