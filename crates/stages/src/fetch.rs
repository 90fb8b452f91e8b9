//! Fetch: a public data set into a file, checked before it takes its place.
//!
//! The download continues where an earlier one broke off, the archive is unpacked within a bound, and the table's rows
//! and sums are held against the published ones. The file's hash is written beside it; a file that is there and has that
//! hash is not fetched again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tenure_tables::read::{self, ReadOptions, Sums};

use crate::error::{Error, Result};

/// Nothing larger is unpacked.
const MOST_BYTES: u64 = 1 << 30;
/// How long a server may keep silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// The word for it on the command line.
    pub name: &'static str,
    /// Where it lies: a zip archive.
    pub url: String,
    /// The file in the archive, and what it is called here.
    pub file: &'static str,
    /// What each of its tables must hold.
    pub tables: Vec<Expected>,
    /// Who made it, and on what terms.
    pub origin: &'static str,
}

/// What a table must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The sheet; `None` for a file that is one table.
    pub sheet: Option<&'static str>,
    /// Rows.
    pub rows: u64,
    /// Sum of the quantities.
    pub quantity: i64,
    /// Sum of the unit prices, in thousandths.
    pub price_e3: i64,
}

/// What became of a fetch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fetched {
    /// Where the file lies.
    pub path: PathBuf,
    /// Its BLAKE3.
    pub blake3: String,
    /// Rows of all tables.
    pub rows: u64,
    /// Whether it was there already.
    pub already_there: bool,
}

/// How the download is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Proxy, such as `http://proxy:3128`.
    pub proxy: Option<String>,
}

/// Online Retail II as the University of California publishes it.
#[must_use]
pub fn online_retail_ii() -> DataSet {
    DataSet {
        name: "online-retail-ii",
        url: "https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip".to_owned(),
        file: "online_retail_II.xlsx",
        tables: vec![
            Expected { sheet: Some("Year 2009-2010"), rows: 525_461, quantity: 5_432_041, price_e3: 2_463_799_654 },
            Expected { sheet: Some("Year 2010-2011"), rows: 541_910, quantity: 5_176_451, price_e3: 2_498_821_974 },
        ],
        origin: "D. Chen, UCI Machine Learning Repository 502, CC BY 4.0",
    }
}

