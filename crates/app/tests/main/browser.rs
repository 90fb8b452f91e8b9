//! The report in a real browser: nothing is wrong with it for those who do not see it, its script works, it prints.
//!
//! Chromium is started without a network; axe-core, the judge of accessibility, is put into a copy of the page. Where one
//! of them is missing the tests say so and are left out; in CI they must be there (`.ci/run` installs them).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{shop, tenure, text};

/// Chromium and the file of axe-core, where there are both.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let chromium = std::env::var_os("TENURE_CHROMIUM").map_or_else(|| PathBuf::from("chromium"), PathBuf::from);
    let works = Command::new(&chromium).arg("--version").output().is_ok_and(|output| output.status.success());
    let axe = std::env::var_os("TENURE_AXE").map(PathBuf::from).filter(|path| path.exists());
    if let (true, Some(axe)) = (works, axe) {
        return Some((chromium, axe));
    }
    assert!(std::env::var_os("CI").is_none(), "Chromium or axe-core is missing: .ci/run installs them");
    eprintln!("skipped: Chromium or axe-core is not there (TENURE_CHROMIUM, TENURE_AXE), so no page was opened");
    None
}

/// A run with a report, and the page.
fn reported() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "sales.csv", 240, 24);
    let output = tenure(dir.path(), &["run", "sales.csv", "--out", "shop", "--budget", "500"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(dir.path().join("shop/report.html")).unwrap();
    (dir, page)
}

/// Runs Chromium on a page of its own profile, without a network.
fn chromium(program: &Path, dir: &Path, arguments: &[&str], page: &str) -> String {
    let profile = format!("--user-data-dir={}", dir.join("profile").display());
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", &profile])
        .args(arguments)
        .arg(format!("file://{}", dir.join(page).display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What `script` says of a page: it runs in it when the page is loaded, and gives JSON.
fn asked(program: &Path, dir: &Path, page: &str, script: &str) -> Value {
    let ask = format!(
        "<script>addEventListener('load', async () => {{ let said; \
         try {{ said = await (async () => {{ {script} }})(); }} catch (e) {{ said = {{ error: String(e) }}; }} \
         document.documentElement.innerHTML = '<body><pre id=\"said\"></pre></body>'; \
         document.getElementById('said').textContent = 'SAID' + JSON.stringify(said) + 'DONE'; }})</script></body>"
    );
    fs::write(dir.join("asked.html"), page.replacen("</body>", &ask, 1)).unwrap();
    let dom = chromium(program, dir, &["--dump-dom", "--virtual-time-budget=60000"], "asked.html");
    let said = dom.split_once("SAID").and_then(|(_, rest)| rest.split_once("DONE")).map(|(said, _)| said);
    let said = said.unwrap_or_else(|| panic!("the page did not answer: {}", &dom[..dom.len().min(2_000)]));
    let said = said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&said).unwrap()
}

#[test]
fn nothing_serious_stands_between_the_report_and_its_readers() {
    let Some((program, axe)) = browser() else { return };
    let (dir, page) = reported();
    let axe = fs::read_to_string(axe).unwrap();
    let with_axe = |page: &str| page.replacen("</head>", &format!("<script>{axe}</script></head>"), 1);
    let dark = page.replace("(prefers-color-scheme: dark)", "all");
    assert_ne!(dark, page);
    for (look, page) in [("light", &page), ("dark", &dark)] {
        let said = asked(
            &program,
            dir.path(),
            &with_axe(page),
            "const found = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] });
             const short = (rule) => [rule.id, rule.impact, rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))];
             return { passed: found.passes.length, violations: found.violations.map(short) };",
        );
        assert!(said["passed"].as_u64().unwrap() > 20, "{look}: {said}");
        let grave = said["violations"].as_array().unwrap().iter();
        let grave: Vec<&Value> = grave.filter(|rule| rule[1] == "serious" || rule[1] == "critical").collect();
        assert!(grave.is_empty(), "{look}: {grave:#?}");
    }
}

#[test]
fn tables_sort_segments_open_and_marks_speak() {
    let Some((program, _)) = browser() else { return };
    let (dir, page) = reported();
    let said = asked(
        &program,
        dir.path(),
        &page,
        "const table = [...document.querySelectorAll('table.sortable')].find((t) => t.querySelector('button.drill'));
         const column = (at) => [...table.tBodies[0].rows].map((row) => Number(row.cells[at].querySelector('data').value));
         const button = table.tHead.querySelectorAll('th button')[1];
         button.click();
         const rising = column(1);
         button.click();
         const falling = column(1);
         const drill = table.querySelector('button.drill');
         drill.click();
         const dialog = document.getElementById('drill');
         const opened = dialog.open, title = document.getElementById('drill-title').textContent;
         const customers = document.getElementById('drill-table').tBodies[0].rows.length;
         const find = document.getElementById('drill-find');
         find.value = 'no such customer';
         find.dispatchEvent(new Event('input'));
         const none = document.getElementById('drill-table').tBodies[0].rows.length;
         dialog.close();
         const mark = document.querySelector('#figure-segment_distribution svg g rect');
         mark.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: 5, clientY: 5 }));
         const tip = document.getElementById('tip');
         return { rising, falling, opened, title, customers, expected: falling[0], none, tip: tip.textContent, shown: !tip.hidden,
                  segment: drill.dataset.segment, remote: performance.getEntriesByType('resource').length };",
    );
    let numbers = |name: &str| said[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
    let (rising, falling) = (numbers("rising"), numbers("falling"));
    assert!(rising.len() > 2 && rising.is_sorted(), "{said}");
    assert!(falling.iter().rev().is_sorted() && falling.len() == rising.len(), "{said}");
    // The first row is that of the most customers now: it opens exactly these.
    assert_eq!(said["opened"], true, "{said}");
    assert_eq!(said["customers"].as_f64(), said["expected"].as_f64(), "{said}");
    assert!(said["title"].as_str().unwrap().ends_with(said["segment"].as_str().unwrap()), "{said}");
    assert_eq!(said["none"], 0, "{said}");
    assert!(said["shown"] == true && said["tip"].as_str().unwrap().contains(": Customers"), "{said}");
    assert_eq!(said["remote"], 0, "{said}");
}

#[test]
fn the_report_prints() {
    let Some((program, _)) = browser() else { return };
    let (dir, page) = reported();
    fs::write(dir.path().join("page.html"), &page).unwrap();
    let pdf = dir.path().join("report.pdf");
    let to = format!("--print-to-pdf={}", pdf.display());
    chromium(&program, dir.path(), &["--no-pdf-header-footer", &to], "page.html");
    let bytes = fs::read(&pdf).unwrap();
    assert!(bytes.starts_with(b"%PDF-"));
    let count = |needle: &[u8]| bytes.windows(needle.len()).filter(|window| *window == needle).count();
    // Pages of A4, none wider; at most two pictures stand on one.
    let pages = count(b"/Type /Page\n") + count(b"/Type /Page ") + count(b"/Type/Page\n");
    let pictures = page.matches("<figure ").count();
    assert!(pages >= pictures / 2 && pages <= 2 * pictures, "{pages} pages for {pictures} pictures");
    assert!(count(b"/MediaBox [0 0 594") + count(b"/MediaBox [0 0 595") >= 1, "not A4");
}
