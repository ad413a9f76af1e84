//! A batch that does not fit: accumulated with the same losses, or told to be infeasible.

use serde_json::Value;

use super::sandbox::{Sandbox, example};

/// The step losses of the trial with this batch size, in order.
fn losses(sandbox: &Sandbox, sweep: &str, batch_size: u64) -> Vec<f64> {
    let query = format!(
        "select m.value from batchsweep.metric m join batchsweep.result r using (sweep_id, trial_id) \
         where r.sweep_name = '{sweep}' and r.batch_size = {batch_size} and m.name = 'train_loss' order by m.step"
    );
    sandbox.rows(&["sql", &query]).iter().map(|row| row["value"].as_f64().unwrap()).collect()
}

#[test]
fn what_does_not_fit_is_accumulated_with_the_same_losses() {
    let sandbox = Sandbox::new();
    let sweep = example("does-not-fit.toml");
    sandbox.read(&["run", &sweep]);
    let rows = sandbox.rows(&["results", "@last"]);
    let large = rows.iter().find(|row| row["batch_size"] == 1024).unwrap();
    assert_eq!(
        (&large["status"], &large["accumulation"]),
        (&Value::from("succeeded"), &Value::from("exact"))
    );
    let number = |name: &str| large[name].as_u64().unwrap();
    assert!(number("micro_batch") < 1024, "{large}");
    assert!(number("peak_memory_bytes") <= number("memory_budget_bytes"), "{large}");
    assert!(large["oom_count"].is_u64());
    let small = rows.iter().find(|row| row["batch_size"] == 32).unwrap();
    assert_eq!((&small["micro_batch"], &small["accumulation"]), (&Value::from(32), &Value::from("none")));

    sandbox.read(&["run", &sweep, "--set", "memory.budget='4GiB'", "--set", "name=roomy"]);
    for batch_size in [32, 1024] {
        let (tight, roomy) =
            (losses(&sandbox, "does-not-fit", batch_size), losses(&sandbox, "roomy", batch_size));
        assert_eq!(tight.len(), 12);
        for (step, (one, other)) in tight.iter().zip(&roomy).enumerate() {
            assert!(
                (one - other).abs() <= 1e-4 * other.abs(),
                "batch {batch_size}, step {step}: {one} and {other}"
            );
        }
    }
}

#[test]
fn a_budget_under_the_static_parts_is_infeasible_and_says_why() {
    let sandbox = Sandbox::new();
    let output = sandbox.call(&["run", &example("does-not-fit.toml"), "--set", "memory.budget='600KiB'"]);
    let said = String::from_utf8_lossy(&output.stderr);
    // A result, not a failure.
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in ["parameters + gradients", "optimizer state", "batch", "activations", "600.0 KiB"] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    let rows = sandbox.rows(&["results", "@last"]);
    assert!(rows.iter().all(|row| row["status"] == "infeasible" && row["peak_memory_bytes"].is_null()));
}

#[test]
fn the_plan_is_what_the_run_then_does() {
    let sandbox = Sandbox::new();
    let sweep = example("does-not-fit.toml");
    let plan = sandbox.rows(&["plan", &sweep]);
    assert_eq!(sandbox.processes(), [], "a plan starts no stack");
    sandbox.read(&["run", &sweep]);
    for (planned, ran) in plan.iter().zip(&sandbox.rows(&["results", "@last"])) {
        for name in
            ["batch_size", "micro_batch", "accumulation_steps", "parameter_bytes", "gradient_bytes", "steps"]
        {
            assert_eq!(planned[name], ran[name], "{name}");
        }
        let bytes = |row: &Value, name: &str| row[name].as_f64().unwrap();
        let (predicted, peak) =
            (bytes(planned, "predicted_peak_memory_bytes"), bytes(ran, "peak_memory_bytes"));
        assert!((predicted - peak).abs() <= 0.01 * peak, "{predicted} and {peak}");
    }
}
