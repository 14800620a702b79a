//! Makes entries of `Logs` readable. In the API they have the form of the original docket.

/// The length of a shortened container id, as in Docker's client.
const SHORT_ID: usize = 12;

/// `2026-11-20 09:00:00 CET  pulled busybox:latest`; an entry in another form is unchanged.
pub(super) fn in_words(entry: &str) -> String {
    let words = read(entry).map(|(at, words)| format!("{at}  {}", sentence(words)));
    // The entry may contain text of programs and images.
    words.unwrap_or_else(|| entry.to_owned()).replace('\n', "\\n")
}

/// The time to the second with its zone, and the text in brackets.
fn read(entry: &str) -> Option<(String, &str)> {
    let (time, words) = entry.split_once(", [")?;
    let mut parts = time.split(' ');
    // The zone's name says the same as the offset, and is shorter.
    let (date, clock, _offset, zone) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let clock = clock.split_once('.').map_or(clock, |(seconds, _)| seconds);
    Some((format!("{date} {clock} {zone}"), words.strip_suffix(']')?))
}

fn sentence(words: &str) -> String {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let details: Vec<_> = rest.split(' ').collect();
    match (verb, details.as_slice()) {
        // The allocation is the one that is shown.
        ("Pulled", [repository, digest, _allocation]) if digest.contains(':') => {
            format!("pulled {repository}@{digest}")
        }
        ("Pulled", [repository, tag, _allocation]) => format!("pulled {repository}:{tag}"),
        ("created:", [id]) => format!("created container {}", short(id)),
        ("started:", [id]) => format!("started container {}", short(id)),
        ("exited:", [id, code]) => format!("container {} exited with code {code}", short(id)),
        ("Error:", _) => format!("error: {rest}"),
        _ => uncapitalized(words),
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

fn uncapitalized(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}
