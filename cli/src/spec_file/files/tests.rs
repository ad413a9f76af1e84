use domain::spec::ModelSpec;

use super::super::parse;
use super::super::tests::{paths, with};
use super::*;

#[test]
fn a_data_path_starts_from_where_it_was_written() {
    let text = "[data]\nformat = \"idx\"\npath = \"fashion-mnist\"\n[model]\nkind = \"linear\"\n\
                [grid]\nbatch_size = [1]\nlearning_rate = [0.1]\n[train]\nepochs = 1\n";
    let path = |overrides: &[String], readers| {
        let file = parse("s.toml", text, overrides, &paths(readers)).unwrap();
        file.sweep.data.source.path().map(str::to_owned).unwrap()
    };
    for here in [Readers::LocalWorkers, Readers::ThisCommand] {
        assert_eq!(path(&[], here), "/sweeps/fashion-mnist");
        assert_eq!(path(&["data.path=mnist".to_owned()], here), "/here/mnist");
        assert_eq!(path(&["data.path='/data'".to_owned()], here), "/data");
    }
    assert_eq!(path(&[], Readers::Workers), "fashion-mnist");
}

/// A file with a scripted module that is sent along.
fn with_upload(module: &str) -> String {
    with("kind = \"linear\"", &format!("kind = \"torchscript\"\n{module}"))
}

#[test]
fn a_file_that_is_sent_along_is_known_by_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("net.pt"), "abc").unwrap();
    let paths = |readers| Paths { file_folder: folder.path().to_owned(), ..paths(readers) };
    let text = with_upload("upload = \"net.pt\"");
    let expected = Upload { name: "net.pt".to_owned(), hash: ContentHash::of(b"abc"), bytes: 3 };
    for readers in [Readers::Workers, Readers::LocalWorkers] {
        let file = parse("s.toml", &text, &[], &paths(readers)).unwrap();
        assert_eq!(file.sweep.model.upload(), Some(&expected));
        let sent = LocalFile { path: folder.path().join("net.pt"), upload: expected.clone() };
        assert_eq!(file.uploads, [sent]);
    }
    let planned = parse("s.toml", &text, &[], &paths(Readers::ThisCommand)).unwrap();
    let path = folder.path().join("net.pt").to_string_lossy().into_owned();
    assert_eq!((&planned.sweep.model, planned.uploads.len()), (&ModelSpec::script(path), 0));
}

#[test]
fn what_cannot_be_sent_along_is_told_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("net.pt"), "abc").unwrap();
    let told = |module: &str| {
        let paths = Paths { file_folder: folder.path().to_owned(), ..paths(Readers::Workers) };
        let mistakes = parse("sweep.toml", &with_upload(module), &[], &paths).unwrap_err();
        mistakes.render(false).replace(&folder.path().display().to_string(), "[folder]")
    };
    let all = [
        "upload = \"nets.pt\"",
        "upload = \".\"",
        "upload = \"\"",
        "upload = 3",
        "upload = \"net.pt\"\npath = \"x\"",
        "",
    ];
    insta::assert_snapshot!(all.map(told).join("\n\n---\n\n"));
}
