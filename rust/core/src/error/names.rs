//! Options whose values have names: one table each, from which parsing, messages and lists of choices come.

use super::shown::{choose, shown};
use crate::{Error, Result};

/// The names that the values of one option have, in the order in which messages give them.
///
/// `named!` makes them with the values; what a caller may choose of and what a message says come from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// The option.
    pub option: &'static str,
    /// Names of its values; `None` where one of them is to have none.
    pub values: &'static [Option<&'static str>],
}

impl Names {
    /// The place of the value that is called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is none.
    pub fn find(self, name: Option<&str>) -> Result<usize> {
        let found = self.values.iter().position(|&known| known == name);
        found.ok_or_else(|| Error::UnknownName {
            option: self.option,
            got: name.map(str::to_owned),
            cure: self.cure(),
        })
    }

    /// What to choose of, as a message says it.
    #[must_use]
    pub fn cure(self) -> String {
        choose(&self.values.iter().map(|&name| shown(name)).collect::<Vec<_>>())
    }
}

/// An option whose values have names.
pub trait Named: Copy + 'static {
    /// Its names.
    const NAMES: Names;
    /// Its values, in the order of their names.
    const VALUES: &'static [Self];

    /// The value that is called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is none.
    fn find(name: Option<&str>) -> Result<Self> {
        Self::NAMES.find(name).map(|place| Self::VALUES[place])
    }
}

/// Declares an option whose values have names: `None` for a value that has no name. So each value has its entry, and
/// there is no other list of them.
macro_rules! named {
    (
        $(#[$about:meta])*
        pub enum $kind:ident of $option:literal {
            $($(#[$doc:meta])* $value:ident = $name:tt,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind {
            $($(#[$doc])* $value,)+
        }

        impl $crate::error::Named for $kind {
            const NAMES: $crate::error::Names =
                $crate::error::Names { option: $option, values: &[$($crate::error::named!(@ $name)),+] };
            const VALUES: &'static [Self] = &[$(Self::$value),+];
        }

        impl $kind {
            /// The value called `name`.
            ///
            /// # Errors
            /// [`UnknownName`](crate::Error::UnknownName) if there is none.
            pub fn parse<'a>(name: impl Into<Option<&'a str>>) -> $crate::Result<Self> {
                <Self as $crate::error::Named>::find(name.into())
            }

            /// What it is called.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$value => $crate::error::named!(@ $name),)+
                }
            }
        }
    };
    (@ None) => { None };
    (@ $name:literal) => { Some($name) };
}
pub(crate) use named;

#[cfg(test)]
mod tests {
    use super::Named;
    use crate::entities::Strategy;
    use crate::entities::own::join::Join;

    #[test]
    fn each_value_is_found_by_its_name_and_no_other() {
        for (&value, &name) in Strategy::VALUES.iter().zip(Strategy::NAMES.values) {
            assert_eq!((Strategy::parse(name), value.name()), (Ok(value), name));
        }
        assert_eq!(Join::parse(None), Ok(Join::Never));
        let refused = Join::parse("piece").unwrap_err();
        assert_eq!(refused.to_string(), "`join` is \"piece\"; choose \"pieces\", \"run\" or None");
        assert_eq!(
            Strategy::parse(None).unwrap_err().to_string(),
            "`aggregation_strategy` is None; choose \"none\", \"simple\", \"first\", \"average\" or \"max\""
        );
    }

    #[test]
    fn a_message_shows_no_more_than_eighty_characters_of_a_name() {
        let refused = Join::parse(&*"ß".repeat(10_000)).unwrap_err();
        assert_eq!(refused.to_string().matches('ß').count(), 77);
    }
}
