//! Which files a command line means, and what each is called.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Endings of the files that are taken from a folder.
const ENDINGS: [&str; 6] = [".csv", ".csv.gz", ".tsv", ".txt", ".xlsx", ".parquet"];

/// A file of transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFile {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// What it is called in outputs and messages: its name, with as many folders before it as tell it from the others.
    pub(super) name: String,
}

/// The files behind the given paths, by name: a path is a file, a folder (every table in it and below it) or a pattern
/// such as `sales/*.csv`.
///
/// # Errors
/// [`Error::Input`] without a path, for a folder or pattern without files, and for a file given twice.
pub(super) fn find(inputs: &[PathBuf]) -> Result<Vec<SourceFile>> {
    let mut paths = Vec::new();
    for input in inputs {
        if input.is_dir() {
            paths.extend(inside(input)?);
        } else if !input.exists() && input.to_string_lossy().contains(['*', '?', '[']) {
            paths.extend(matching(input)?);
        } else {
            paths.push(input.clone());
        }
    }
    if paths.is_empty() {
        return Err(Error::Input {
            problem: "no file of transactions was given".to_owned(),
            place: None,
            cure: "name one or more files: `tenure run FILE`".to_owned(),
        });
    }
    let mut places: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
    for path in &paths {
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        if places.insert(place, path).is_some() {
            return Err(Error::Input {
                problem: format!("{} is given twice, so that every row would count twice", path.display()),
                place: Some(path.display().to_string()),
                cure: "name each file once".to_owned(),
            });
        }
    }
    let mut files: Vec<SourceFile> =
        names(&paths).into_iter().zip(paths).map(|(name, path)| SourceFile { path, name }).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Every table in a folder and below it; what begins with a dot or an underscore is not data.
fn inside(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let name = entry.file_name().to_string_lossy().to_lowercase();
            let path = entry.path();
            if name.starts_with(['.', '_']) {
                continue;
            }
            // Links to folders are not followed: they may lead in a circle.
            if entry.file_type().map_err(Error::io(&path))?.is_dir() {
                open.push(path);
            } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(Error::Input {
            problem: format!("the folder {} holds no table", folder.display()),
            place: Some(folder.display().to_string()),
            cure: format!("name a file, or a folder of files that end in {}", ENDINGS.join(", ")),
        });
    }
    Ok(found)
}

fn matching(pattern: &Path) -> Result<Vec<PathBuf>> {
    let refuse = |problem: String| Error::Input {
        problem,
        place: Some(pattern.display().to_string()),
        cure: "name files, a folder, or a pattern such as 'sales/*.csv'".to_owned(),
    };
    let mut found = Vec::new();
    let paths = glob::glob(&pattern.to_string_lossy())
        .map_err(|e| refuse(format!("{} is no pattern: {e}", pattern.display())))?;
    for path in paths {
        let path = path.map_err(|e| Error::io(pattern)(e.into()))?;
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !is_hidden {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(refuse(format!("no file matches {}", pattern.display())));
    }
    Ok(found)
}

/// The shortest ends of the paths that differ from each other.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let parts: Vec<Vec<String>> = paths
        .iter()
        .map(|path| {
            let mut parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            parts.reverse();
            parts
        })
        .collect();
    let end = |parts: &[String], length: usize| {
        let mut end = parts[..length.min(parts.len())].to_vec();
        end.reverse();
        end.join("/")
    };
    parts
        .iter()
        .map(|mine| {
            let alone =
                |length: &usize| parts.iter().filter(|other| end(other, *length) == end(mine, *length)).count() == 1;
            let length = (1..=mine.len()).find(alone).unwrap_or(mine.len());
            end(mine, length)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn touch(dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        path
    }

    fn found(inputs: &[PathBuf]) -> Vec<String> {
        find(inputs).unwrap().into_iter().map(|f| f.name).collect()
    }

    #[test]
    fn a_folder_a_pattern_and_files_are_one_list_in_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let february = touch(dir.path(), "sales/2011-02.csv");
        let january = touch(dir.path(), "sales/2011-01.csv.gz");
        touch(dir.path(), "sales/month=3/part-0.parquet");
        touch(dir.path(), "sales/month=4/part-0.parquet");
        touch(dir.path(), "sales/_temporary/part-0.parquet");
        touch(dir.path(), "sales/.hidden.csv");
        touch(dir.path(), "sales/README.md");
        assert_eq!(found(&[february.clone(), january.clone()]), ["2011-01.csv.gz", "2011-02.csv"]);
        assert_eq!(
            found(&[dir.path().join("sales")]),
            ["2011-01.csv.gz", "2011-02.csv", "month=3/part-0.parquet", "month=4/part-0.parquet"]
        );
        assert_eq!(found(&[dir.path().join("sales/*.csv*")]), ["2011-01.csv.gz", "2011-02.csv"]);
    }

    #[test]
    fn nothing_to_read_and_twice_the_same_are_refused_with_a_cure() {
        let dir = tempfile::tempdir().unwrap();
        let file = touch(dir.path(), "a.csv");
        let empty = dir.path().join("empty");
        fs::create_dir(&empty).unwrap();
        for (inputs, says) in [
            (vec![], "no file of transactions was given"),
            (vec![empty], "holds no table"),
            (vec![dir.path().join("b*.csv")], "no file matches"),
            (vec![file.clone(), dir.path().join("./a.csv")], "given twice"),
            (vec![file, dir.path().to_path_buf()], "given twice"),
        ] {
            let error = find(&inputs).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.hint().is_some());
        }
        // A file that is not there is the reader's to refuse.
        assert_eq!(found(&[dir.path().join("missing.csv")]), ["missing.csv"]);
    }
}
