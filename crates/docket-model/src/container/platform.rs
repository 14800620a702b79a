//! Platforms of images: operating system, architecture and variant, as Docker writes them.

use std::fmt;

use thiserror::Error;

/// The operating systems that may be given alone, by their names in engines (GOOS).
const SYSTEMS: [&str; 10] = [
    "linux",
    "windows",
    "darwin",
    "freebsd",
    "netbsd",
    "openbsd",
    "dragonfly",
    "solaris",
    "illumos",
    "wasi",
];

/// The architectures that may be given alone, by their names in engines (GOARCH) and other names.
const ARCHITECTURES: [&str; 21] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64",
    "ppc64le", "riscv64", "s390x", "wasm", "i386", "x86_64", "x86-64", "aarch64", "armhf", "armel",
    "riscv",
];

/// A platform: `OS[/ARCHITECTURE[/VARIANT]]`, or an architecture alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    system: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

/// A text that is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPlatform {
    /// It has another form.
    #[error("`{0}` is not a platform: write OS[/ARCHITECTURE[/VARIANT]], such as `linux/arm64`")]
    Form(String),
    /// It is one unknown word.
    #[error(
        "`{0}` is neither an operating system nor an architecture: write OS[/ARCHITECTURE[/VARIANT]], \
         such as `linux/arm64`"
    )]
    UnknownWord(String),
    /// The architecture is written before the operating system.
    #[error("`{text}` begins with an architecture: write `{swapped}`")]
    Swapped {
        /// As it was written.
        text: String,
        /// The two in the right order.
        swapped: String,
    },
}

impl Platform {
    /// Reads a platform.
    ///
    /// # Errors
    /// [`InvalidPlatform`] if no engine would accept it.
    pub fn parse(text: &str) -> Result<Self, InvalidPlatform> {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let lower = text.to_ascii_lowercase();
        // Docker compares platforms without case.
        let parts: Vec<&str> = lower.split('/').collect();
        if parts.iter().any(|part| part.is_empty() || !part.chars().all(inside)) {
            return Err(InvalidPlatform::Form(text.to_owned()));
        }
        match parts[..] {
            [word] if SYSTEMS.contains(&word) => Ok(Self::new(Some(word), None, None)),
            [word] if ARCHITECTURES.contains(&word) => Ok(Self::new(None, Some(word), None)),
            [_] => Err(InvalidPlatform::UnknownWord(text.to_owned())),
            [first, second, ..] if ARCHITECTURES.contains(&first) && SYSTEMS.contains(&second) => {
                let (text, swapped) = (text.to_owned(), format!("{second}/{first}"));
                Err(InvalidPlatform::Swapped { text, swapped })
            }
            [system, architecture] => Ok(Self::new(Some(system), Some(architecture), None)),
            [system, architecture, variant] => {
                Ok(Self::new(Some(system), Some(architecture), Some(variant)))
            }
            _ => Err(InvalidPlatform::Form(text.to_owned())),
        }
    }

    /// The platform of an image as an engine reports it.
    #[must_use]
    pub fn of_image(system: &str, architecture: &str, variant: Option<&str>) -> Self {
        Self::new(Some(system), Some(architecture), variant)
    }

    /// True if an image for `image` runs on this platform. What this one leaves open always matches.
    #[must_use]
    pub fn fits(&self, image: &Self) -> bool {
        let same = |required: &Option<String>, found: &Option<String>| {
            // A part that is left open is for the engine to choose.
            required.is_none() || required == found
        };
        let variant = match (&self.architecture, &self.variant, &image.variant) {
            // A newer processor runs images for an older one.
            // The variants are `v5` to `v8`, so their text has the order of their age.
            (Some(arm), Some(required), Some(found)) if arm == "arm" => found <= required,
            (_, required, found) => same(required, found),
        };
        same(&self.system, &image.system)
            && same(&self.architecture, &image.architecture)
            && variant
    }

    /// The platform with the names that engines use, and without default variants.
    fn new(system: Option<&str>, architecture: Option<&str>, variant: Option<&str>) -> Self {
        let system = system.map(|system| if system == "macos" { "darwin" } else { system });
        let variant = variant.filter(|variant| !variant.is_empty());
        let (architecture, variant) = match (architecture, variant) {
            (Some("i386"), _) => (Some("386"), None),
            (Some("x86_64" | "x86-64" | "amd64"), variant) => {
                (Some("amd64"), variant.filter(|variant| *variant != "v1"))
            }
            // `v8` is the only generation, so images name it or leave it out and mean the same.
            (Some("aarch64" | "arm64"), variant) => {
                (Some("arm64"), variant.filter(|variant| !matches!(*variant, "8" | "v8")))
            }
            // containerd takes `arm` without a variant for `arm/v7`.
            (Some("armhf"), _) | (Some("arm"), None | Some("7")) => (Some("arm"), Some("v7")),
            (Some("armel"), _) | (Some("arm"), Some("6")) => (Some("arm"), Some("v6")),
            (Some("arm"), Some("5")) => (Some("arm"), Some("v5")),
            (Some("arm"), Some("8")) => (Some("arm"), Some("v8")),
            others => others,
        };
        let owned = |part: Option<&str>| part.map(str::to_owned);
        Self { system: owned(system), architecture: owned(architecture), variant: owned(variant) }
    }
}

/// Writes it as engines do.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.system, &self.architecture, &self.variant];
        let written: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        f.write_str(&written.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_written_as_docker_writes_it() {
        let cases = [
            ("linux/arm64", "linux/arm64"),
            ("Linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("armhf", "arm/v7"),
            ("windows", "windows"),
            ("linux/new-chip", "linux/new-chip"),
        ];
        for (text, platform) in cases {
            assert_eq!(Platform::parse(text).unwrap().to_string(), platform, "{text}");
        }
    }

    #[test]
    fn what_no_engine_takes_is_an_error_that_says_what_to_write() {
        let form = "is not a platform: write OS[/ARCHITECTURE[/VARIANT]], such as `linux/arm64`";
        for text in ["", "/", "linux/", "linux/arm64/v8/x", "li nux/arm64", "linux arm64"] {
            let error = Platform::parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("`{text}` {form}"));
        }
        let error = Platform::parse("pi").unwrap_err().to_string();
        assert!(error.starts_with("`pi` is neither an operating system nor an architecture"));
        let error = Platform::parse("arm64/linux").unwrap_err().to_string();
        assert_eq!(error, "`arm64/linux` begins with an architecture: write `linux/arm64`");
    }

    #[test]
    fn an_image_fits_where_nothing_that_is_required_differs() {
        let image = |text| Platform::parse(text).unwrap();
        let fits = |required, found| image(required).fits(&image(found));
        assert!(fits("linux", "linux/arm64"));
        assert!(fits("arm64", "linux/arm64/v8"));
        assert!(fits("linux/arm/v7", "linux/arm/v6"));
        assert!(!fits("linux/arm/v6", "linux/arm/v7"));
        assert!(!fits("linux/arm64", "linux/amd64"));
        assert!(!fits("windows/amd64", "linux/amd64"));
        assert!(!fits("linux/amd64/v3", "linux/amd64"));
        assert!(image("linux/amd64").fits(&Platform::of_image("linux", "amd64", Some(""))));
    }
}
