//! Pixels and files: the PNG with its physical size, and a figure's three files, each put in place whole.

use std::fs;
use std::path::{Path, PathBuf};

use kuva::RasterBackend;
use kuva::render::render::Scene;

use super::{Figure, FigureError, Result};

/// Pixels per inch of the scene's own coordinates.
const SCENE_DPI: f32 = 96.0;
/// PNG signature, and the IHDR chunk that must follow it: length, type, 13 bytes, CRC.
const SIGNATURE_LEN: usize = 8;
const IHDR_LEN: usize = 4 + 4 + 13 + 4;
const METRES_PER_INCH: f64 = 0.0254;

/// Writes `figure` as `NAME.svg`, `NAME.png` (at `dpi`) and `NAME.csv` into the existing folder `dir`, each through a
/// temporary file and a rename, and returns the three paths in that order. The bytes hold no time and no path.
///
/// # Errors
/// [`FigureError::Render`] when the PNG cannot be made, [`FigureError::Io`] when a file cannot be written.
pub fn write(figure: &Figure, dir: &Path, dpi: u32) -> Result<Vec<PathBuf>> {
    let png = figure.png(dpi)?;
    let mut paths = Vec::with_capacity(3);
    for (extension, bytes) in [("svg", figure.svg.as_bytes()), ("png", &png[..]), ("csv", figure.table_csv.as_bytes())]
    {
        let path = dir.join(format!("{}.{extension}", figure.name));
        let part = dir.join(format!(".{}.{extension}.part", figure.name));
        let placed = fs::write(&part, bytes).and_then(|()| fs::rename(&part, &path));
        if let Err(source) = placed {
            // The temporary file may not exist; the first error is the one worth telling.
            drop(fs::remove_file(&part));
            return Err(FigureError::Io { path, source });
        }
        paths.push(path);
    }
    Ok(paths)
}

/// The scene as PNG bytes at `dpi`, with a `pHYs` chunk, which kuva leaves out: without it a 300 DPI picture opens at
/// 72 or 96 DPI in a word processor, three times too large.
pub(super) fn png(figure: &'static str, scene: &Scene, dpi: u32) -> Result<Vec<u8>> {
    let failed = |message: String| FigureError::Render { figure, message };
    if !(24..=1200).contains(&dpi) {
        return Err(failed(format!("{dpi} dots per inch; expected 24 to 1200")));
    }
    let backend = RasterBackend::new().with_scale(dpi as f32 / SCENE_DPI);
    let bytes = backend.render_scene(scene).map_err(failed)?;
    with_physical_size(&bytes, dpi).ok_or_else(|| failed("the encoder's PNG does not begin with IHDR".to_owned()))
}

/// `png` with a `pHYs` chunk after IHDR, or none when `png` is not a PNG.
fn with_physical_size(png: &[u8], dpi: u32) -> Option<Vec<u8>> {
    let head = SIGNATURE_LEN + IHDR_LEN;
    if png.len() < head || &png[SIGNATURE_LEN + 4..SIGNATURE_LEN + 8] != b"IHDR" {
        return None;
    }
    let per_metre = (f64::from(dpi) / METRES_PER_INCH).round() as u32;
    let mut chunk = b"pHYs".to_vec();
    chunk.extend(per_metre.to_be_bytes());
    chunk.extend(per_metre.to_be_bytes());
    // Unit 1: the metre.
    chunk.push(1);
    let mut sized = Vec::with_capacity(png.len() + chunk.len() + 8);
    sized.extend(&png[..head]);
    sized.extend((chunk.len() as u32 - 4).to_be_bytes());
    sized.extend(&chunk);
    sized.extend(crc32(&chunk).to_be_bytes());
    sized.extend(&png[head..]);
    Some(sized)
}

/// CRC-32 of PNG chunks (ISO 3309), bit by bit: thirteen bytes need no table.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::{crc32, with_physical_size};

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The check value of CRC-32/ISO-HDLC, and the CRC of an empty IEND chunk as every PNG ends.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b"IEND"), 0xAE42_6082);
    }

    #[test]
    fn what_is_not_a_png_is_refused() {
        assert_eq!(with_physical_size(b"GIF89a", 300), None);
    }
}
