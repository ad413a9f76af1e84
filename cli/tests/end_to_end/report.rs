//! The report on a finished sweep, as a page and as pictures.

use std::fs;

use super::sandbox::Sandbox;

const SWEEP: &str = r#"
name = "reported"

[data]
format     = "synthetic"
examples   = 400
features   = [6]
classes    = 2
labels     = "teacher"
seed       = 1
validation = 80

[model]
kind = "linear"

[grid]
batch_size    = [4, 16, 64, 1024]
learning_rate = [0.03, 0.3, 1e9]
seed          = [0, 1]

[train]
epochs = 4
target = { metric = "validation_loss", below = 0.6 }
"#;

/// The texts between these two, with the page's escapes undone.
fn between(page: &str, start: &str, end: &str) -> Vec<String> {
    let parts = page.split(start).skip(1).map(|rest| rest.split(end).next().unwrap());
    parts
        .map(|text| {
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            text.replace("&amp;", "&")
        })
        .collect()
}

#[test]
fn a_report_stands_alone_and_its_sql_gives_its_numbers() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("sweep.toml", SWEEP);
    sandbox.read(&["up"]);
    sandbox.read(&["run", sweep.to_str().unwrap()]);
    let out = sandbox.file("report.html", "");
    sandbox.read(&["report", "reported", "--out", out.to_str().unwrap()]);
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    for outside in ["http:", "https:", "src=", "href=", "@import", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let figures = between(&page, "<figure id=\"", "</figure>");
    let ids: Vec<&str> = figures.iter().map(|figure| figure.split('"').next().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "heatmap",
            "loss-by-rate",
            "best-rate",
            "curves",
            "evaluated-curves",
            "steps-to-target",
            "time-against-examples",
            "memory",
            "throughput"
        ]
    );
    for (id, figure) in ids.iter().zip(&figures) {
        let sql = &between(figure, "<pre class=\"sql\" tabindex=\"0\"><code>", "</code>")[0];
        let body = &between(figure, "<tbody>", "</tbody>")[0];
        let shown: Vec<Vec<String>> = between(body, "<tr>", "</tr>").iter().map(|row| cells(row)).collect();
        let found: Vec<Vec<String>> = sandbox.rows(&["sql", sql]).iter().map(values).collect();
        assert_eq!(shown.len(), found.len(), "{id}");
        for (shown, found) in shown.iter().zip(&found) {
            let same = shown.iter().zip(found).all(|(shown, found)| shown == found || is_near(shown, found));
            assert!(same && shown.len() == found.len(), "{id}: {shown:?} is not {found:?}");
        }
    }
}

/// The exact values of a row of a page's table.
fn cells(row: &str) -> Vec<String> {
    let cells = row.split("<td").skip(1).map(|cell| cell.split("</td>").next().unwrap());
    cells
        .map(|cell| match cell.split_once("<data value=\"") {
            Some((_, exact)) => exact.split('"').next().unwrap().to_owned(),
            None => cell.split_once('>').unwrap().1.to_owned(),
        })
        .collect()
}

fn values(row: &serde_json::Value) -> Vec<String> {
    let texts = row.as_object().unwrap().values().map(|value| match value {
        serde_json::Value::Null => "–".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    texts.collect()
}

fn is_near(left: &str, right: &str) -> bool {
    let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>()) else { return false };
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}

#[test]
fn pictures_are_written_and_what_cannot_be_written_is_told() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("sweep.toml", SWEEP);
    sandbox.read(&["up"]);
    sandbox.read(&[
        "run",
        sweep.to_str().unwrap(),
        "--set",
        "grid.batch_size=[64]",
        "--set",
        "grid.seed=[0]",
    ]);
    let folder = sweep.with_file_name("figures");
    for (format, start) in [("png", b"\x89PNG"), ("svg", b"<svg")] {
        sandbox.read(&["report", "@last", "--format", format, "--out", folder.to_str().unwrap()]);
        let picture = fs::read(folder.join(format!("heatmap.{format}"))).unwrap();
        assert_eq!(&picture[..4], start);
    }
    assert!(sandbox.read(&["report", "@last", "--out", "-"]).starts_with("<!DOCTYPE html>"));
    let missing = sandbox.call(&["report", "nobody", "--out", "/nonexistent/report.html"]);
    assert_eq!(missing.status.code(), Some(5));
    let nowhere = sandbox.call(&["report", "@last", "--out", "/nonexistent/report.html"]);
    let said = String::from_utf8_lossy(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(said.contains("cannot write /nonexistent/report.html: No such file or directory"), "{said}");
}
