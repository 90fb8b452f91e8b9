//! How a trained ensemble is written down: a few readable fields and the engine's own model, as text or as bytes in
//! hexadecimal.

use serde::{Deserialize, Serialize, Serializer};

#[cfg(feature = "lightgbm")]
use super::lightgbm;
use super::{Engine, Ensemble, Fitted, Objective, hess};
use crate::error::{Error, Result};

/// The stored form of [`Fitted`].
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    engine: String,
    objective: Objective,
    n_features: usize,
    rounds: usize,
    /// The scale as its bits: a decimal could lose the last one in a careless reader.
    scale_bits: u64,
    trees: String,
}

impl Serialize for Fitted {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (engine, scale, trees) = match &self.ensemble {
            Ensemble::Hessboost(trees) => {
                let bytes = trees.encode().map_err(serde::ser::Error::custom)?;
                (Engine::Hessboost, trees.scale, to_hex(&bytes))
            }
            #[cfg(feature = "lightgbm")]
            Ensemble::Lightgbm(trees) => (Engine::Lightgbm, 1.0, trees.text().to_owned()),
        };
        let stored = Stored {
            engine: engine.name().to_owned(),
            n_features: self.n_features(),
            rounds: self.rounds(),
            scale_bits: f64::to_bits(scale),
            objective: self.objective.clone(),
            trees,
        };
        stored.serialize(serializer)
    }
}

impl TryFrom<Stored> for Fitted {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let engine = if stored.engine == Engine::Lightgbm.name() { Engine::Lightgbm } else { Engine::Hessboost };
        if stored.engine != engine.name() {
            return Err(engine.refuse("the stored model belongs to another engine"));
        }
        let scale = f64::from_bits(stored.scale_bits);
        if !(scale.is_finite() && scale > 0.0) {
            return Err(engine.refuse("the stored scale is not a positive number"));
        }
        let (ensemble, n_outputs) = match engine {
            Engine::Hessboost => {
                let bytes = from_hex(&stored.trees);
                let bytes = bytes.ok_or_else(|| engine.refuse("the stored trees are not hexadecimal"))?;
                let trees = hess::Trees::decode(&bytes, scale)?;
                let n_outputs = trees.n_outputs();
                (Ensemble::Hessboost(trees), n_outputs)
            }
            #[cfg(feature = "lightgbm")]
            Engine::Lightgbm => (Ensemble::Lightgbm(lightgbm::Trees::decode(stored.trees, &stored.objective)?), 1),
            #[cfg(not(feature = "lightgbm"))]
            Engine::Lightgbm => return Err(engine.refuse(super::NOT_BUILT)),
        };
        let fitted = Self { objective: stored.objective, ensemble };
        if n_outputs != fitted.n_outputs() || fitted.n_features() != stored.n_features {
            return Err(engine.refuse("the stored trees do not fit the stored objective"));
        }
        Ok(fitted)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits?;
    if digits.len() % 2 == 1 {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