/// Fetches a data set into a folder; `progress` hears the bytes so far and, where the server says so, in all.
///
/// # Errors
/// [`Error::Network`] when the server cannot be reached or breaks off (the same command then continues);
/// [`Error::Input`] when what came is not the data set; file errors.
pub fn fetch(
    data: &DataSet,
    folder: &Path,
    network: &Network,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Fetched> {
    fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let path = folder.join(data.file);
    let pin = folder.join(format!("{}.blake3", data.file));
    if let (true, Ok(pinned)) = (path.is_file(), fs::read_to_string(&pin)) {
        let blake3 = hash(&path)?;
        if blake3 == pinned.trim() {
            let rows = data.tables.iter().map(|t| t.rows).sum();
            return Ok(Fetched { path, blake3, rows, already_there: true });
        }
        return Err(Error::Input {
            problem: format!("{} has changed since it was fetched", path.display()),
            place: Some(path.display().to_string()),
            cure: "move the file away, and fetch it again".to_owned(),
        });
    }
    let part = folder.join(format!(".{}.zip.part", data.file));
    download(data, &part, network, progress)?;
    // Unpacked under a hidden name, so that nothing unchecked is ever taken for the data.
    let unpacked = folder.join(format!(".{}", data.file));
    let checked = unpack(data, &part, &unpacked).and_then(|()| check(data, &unpacked));
    let rows = match checked {
        Ok(rows) => rows,
        Err(error) => {
            // What is not the data set is no start for another attempt.
            let _ = (fs::remove_file(&part), fs::remove_file(&unpacked));
            return Err(error);
        }
    };
    let blake3 = hash(&unpacked)?;
    fs::write(&pin, format!("{blake3}\n")).map_err(Error::io(&pin))?;
    fs::rename(&unpacked, &path).map_err(Error::io(&path))?;
    fs::remove_file(&part).map_err(Error::io(&part))?;
    Ok(Fetched { path, blake3, rows, already_there: false })
}

fn hash(path: &Path) -> Result<String> {
    Ok(crate::artifact::FileFact::of(path, String::new())?.blake3)
}

fn download(data: &DataSet, part: &Path, network: &Network, progress: &mut dyn FnMut(u64, Option<u64>)) -> Result<()> {
    let unreachable = |problem: String| Error::Network {
        problem,
        cure: format!(
            "check the network and the proxy, and run the command again: it continues where it stopped; or fetch {} by \
             other means, unpack it, and name the file to `tenure run`",
            data.url
        ),
    };
    let proxy = match &network.proxy {
        Some(proxy) => {
            Some(ureq::Proxy::new(proxy).map_err(|e| unreachable(format!("the proxy {proxy} is no proxy: {e}")))?)
        }
        None => None,
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(proxy)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let mut file = File::options()
        .create(true)
        .read(true)
        .append(false)
        .write(true)
        .truncate(false)
        .open(part)
        .map_err(Error::io(part))?;
    let mut have = file.seek(SeekFrom::End(0)).map_err(Error::io(part))?;
    let host = data.url.split('/').nth(2).unwrap_or(&data.url).to_owned();
    let mut request = agent.get(&data.url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut response = request.call().map_err(|e| unreachable(format!("{host} cannot be reached: {e}")))?;
    match response.status().as_u16() {
        206 => {}
        200 => {
            // The server sends the whole: what is there does not count.
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(Error::io(part))?;
            have = 0;
        }
        // Nothing lies behind what is there already.
        416 => return Ok(()),
        status => return Err(unreachable(format!("{host} answers {status} to {}", data.url))),
    }
    let length = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let total = length("content-length").map(|left| have + left);
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = body.read(&mut buffer).map_err(|e| unreachable(format!("{host} broke off after {have} bytes: {e}")))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(Error::io(part))?;
        have += n as u64;
        progress(have, total);
    }
    file.sync_all().map_err(Error::io(part))?;
    if total.is_some_and(|total| have < total) {
        return Err(unreachable(format!("{host} broke off after {have} bytes")));
    }
    Ok(())
}

fn not_it(data: &DataSet, problem: &str) -> Error {
    Error::Input {
        problem: format!("what {} gave is not {}: {problem}", data.url, data.name),
        place: Some(data.url.clone()),
        cure: "nothing was kept; try again later, or get the file by other means".to_owned(),
    }
}

fn unpack(data: &DataSet, archive: &Path, to: &Path) -> Result<()> {
    let opened = File::open(archive).map_err(Error::io(archive))?;
    let mut zip = zip::ZipArchive::new(opened).map_err(|e| not_it(data, &e.to_string()))?;
    let mut entry = zip.by_name(data.file).map_err(|e| not_it(data, &format!("{}: {e}", data.file)))?;
    let mut file = File::create(to).map_err(Error::io(to))?;
    // The size that an entry declares may lie: what is unpacked is counted.
    let n = std::io::copy(&mut entry.by_ref().take(MOST_BYTES + 1), &mut file)
        .map_err(|e| not_it(data, &format!("{}: {e}", data.file)))?;
    if n > MOST_BYTES {
        return Err(not_it(data, &format!("{} is larger than {MOST_BYTES} bytes", data.file)));
    }
    file.sync_all().map_err(Error::io(to))
}

/// Holds the rows and sums of every table against what is expected.
fn check(data: &DataSet, path: &Path) -> Result<u64> {
    let options = ReadOptions { name: Some(data.file.to_owned()), ..ReadOptions::default() };
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    let outcome = read::read(
        path,
        &options,
        &mut |batch| {
            for (source, more) in read::sums(&batch) {
                let sum = sums.entry(source).or_default();
                sum.quantity += more.quantity;
                sum.price_e3 += more.price_e3;
            }
            Ok(())
        },
        &mut |_| Ok(()),
    )?;
    for expected in &data.tables {
        let name = expected.sheet.map_or_else(|| data.file.to_owned(), |sheet| format!("{}#{sheet}", data.file));
        let rows = outcome.sources.iter().find(|count| count.source == name).map_or(0, |count| count.rows_in);
        let found = sums.get(&name).copied().unwrap_or_default();
        if (rows, found.quantity, found.price_e3) != (expected.rows, expected.quantity, expected.price_e3) {
            return Err(not_it(
                data,
                &format!(
                    "{name} has {rows} rows, quantities of {} and prices of {:.3}, where {}, {} and {:.3} were published",
                    found.quantity,
                    found.price_e3 as f64 / 1000.0,
                    expected.rows,
                    expected.quantity,
                    expected.price_e3 as f64 / 1000.0
                ),
            ));
        }
    }
    Ok(outcome.rows_in())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    const CSV: &str = "customer,order,date,quantity,price\n1,a,2011-01-31,3,2.5\n2,b,2011-02-01,-1,1.25\n";

    fn archive(content: &str) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        writer.start_file("shop.csv", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
        writer.finish().unwrap().into_inner()
    }

    fn data(port: u16) -> DataSet {
        DataSet {
            name: "shop",
            url: format!("http://127.0.0.1:{port}/shop.zip"),
            file: "shop.csv",
            tables: vec![Expected { sheet: None, rows: 2, quantity: 2, price_e3: 3_750 }],
            origin: "this test",
        }
    }

    /// A server on a free port that answers each request in turn with what `answer` makes of its `Range`; the second
    /// value joins it.
    fn server(
        requests: usize,
        answer: impl Fn(Option<usize>) -> Vec<u8> + Send + 'static,
    ) -> (u16, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            for _ in 0..requests {
                let (mut stream, _) = listener.accept().unwrap();
                let mut range = None;
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap().to_lowercase();
                    if let Some(from) = line.strip_prefix("range: bytes=") {
                        range = from.trim_end_matches('-').parse().ok();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let _ = stream.write_all(&answer(range));
            }
        });
        (port, thread)
    }

    fn ok(body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    fn get(data: &DataSet, folder: &Path) -> Result<Fetched> {
        fetch(data, folder, &Network::default(), &mut |_, _| ())
    }

    #[test]
    fn a_download_that_broke_off_continues_and_is_then_left_alone() {
        let bytes = archive(CSV);
        let (whole, half) = (bytes.len(), bytes.len() / 2);
        let (port, server) = server(2, move |range| match range {
            None => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {whole}\r\nConnection: close\r\n\r\n");
                [head.as_bytes(), &bytes[..half]].concat()
            }
            Some(from) => {
                let head = format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{whole}\r\n\
                     Connection: close\r\n\r\n",
                    whole - from,
                    whole - 1
                );
                [head.as_bytes(), &bytes[from..]].concat()
            }
        });
        let (dir, data) = (tempfile::tempdir().unwrap(), data(port));
        let error = get(&data, dir.path()).unwrap_err();
        assert!(matches!(error, Error::Network { .. }), "{error}");
        assert!(!dir.path().join("shop.csv").exists());
        let mut heard = Vec::new();
        let fetched =
            fetch(&data, dir.path(), &Network::default(), &mut |so_far, all| heard.push((so_far, all))).unwrap();
        assert_eq!((fetched.rows, fetched.already_there), (2, false));
        assert_eq!(heard.last(), Some(&(whole as u64, Some(whole as u64))));
        assert_eq!(fs::read_to_string(&fetched.path).unwrap(), CSV);
        server.join().unwrap();
        // The server is gone, and nobody asks for it.
        assert!(get(&data, dir.path()).unwrap().already_there);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        fs::write(&fetched.path, "changed").unwrap();
        assert!(get(&data, dir.path()).unwrap_err().to_string().contains("has changed"));
    }

    #[test]
    fn what_is_not_the_data_set_is_not_kept() {
        for (body, says) in [
            (archive(&CSV.replace("2.5", "2.6")), "prices of 3.850"),
            (archive(&CSV.replace("-1", "1")), "quantities of 4"),
            (b"<html>busy</html>".to_vec(), "is not shop"),
        ] {
            let (port, server) = server(1, move |_| ok(&body));
            let dir = tempfile::tempdir().unwrap();
            let error = get(&data(port), dir.path()).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
            server.join().unwrap();
        }
    }

    #[test]
    fn without_a_server_the_error_says_what_to_do() {
        let (port, server) =
            server(1, |_| b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec());
        let dir = tempfile::tempdir().unwrap();
        assert!(get(&data(port), dir.path()).unwrap_err().to_string().contains("answers 503"));
        server.join().unwrap();
        let error = get(&data(port), dir.path()).unwrap_err();
        assert!(error.to_string().contains("cannot be reached"), "{error}");
        assert_eq!(error.kind(), crate::error::Kind::Retryable);
        assert!(error.hint().unwrap().contains("run the command again"));
    }
}
