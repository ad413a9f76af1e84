//! Sweep files at both sides of every rule.

pub const SYNTHETIC: &str = "format = 'synthetic'\nexamples = 100\nfeatures = [4]\nclasses = 2\n";

/// A sweep file with these lines in its sections.
fn file(data: &str, model: &str, grid: &str, train: &str, memory: &str) -> String {
    format!("[data]\n{data}\n[model]\n{model}\n[grid]\n{grid}\n[train]\n{train}\n[memory]\n{memory}\n")
}

const GRID: &str = "batch_size = [1, 8]\nlearning_rate = [0.1]\n";
const TRAIN: &str = "epochs = 1\n";
const MODEL: &str = "kind = 'linear'\n";

pub fn with_data(lines: &str) -> String {
    file(lines, MODEL, GRID, TRAIN, "")
}

pub fn with_model(lines: &str) -> String {
    file(SYNTHETIC, lines, GRID, TRAIN, "")
}

fn with_grid(lines: &str) -> String {
    file(SYNTHETIC, MODEL, lines, TRAIN, "")
}

fn with_train(lines: &str) -> String {
    file(SYNTHETIC, MODEL, GRID, lines, "")
}

pub fn with_memory(lines: &str) -> String {
    file(SYNTHETIC, MODEL, GRID, TRAIN, lines)
}

pub fn with_search(lines: &str) -> String {
    file(SYNTHETIC, MODEL, GRID, TRAIN, &format!("[search]\n{lines}"))
}

/// Lines of `[search]`.
const SEARCH: &[&str] = &[
    "",
    "goal = 'rows'",
    "goal = 'best'",
    "goal = 'all'",
    "goal = 'row'",
    "goal = true",
    "extend = 0",
    "extend = -1",
    "extend = 65",
    "extend = 1.5",
    "seeds = 'all'",
    "seeds = 'decide'",
    "seeds = 3",
    "stop = true",
    "stop = 'true'",
    "max_trials = 1",
    "max_trials = 0",
    "max_trial = 1",
];

/// Lines of `[data]` after those of a synthetic data set.
const SYNTHETIC_DATA: &[&str] = &[
    "",
    "labels = 'teacher'",
    "labels = 'taught'",
    "seed = 3",
    "seed = -1",
    "path = 'x'",
    "validation = 20",
    "validation = '20'",
    "validation = 2.5",
    "limit = 0",
    "limit = 50",
    "normalize = 'standard'",
    "normalize = 'max'",
    "upload = 'x'",
];

/// Lines of `[data]`.
const DATA: &[&str] = &[
    "",
    "format = 'idx'",
    "format = 'idx'\npath = 'x'",
    "format = 'cifar10'\npath = 'x'",
    "format = 'cifar100'\npath = ''",
    "format = 'safetensors'\npath = 'x'\nclasses = 3",
    "format = 'safetensors'\nupload = 'x'",
    "format = 'safetensors'\nupload = ''",
    "format = 'safetensors'\nupload = 'x'\npath = 'x'",
    "format = 'safetensors'",
    "format = 'idx'\nupload = 'x'",
    "format = 'csv'\npath = 'x'",
    "path = 'x'",
    "format = 'synthetic'\nexamples = 0\nfeatures = [4]\nclasses = 2",
    "format = 'synthetic'\nfeatures = [4]\nclasses = 2",
    "format = 'synthetic'\nexamples = 5\nfeatures = []\nclasses = 2",
    "format = 'synthetic'\nexamples = 5\nfeatures = [0]\nclasses = 2",
    "format = 'synthetic'\nexamples = 5\nfeatures = [1]\nclasses = 1",
];

