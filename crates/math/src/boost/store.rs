//! How a trained ensemble is written down: a few readable fields and the engine's own bytes in hexadecimal.

use hessboost::model::{BoostedModel, ModelFormat};
use serde::{Deserialize, Serialize, Serializer};

use super::{Fitted, Objective, engine_error};
use crate::error::{Error, Result};

/// The engine's name in errors and in stored models.
pub(super) const ENGINE: &str = "hessboost";

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
        let bytes = self.model.encode(ModelFormat::Binary).map_err(serde::ser::Error::custom)?;
        let stored = Stored {
            engine: ENGINE.to_owned(),
            n_features: self.n_features(),
            rounds: self.rounds(),
            scale_bits: self.scale.to_bits(),
            objective: self.objective.clone(),
            trees: to_hex(&bytes),
        };
        stored.serialize(serializer)
    }
}

impl TryFrom<Stored> for Fitted {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let refuse = |message: &str| Error::Engine { engine: ENGINE, message: message.to_owned() };
        if stored.engine != ENGINE {
            return Err(refuse("the stored model belongs to another engine"));
        }
        let bytes = from_hex(&stored.trees).ok_or_else(|| refuse("the stored trees are not hexadecimal"))?;
        let model = BoostedModel::decode(&bytes, ModelFormat::Binary).map_err(|e| engine_error(&e))?;
        let scale = f64::from_bits(stored.scale_bits);
        if !(scale.is_finite() && scale > 0.0) {
            return Err(refuse("the stored scale is not a positive number"));
        }
        let fitted = Self { objective: stored.objective, scale, model };
        if fitted.model.n_outputs() != fitted.n_outputs() || fitted.n_features() != stored.n_features {
            return Err(refuse("the stored trees do not fit the stored objective"));
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
