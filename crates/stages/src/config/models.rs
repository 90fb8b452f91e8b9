//! Which of the models this program was built with. The words are the same for every build, so that a configuration or a
//! saved run of another one is understood, and refused with a reason.

use tenure_math::boost::Engine;

use super::source::Places;
use super::{ChurnModel, Config, ConfigError, Place, ValueModel};

/// How to get what is not built.
pub(crate) const NOT_BUILT_CURE: &str = "build tenure with `--features lightgbm`, which needs CMake and libclang, or name another \
                               model with --model";

impl ChurnModel {
    /// Whether this program has it.
    #[must_use]
    pub fn is_built(self) -> bool {
        self != Self::Lightgbm || Engine::Lightgbm.is_built()
    }

    /// Those that this program has, the simplest first.
    #[must_use]
    pub fn built() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|model| model.is_built()).collect()
    }
}

impl ValueModel {
    /// Whether this program has it.
    #[must_use]
    pub fn is_built(self) -> bool {
        self != Self::Lightgbm || Engine::Lightgbm.is_built()
    }

    /// Those that this program has, the simplest first.
    #[must_use]
    pub fn built() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|model| model.is_built()).collect()
    }
}

/// Refuses a model that this program was built without, where a file or a flag names it. One that a run has kept is
/// refused by the stage that would use it: the other stages can go on with that folder, and a flag can name another.
pub(super) fn check(config: &Config, places: &Places) -> Result<(), ConfigError> {
    let named = [
        ("churn.model", config.churn.model.filter(|model| !model.is_built()).map(ChurnModel::word)),
        ("value.model", config.value.model.filter(|model| !model.is_built()).map(ValueModel::word)),
    ];
    for (key, word) in named {
        let place = places.of(key);
        if let Some(word) = word.filter(|_| place != Place::Unknown) {
            return Err(ConfigError::NotBuilt { place, key: key.to_owned(), word: word.to_owned() });
        }
    }
    Ok(())
}