/// Lines of `[model]`.
const MODELS: &[&str] = &[
    "",
    "kind = 'linear'\nhidden = [3]",
    "kind = 'mlp'",
    "kind = 'mlp'\nhidden = []",
    "kind = 'mlp'\nhidden = [0]",
    "kind = 'mlp'\nhidden = [64, 32]\ndropout = 0.5",
    "kind = 'mlp'\nhidden = [64]\ndropout = 1",
    "kind = 'mlp'\nhidden = 64",
    "kind = 'mlp'\nhidden = [64]\nnorm = 'batch'",
    "kind = 'mlp'\nhidden = [1048577]",
    "kind = 'cnn'\nchannels = [4]",
    "kind = 'cnn'\nchannels = [4]\nhidden = []",
    "kind = 'cnn'\nhidden = [4]",
    "kind = 'cnn'\nchannels = [4]\nkernel = 4",
    "kind = 'cnn'\nchannels = [4]\nkernel = 33",
    "kind = 'cnn'\nchannels = [4]\nkernel = 5\npooling = 1\nnorm = 'group'",
    "kind = 'cnn'\nchannels = [4]\npooling = 0",
    "kind = 'resnet'\ndepth = 20",
    "kind = 'resnet'",
    "kind = 'resnet'\ndepth = 18",
    "kind = 'resnet'\ndepth = 21",
    "kind = 'resnet'\ndepth = 8\nwidth = 4097",
    "kind = 'resnet'\ndepth = 1202\nnorm = 'layer'",
    "kind = 'resnet'\ndepth = 1208",
    "kind = 'torchscript'",
    "kind = 'torchscript'\npath = 'net.pt'",
    "kind = 'torchscript'\npath = ''",
    "kind = 'vit'",
];

/// Lines of `[grid]` beside a learning rate.
const BATCH_SIZES: &[&str] = &[
    "",
    "batch_size = []",
    "batch_size = 8",
    "batch_size = [0]",
    "batch_size = [8, 8]",
    "batch_size = [2147483648]",
    "batch_size = { from = 8, to = 64, factor = 2 }",
    "batch_size = { from = 8, to = 64 }",
    "batch_size = { from = 8, to = 64, factor = 1 }",
    "batch_size = { from = 8, to = 64, count = 3 }",
    "batch_size = [1]\nseed = []",
    "batch_size = [1]\nseed = [0, 1]",
    "batch_size = [1]\nseed = 3",
    "batch_size = [1]\noptimizer = ['sgd', 'adam']",
    "batch_size = [1]\noptimizer = ['lion']",
    "batch_size = [1]\noptimizer = 'sgd'",
    "batch_size = [1]\nmomentum = [0, 0.9]",
    "batch_size = [1]\nmomentum = [1]",
    "batch_size = [1]\nsteps = [10]",
    "batch_size = [1]\ntarget = [3]",
    "batch_size = [1]\nnesterov = [false]",
    "batch_size = [1]\nstop_at_target = [true]",
    "batch_size = [1]\nwarmup_steps = [0.5]",
];

/// Lines of `[grid]` beside a batch size.
const LEARNING_RATES: &[&str] = &[
    "",
    "learning_rate = 0.1",
    "learning_rate = [0]",
    "learning_rate = [1]",
    "learning_rate = ['0.1']",
    "learning_rate = { from = 0.1, to = 1, count = 3 }",
    "learning_rate = { from = 0.1, to = 1, count = 1 }",
    "learning_rate = { from = 0.1, to = 1, factor = 2 }",
    "learning_rate = { from = 0, to = 1, count = 3 }",
    "learning_rate = { base = 0.1, at = 8, rule = 'linear', times = [1] }",
    "learning_rate = { base = 0.1, at = 8, rule = 'cubic', times = [1] }",
    "learning_rate = { base = 0.1, at = 0, rule = 'sqrt', times = [1] }",
    "learning_rate = { base = 0.1, at = 8, rule = 'sqrt', times = [] }",
    "learning_rate = { base = 0.1, at = 8, rule = 'sqrt' }",
];

/// Lines of `[train]`.
const BUDGETS: &[&str] =
    &["", "epochs = 0", "steps = 5", "examples = 5", "epochs = 1\nsteps = 1", "epochs = 1.5", "epochs = [1]"];

