//! `tenure init`

use std::io::Write;
use std::path::PathBuf;

use tenure_stages::config::Config;

use crate::error::Error;
use crate::ui;

/// Write a configuration file with every setting, its default and its meaning.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure init                     write ./tenure.toml, which later commands here use by themselves
  tenure init shop.toml           write shop.toml, for --config shop.toml")]
pub(crate) struct Args {
    /// File to write.
    #[arg(value_name = "FILE", default_value = "tenure.toml")]
    path: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<(), Error> {
        let Self { path, force } = self;
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(force)
            .truncate(force)
            .create_new(!force)
            .open(&path)
            .and_then(|mut file| file.write_all(Config::default_toml().as_bytes()));
        match written {
            Ok(()) => {
                ui::note(&format!("{} written; edit it, then: tenure run FILE", path.display()));
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Error::Exists { path }),
            Err(source) => Err(Error::Write { path, source }),
        }
    }
}
