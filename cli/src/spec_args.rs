//! `SPEC` and `--set`, for the verbs that take a sweep file.

use std::env;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::Bytes;

use crate::failure::Failure;
use crate::spec_file::{self, Mistakes, Paths, Readers, SpecFile, nearest};
use crate::talk;

/// A sweep file and what is laid over it.
#[derive(Debug, Clone, clap::Args)]
pub struct SpecArgs {
    /// The sweep file
    #[arg(value_name = "SPEC")]
    pub spec: PathBuf,

    /// Sets one key of the sweep file, such as grid.batch_size='[8, 16]'; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl SpecArgs {
    /// The sweep, with its files read by those.
    ///
    /// # Errors
    /// When the file cannot be read, or for every mistake in it at once.
    pub fn load(&self, readers: Readers) -> Result<SpecFile, Failure> {
        let doing = |error| Failure::io("cannot tell the working folder", &error);
        let working_folder = env::current_dir().map_err(doing)?;
        let file = std::path::absolute(&self.spec).map_err(doing)?;
        let file_folder = file.parent().map_or_else(|| working_folder.clone(), Path::to_owned);
        let paths = Paths { file_folder, working_folder, readers };
        let name = self.spec.display().to_string();
        let bytes = read(&self.spec).map_err(|error| {
            let failure = Failure::io(format!("cannot read the sweep file {name}"), &error);
            let failure = Failure { exit: crate::failure::Exit::Usage, ..failure };
            match beside(&self.spec) {
                Some(near) if error.kind() == io::ErrorKind::NotFound => {
                    failure.hint(format!("did you mean {}?", near.display()))
                }
                _ => failure,
            }
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::usage(format!("the sweep file {name} is not UTF-8 text (byte {at})"))
        })?;
        spec_file::parse(&name, &text, &self.set, &paths)
            .map_err(|mistakes| tell_all(&name, &mistakes, "nothing was started"))
    }
}

/// No sweep file is as large. It may be a pipe, as of a shell's `<(...)`, and so may have no end.
const MOST_BYTES: u64 = 16 << 20;

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it has more than {}", Bytes(MOST_BYTES))));
    }
    Ok(bytes)
}

/// The file in the same folder with the name most like this one.
fn beside(file: &Path) -> Option<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = names.filter(|name| Path::new(name).extension() == file.extension()).collect();
    let near = nearest(file.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(file.with_file_name(near))
}

/// Shows every mistake; what is left is the count.
pub fn tell_all(name: &str, mistakes: &Mistakes, outcome: &str) -> Failure {
    let stderr = io::stderr();
    let color = anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never;
    talk::line(format_args!("{}\n", mistakes.render(color)));
    let count = report::human::count(mistakes.all.len() as u64, "mistake");
    Failure::usage(format!("{count} in {name}; {outcome}"))
}
