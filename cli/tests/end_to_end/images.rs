//! Images in CIFAR's format, as the example has them.

use std::path::Path;
use std::process::Command;

use super::sandbox::{Sandbox, example};

#[test]
fn a_residual_network_trains_on_images_in_cifars_format_and_a_folder_without_them_says_what_to_fetch() {
    let sandbox = Sandbox::new();
    let folder = sandbox.state().path().with_file_name("images");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/make-cifar-sample");
    let made = Command::new(script).arg(&folder).arg("300").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    // The example as it is, but smaller: the large batch is split here, too.
    let path = format!("data.path='{}'", folder.display());
    let smaller =
        ["data.limit=256", "data.validation=56", "grid.batch_size=[20, 100]", "memory.budget='24MiB'"];
    let settings = [path.as_str(), "grid.learning_rate=[0.1]"].into_iter().chain(smaller);
    let sweep = example("cifar-resnet.toml");
    let settings: Vec<&str> = settings.flat_map(|setting| ["--set", setting]).collect();
    sandbox.read(&[&["run", &sweep], &settings[..]].concat());

    let rows = sandbox.rows(&["results", "@last"]);
    for (row, steps) in rows.iter().zip([10, 2]) {
        assert_eq!(
            (row["status"].as_str(), row["steps"].as_u64()),
            (Some("succeeded"), Some(steps)),
            "{row}"
        );
        assert!(row["final_validation_accuracy"].is_f64(), "{row}");
        // As the model sees them: float32, and a class of 8 bytes.
        let micro_batch = row["micro_batch"].as_u64().unwrap();
        assert_eq!(row["batch_bytes"].as_u64(), Some(micro_batch * (3072 * 4 + 8)), "{row}");
        assert!(row["peak_memory_bytes"].as_u64().unwrap() <= 24 << 20, "{row}");
    }
    assert_eq!((rows[0]["micro_batch"].as_u64(), rows[0]["accumulation"].as_str()), (Some(20), Some("none")));
    assert!(rows[1]["micro_batch"].as_u64().unwrap() < 100, "{}", rows[1]);
    assert_eq!(rows[1]["accumulation"].as_str(), Some("exact"));

    let nothing = format!("data.path='{}'", sandbox.state().path().display());
    let output = sandbox.call(&["run", &sweep, "--set", &nothing, "--set", "grid.batch_size=[20]"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("data_batch_1.bin") && said.contains("binary version"), "{said}");
}
