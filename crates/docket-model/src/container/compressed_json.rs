//! A container's JSON as it is in memory. Containers of one server are much alike, so most of each of
//! many thousand is found in a dictionary, which learns from the first ones.

use std::{fmt, iter::once, sync::OnceLock};

/// What containers often say, the most common last. It is not stored: it may change at any time.
const DICTIONARY: &[u8] = br#""NetworkingConfig":{"EndpointsConfig":{},"Platform":"linux/amd64","Healthcheck":{"Test":["CMD-SHELL"],"ExposedPorts":{"8080/tcp":{}},"Tty":false,"StopSignal":"SIGTERM","StopTimeout":10,"User":"1000:1000","WorkingDir":"/","Hostname":"","Entrypoint":[],"SecurityOpt":["no-new-privileges:true"],"CapAdd":[],"CapDrop":["ALL"],"ReadonlyRootfs":true,"Ulimits":[{"Name":"nofile","Soft":1024,"Hard":1024}],"LogConfig":{"Type":"json-file","Config":{"max-size":"10m"}},"PortBindings":{},"ExtraHosts":["host.docker.internal:host-gateway"],"Devices":[],"Tmpfs":{"/tmp":""},"ShmSize":67108864,"PidsLimit":100,"NanoCpus":1000000000,"CpuShares":512,"MemorySwap":-1,"Memory":134217728,"Init":true,"Privileged":false,"Mounts":[{"Type":"volume","Source":"data","Target":"/data","ReadOnly":true}],"AutoRemove":true},"Binds":["/var/run/docker.sock:/var/run/docker.sock"],"HostConfig":{"NetworkMode":"none","Memory":67108864,"Binds":["/srv/{"Config":{"Image":"docker.io/library/busybox:latest","Cmd":["/bin/sh","-c","echo"],"Env":["TZ=UTC","PATH=/usr/local/bin:/usr/bin:/bin"],"Labels":{"com.docker.compose.project":"a"}},"HostConfig":{"NetworkMode":"host"}}"#;

/// The dictionaries of all containers.
static DICTIONARIES: Dictionaries = Dictionaries::new();

/// The longest text that is learned, in bytes: each compression goes through the whole dictionary.
// With eight such texts the dictionary is at most 4 KiB longer than the built-in one.
const LONGEST_LEARNED: usize = 512;

/// How many times shorter a text is at least where its dictionary has the like of it.
// A text below that has little in common with the dictionary, so others like it would gain from it.
const WELL_SHORTENED: usize = 4;

/// Larger and larger dictionaries, each the one before with a text that it did not shorten well. What is
/// compressed names its dictionary, so none is ever replaced.
// Each cell is set once and never dropped, so readers need no lock.
struct Dictionaries([OnceLock<Box<[u8]>>; 8]);

impl Dictionaries {
    const fn new() -> Self {
        Self([const { OnceLock::new() }; 8])
    }

    /// Those that there are so far, with their numbers.
    fn all(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let learned = self.0.iter().map_while(|learned| learned.get().map(|it| &**it));
        (0..).zip(once(DICTIONARY).chain(learned))
    }

    fn compress(&self, text: &[u8]) -> Box<[u8]> {
        let (number, dictionary) = self.all().last().unwrap_or((0, DICTIONARY));
        let mut bytes = lz4_flex::block::compress_prepend_size_with_dict(text, dictionary);
        if WELL_SHORTENED * bytes.len() > text.len()
            && text.len() <= LONGEST_LEARNED
            && let Some(next) = self.0.get(usize::from(number))
        {
            // Where two texts come at once, one of them is learned.
            next.get_or_init(|| [dictionary, text].concat().into());
        }
        // The number is last, so that the compressed bytes need not be moved for it.
        bytes.push(number);
        bytes.into()
    }

    /// The text that was compressed; nothing of this can fail.
    fn text(&self, compressed: &[u8]) -> String {
        let (number, bytes) = compressed.split_last().unwrap_or((&0, &[]));
        let dictionary = self.all().nth(usize::from(*number)).map_or(DICTIONARY, |it| it.1);
        let bytes = lz4_flex::block::decompress_size_prepended_with_dict(bytes, dictionary);
        String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

/// A compressed text, and behind it the number of its dictionary.
#[derive(Clone)]
pub(super) struct Compressed(Box<[u8]>);

impl Compressed {
    pub(super) fn new(text: &str) -> Self {
        Self(DICTIONARIES.compress(text.as_bytes()))
    }

    pub(super) fn text(&self) -> String {
        DICTIONARIES.text(&self.0)
    }
}

/// Equal texts may have been compressed with different dictionaries.
impl PartialEq for Compressed {
    fn eq(&self, other: &Self) -> bool {
        // Comparing bytes first avoids decompression where both have the same dictionary.
        self.0 == other.0 || self.text() == other.text()
    }
}

impl Eq for Compressed {}

impl fmt::Debug for Compressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = r#"{"Config":{"Image":"registry.example.com/billing/report:1.4.2","Cmd":["/bin/sh","-c","report --out /data"],"Labels":{"team":"billing"}},"HostConfig":{"NetworkMode":"none","Memory":67108864}}"#;

    #[test]
    fn a_text_is_read_as_it_was_written_whatever_was_compressed_before() {
        let numbers = (0..100_u32).map(|number| number.to_string().repeat(90));
        let texts = ["", "{}", "größer", USUAL, &USUAL.repeat(100)].map(str::to_owned);
        let texts: Vec<_> = texts.into_iter().chain(numbers).collect();
        let first: Vec<_> = texts.iter().map(|text| Compressed::new(text)).collect();

        for (text, first) in texts.iter().zip(first) {
            assert_eq!(first.text(), *text);
            assert_eq!(first, Compressed::new(text));
        }
        assert_ne!(Compressed::new("{}"), Compressed::new(USUAL));
    }

    #[test]
    fn a_text_takes_little_after_others_like_it() {
        let dictionaries = Dictionaries::new();
        let size = |text: &str| dictionaries.compress(text.as_bytes()).len();

        assert!(size(USUAL) < USUAL.len() * 2 / 3);
        assert!(size(&USUAL.replace("report", "invoice")) < USUAL.len() / 4);
        assert_eq!(dictionaries.all().count(), 2);
    }
}