/// Lines of `[train]` after a budget.
const TRAINING: &[&str] = &[
    "optimizer = 'adamw'",
    "optimizer = 'AdamW'",
    "momentum = 0.9",
    "momentum = 1",
    "nesterov = true",
    "nesterov = true\nmomentum = 0.9",
    "nesterov = true\nmomentum = 0",
    "nesterov = 1",
    "weight_decay = 0",
    "weight_decay = -1",
    "beta1 = 1",
    "beta2 = 0.95",
    "epsilon = 0",
    "epsilon = 1e-8",
    "loss = 'mse'",
    "loss = 'l1'",
    "schedule = 'cosine'",
    "schedule = 'step'",
    "warmup_steps = 10",
    "warmup_steps = -1",
    "shuffle = false",
    "shuffle = 'no'",
    "precision = 'bfloat16'",
    "precision = 'float16'",
    "drop_last = true",
    "lr = 0.1",
    "batch_size = 4",
    "stop_at_target = true",
    "stop_at_target = false",
    "target = { metric = 'train_set_loss', below = 0.5 }",
    "target = { metric = 'validation_loss', below = 0.5 }",
    "target = { metric = 'train_set_loss', below = 0.5 }\nstop_at_target = true",
    "target = { metric = 'train_set_loss' }",
    "target = { metric = 'loss', below = 1 }",
    "target = 0.5",
    "target = { metric = 'train_set_loss', below = 1, above = 2 }",
];

/// Lines of `[memory]`.
const MEMORY: &[&str] = &[
    "budget = '64MiB'",
    "budget = '1.5 gb'",
    "budget = '64'",
    "budget = '64 B'",
    "budget = '1.5'",
    "budget = '64M'",
    "budget = 'much'",
    "budget = 65536",
    "budget = 0",
    "budget = 1.5",
    "budget = '2TiB'",
    "micro_batch = 'auto'",
    "micro_batch = 'off'",
    "micro_batch = 'on'",
    "micro_batch = 16",
    "micro_batch = 0",
    "microbatch = 4",
];

/// Files at both sides of every rule: the schema and the reader must agree on each.
pub fn cases() -> Vec<String> {
    let keys = |section: fn(&str) -> String, base: &str, lines: &[&str]| -> Vec<String> {
        lines.iter().map(|line| section(&format!("{base}{line}"))).collect()
    };
    [
        whole_files(),
        keys(with_data, SYNTHETIC, SYNTHETIC_DATA),
        keys(with_data, "", DATA),
        keys(with_model, "", MODELS),
        keys(with_grid, "learning_rate = [0.1]\n", BATCH_SIZES),
        keys(with_grid, "batch_size = [8]\n", LEARNING_RATES),
        keys(with_train, "", BUDGETS),
        keys(with_train, TRAIN, TRAINING),
        keys(with_memory, "", MEMORY),
        keys(with_search, "", SEARCH),
        sections_together(),
    ]
    .concat()
}

/// Files that differ in more than one section's lines.
fn whole_files() -> Vec<String> {
    vec![
        "name = 'a-1'\n".to_owned() + &with_memory(""),
        "name = 'A'\n".to_owned() + &with_memory(""),
        "name = ''\n".to_owned() + &with_memory(""),
        "name = 3\n".to_owned() + &with_memory(""),
        format!("name = '{}'\n", "a".repeat(64)) + &with_memory(""),
        "lr = 1\n".to_owned() + &with_memory(""),
        with_memory("").replace("[model]\nkind = 'linear'\n", ""),
    ]
}

/// Files in which one section decides what another may say.
fn sections_together() -> Vec<String> {
    let axis_of_budget = file(SYNTHETIC, MODEL, &format!("{GRID}epochs = [1, 2]"), "", "");
    let validated = format!("{SYNTHETIC}validation = 10");
    let target = "epochs = 1\ntarget = { metric = 'validation_error', below = 0.5 }";
    let stops = format!("{GRID}stop_at_target = [true, false]");
    vec![
        axis_of_budget,
        file(&validated, MODEL, GRID, target, ""),
        file(&validated, MODEL, &stops, target, ""),
        file("format = 'safetensors'\npath = 'x'", MODEL, GRID, target, ""),
        file("format = 'idx'\npath = 'x'", MODEL, GRID, target, ""),
    ]
}
