//! What is wrong with data or a model is known before anything is submitted, to `plan` and `run` alike.

use super::sandbox::Sandbox;

/// A module of the trainer's own tests.
fn module(name: &str) -> String {
    format!("{}/../worker/tests/fixtures/modules/{name}.pt", env!("CARGO_MANIFEST_DIR"))
}

fn sweep(data: &str, model: &str, grid: &str) -> String {
    format!("[data]\n{data}\n[model]\n{model}\n[grid]\n{grid}\n[train]\nepochs = 2\n")
}

const SYNTHETIC: &str = "format = \"synthetic\"\nexamples = 64\nfeatures = [10]\nclasses = 2";

#[test]
fn data_or_a_model_that_cannot_be_read_or_built_is_one_error_of_plan_and_run() {
    let sandbox = Sandbox::new();
    let idx = "format = \"idx\"\npath = \"nowhere\"";
    let grid = "batch_size = [8, 16]\nlearning_rate = [0.1, 0.2]";
    let no_module = sandbox.file("net.pt", "no module").display().to_string();
    for (data, model, said) in [
        (idx, "kind = \"linear\"".to_owned(), "train-images-idx3-ubyte"),
        (SYNTHETIC, "kind = \"cnn\"\nchannels = [4]".to_owned(), "needs examples of shape"),
        (SYNTHETIC, format!("kind = \"torchscript\"\npath = \"{no_module}\""), "cannot be used as a model"),
    ] {
        let spec = sandbox.file("broken.toml", &sweep(data, &model, grid));
        for verb in ["plan", "run"] {
            let output = sandbox.call(&[verb, spec.to_str().unwrap()]);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{verb}: {told}");
            assert!(told.contains(said), "{verb}: {told}");
            assert_eq!(told.matches("error:").count(), 1, "{verb}: {told}");
            assert!(output.stdout.is_empty(), "{verb}");
        }
    }
    assert_eq!(sandbox.processes(), []);
    sandbox.read(&["up"]);
    assert!(sandbox.rows(&["ls"]).is_empty(), "nothing was submitted");
}

#[test]
fn a_corner_of_the_grid_without_a_batch_is_infeasible_to_plan_and_run() {
    let sandbox = Sandbox::new();
    let grid = "batch_size = [8, 100]\nlearning_rate = [0.1]";
    let text = sweep(SYNTHETIC, "kind = \"linear\"", grid) + "drop_last = true\n";
    let spec = sandbox.file("corner.toml", &text);
    let spec = spec.to_str().unwrap();
    let why = "drop_last leaves no batch: 64 training examples are fewer than the batch size 100";
    let planned = sandbox.rows(&["plan", spec]);
    assert!(planned[0]["infeasible"].is_null(), "{}", planned[0]);
    assert!(planned[1]["infeasible"].as_str().unwrap().starts_with(why), "{}", planned[1]);
    let output = sandbox.call(&["run", spec]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = sandbox.rows(&["results", "@last"]);
    let found = [0, 1].map(|row| rows[row]["status"].as_str());
    assert_eq!(found, [Some("succeeded"), Some("infeasible")]);
    assert!(rows[1]["error"].as_str().unwrap().starts_with(why), "{}", rows[1]);
}

#[test]
fn seeds_that_are_no_repeats_are_named_before_and_after_and_make_no_firm_choice() {
    let sandbox = Sandbox::new();
    let data = "format = \"synthetic\"\nexamples = 64\nfeatures = [1, 9, 7]\nclasses = 4\nlabels = \"teacher\"\nseed = 1";
    let model = format!("kind = \"torchscript\"\npath = \"{}\"", module("convolutional"));
    let grid = "batch_size = [8]\nlearning_rate = [0.001, 0.03, 0.1]\nseed = [0, 1, 2]";
    let spec = sandbox.file("seeds.toml", &sweep(data, &model, grid));
    let spec = spec.to_str().unwrap();
    let said = |arguments: &[&str]| {
        let output = sandbox.call(arguments);
        let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{told}");
        // Lines are broken where the terminal ends.
        format!("{out}{told}").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let warning = "The 3 seeds are no repeats: each starts from the weights in the module's file. Their spread is that of \
                   the order of the examples alone";
    for arguments in [&["plan", spec][..], &["run", spec], &["best", "@last"], &["show", "@last"]] {
        let text = said(arguments);
        assert!(text.contains(warning) && text.contains("[W25]"), "{arguments:?}: {text}");
        assert!(!text.contains("Train with batch size"), "{arguments:?}: {text}");
    }
    let rows = sandbox.rows(&["sql", "select * from batchsweep.warning"]);
    assert_eq!((rows.len(), rows[0]["id"].as_str()), (1, Some("W25")), "{rows:?}");
    assert!(rows[0]["message"].as_str().unwrap().contains("they differ in order and"), "{}", rows[0]);
    let results = sandbox.rows(&["results", "@last"]);
    assert!(results.iter().all(|row| row["seed_sets"] == "order"), "{}", results[0]);
    let page = sandbox.file("page.html", "");
    sandbox.read(&["report", "@last", "--out", page.to_str().unwrap()]);
    assert!(std::fs::read_to_string(page).unwrap().contains("seeds are no repeats"));
}

#[test]
fn what_was_read_is_said_before_and_shown_after() {
    let sandbox = Sandbox::new();
    let grid = "batch_size = [8]\nlearning_rate = [0.1]";
    let spec = sandbox.file("fine.toml", &sweep(SYNTHETIC, "kind = \"linear\"", grid));
    let data = "64 training and 0 validation examples of shape [10] (F32), 2 classes, made from a seed";
    for verb in ["plan", "run"] {
        let output = sandbox.call(&[verb, spec.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(told.matches(data).count(), 1, "{verb}: {told}");
    }
    assert!(sandbox.read(&["show", "@last"]).contains(data));
}

#[test]
fn a_module_that_takes_whole_numbers_is_checked_with_whole_numbers() {
    let sandbox = Sandbox::new();
    let checked = sandbox.rows(&["model", "check", &module("tokens"), "--input", "5"]);
    assert_eq!(checked[0]["takes_whole_numbers"], true, "{}", checked[0]);
    assert_eq!(checked[0]["outputs"], 2);
    let output = sandbox.call(&["model", "check", &module("indices"), "--input", "5"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("takes integers alone") && told.contains("x = x.long()"), "{told}");
}
