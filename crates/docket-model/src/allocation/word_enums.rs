//! Enumerations whose values are written as words in a specification.

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $word:ident,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $word,)*
        }

        impl $name {
            /// All values.
            pub const ALL: [Self; [$(stringify!($word)),*].len()] = [$(Self::$word),*];

            /// Its word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)*
                }
            }
        }

        impl $crate::allocation::value_types::Word for $name {
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

pub(super) use words;
