//! Sizes in bytes as people read them: `1.5 KiB`.

/// A size for people: `12 B`, `1.5 KiB`, `3.2 GiB`.
pub(crate) fn shown(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_shown_in_its_largest_unit() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3_435_973_837, "3.2 GiB")];
        for (bytes, words) in cases {
            assert_eq!(shown(bytes), words);
        }
    }
}
