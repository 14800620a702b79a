//! A container's JSON as it is in memory. Containers say nearly the same with nearly the same keys, so
//! a dictionary halves what each of many thousand allocations takes.

use std::fmt;

/// What containers often say, the most common last. It is not stored: it may change at any time.
const DICTIONARY: &[u8] = br#""NetworkingConfig":{"EndpointsConfig":{},"Platform":"linux/amd64","Healthcheck":{"Test":["CMD-SHELL"],"ExposedPorts":{"8080/tcp":{}},"Tty":false,"StopSignal":"SIGTERM","StopTimeout":10,"User":"1000:1000","WorkingDir":"/","Hostname":"","Entrypoint":[],"SecurityOpt":["no-new-privileges:true"],"CapAdd":[],"CapDrop":["ALL"],"ReadonlyRootfs":true,"Ulimits":[{"Name":"nofile","Soft":1024,"Hard":1024}],"LogConfig":{"Type":"json-file","Config":{"max-size":"10m"}},"PortBindings":{},"ExtraHosts":["host.docker.internal:host-gateway"],"Devices":[],"Tmpfs":{"/tmp":""},"ShmSize":67108864,"PidsLimit":100,"NanoCpus":1000000000,"CpuShares":512,"MemorySwap":-1,"Memory":134217728,"Init":true,"Privileged":false,"Mounts":[{"Type":"volume","Source":"data","Target":"/data","ReadOnly":true}],"AutoRemove":true},"Binds":["/var/run/docker.sock:/var/run/docker.sock"],"HostConfig":{"NetworkMode":"none","Memory":67108864,"Binds":["/srv/{"Config":{"Image":"docker.io/library/busybox:latest","Cmd":["/bin/sh","-c","echo"],"Env":["TZ=UTC","PATH=/usr/local/bin:/usr/bin:/bin"],"Labels":{"com.docker.compose.project":"a"}},"HostConfig":{"NetworkMode":"host"}}"#;

/// A compressed text. Equal texts have equal bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Compressed(Box<[u8]>);

impl Compressed {
    pub(super) fn new(text: &str) -> Self {
        let bytes = lz4_flex::block::compress_prepend_size_with_dict(text.as_bytes(), DICTIONARY);
        Self(bytes.into())
    }

    pub(super) fn text(&self) -> String {
        // Only what `new` made is read: neither of the two can fail.
        let bytes = lz4_flex::block::decompress_size_prepended_with_dict(&self.0, DICTIONARY);
        String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

impl fmt::Debug for Compressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written_and_takes_less() {
        let usual = r#"{"Config":{"Image":"registry.example.com/billing/report:1.4.2","Cmd":["/bin/sh","-c","report --out /data"],"Labels":{"team":"billing"}},"HostConfig":{"NetworkMode":"none","Memory":67108864}}"#;
        for text in ["", "{}", "größer", usual, &usual.repeat(100)] {
            let compressed = Compressed::new(text);

            assert_eq!(compressed.text(), text);
            assert_eq!(compressed, Compressed::new(text));
        }
        assert!(Compressed::new(usual).0.len() < usual.len() * 2 / 3);
    }
}
