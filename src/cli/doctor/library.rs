//! The checks of the library, the model, and the vectors that the model made of the prompts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::report::Check;
use crate::cli::serve::open_store;
use crate::config::{DoctorSettings, ModelPath, Storage};
use crate::domain::vector::ModelId;
use crate::error::{chain, describe_io};
use crate::meaning::Encoder;
use crate::store::sqlite::OpenError;
use crate::store::sqlite::inspection::{Inspection, inspect};

/// How long the check waits for a lock of the file.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How long a Convex deployment may take to answer.
const CONVEX_WAIT: Duration = Duration::from_secs(10);

/// What the checks of the library are called.
const NAME: &str = "library";

/// What is known of the library after its check.
pub(super) enum Found {
    /// A file that this release uses as it is.
    Current { path: PathBuf, file: Inspection },
    /// No file yet, or one that the next command brings up to date.
    Later,
    /// A Convex deployment.
    Convex,
    /// Nothing that can be used.
    Unusable,
}

/// Checks that the library can be read and written, that it is sound, and that its schema is not newer
/// than this release.
pub(super) async fn check_library(settings: &DoctorSettings) -> (Check, Found) {
    match settings.storage.validate() {
        Ok(Storage::File(path)) => check_file(path),
        Ok(storage @ Storage::Convex(_)) => check_convex(&storage).await,
        Err(error) => {
            let advice = "Set it right, or unset it for the default.";
            (Check::failed(NAME, error.to_string(), advice), Found::Unusable)
        }
    }
}

async fn check_convex(storage: &Storage) -> (Check, Found) {
    let place = storage.describe();
    let outcome = match open_store(storage, CONVEX_WAIT) {
        Ok(store) => store.ping().await.map_err(|error| chain(&error)),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(()) => (Check::ok(NAME, format!("{place}: it answers")), Found::Convex),
        Err(why) => {
            let advice = "Check CONVEX_URL, CONVEX_API_KEY and the network.";
            (Check::failed(NAME, format!("{place}: {why}"), advice), Found::Unusable)
        }
    }
}

fn check_file(path: PathBuf) -> (Check, Found) {
    let name = NAME;
    let place = path.display();
    match inspect(&path, LOCK_WAIT).and_then(|file| Ok((find_damage(file.as_ref())?, file))) {
        Err(error) => {
            let detail = format!("{place}: {error}");
            (Check::failed(name, detail, repair(&error)), Found::Unusable)
        }
        Ok((Some(damage), _)) => {
            let advice = "Restore a backup, or move the file away to begin a new library.";
            (Check::failed(name, format!("{place} is damaged: {damage}"), advice), Found::Unusable)
        }
        Ok((None, None)) => check_missing(&path),
        Ok((None, Some(file))) if file.is_current() => {
            let check = Check::ok(name, format!("{place}: readable, writable, undamaged"));
            (check, Found::Current { path, file })
        }
        Ok((None, Some(_))) => {
            let detail = format!("{place}: an older PromptDB wrote it");
            let advice = "The next command that opens it brings it up to date. Make a backup before: \
                promptdb backup FILE";
            (Check::note(name, detail, advice), Found::Later)
        }
    }
}

fn find_damage(file: Option<&Inspection>) -> Result<Option<String>, OpenError> {
    file.map_or(Ok(None), Inspection::find_damage)
}

fn check_missing(path: &Path) -> (Check, Found) {
    if let Some(obstacle) = find_obstacle(path) {
        let advice = "Give yourself access to the folder, or set DATABASE_PATH to another file.";
        return (Check::failed(NAME, obstacle, advice), Found::Unusable);
    }
    let detail = format!("{} does not exist yet", path.display());
    let advice = "The first command that opens the library creates it. If you expected your prompts \
        there, set DATABASE_PATH.";
    (Check::note(NAME, detail, advice), Found::Later)
}

/// Returns why a library that does not exist cannot be created; `None` if its folder, or the one in which
/// that would be created, takes a file.
pub(super) fn find_obstacle(path: &Path) -> Option<String> {
    let folder = path.ancestors().skip(1).find(|folder| folder.exists());
    // An empty ancestor is the folder of a relative path: the current one.
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only an attempt shows whether a file can be created, and this one leaves none.
    let error = tempfile::tempfile_in(folder).err()?;
    Some(format!(
        "{} does not exist, and {} takes no file: {}",
        path.display(),
        folder.display(),
        describe_io(&error)
    ))
}

pub(super) fn repair(error: &OpenError) -> &'static str {
    match error {
        OpenError::Newer => "Install the newest PromptDB; this one leaves the file as it is.",
        OpenError::Foreign | OpenError::NotAFile => "Set DATABASE_PATH to the library's file.",
        OpenError::ReadOnly | OpenError::Permissions(_) | OpenError::Folder(_) => {
            "Give yourself write access to the file and its folder."
        }
        OpenError::Replaced => "Run the command again.",
        OpenError::Sqlite(_) => {
            "Check the path, its permissions and whether another program holds the file; restore a \
             backup if it is damaged."
        }
    }
}

/// Checks every byte of the model, and returns its id if it works.
pub(super) fn check_model(settings: &DoctorSettings) -> (Check, Option<ModelId>) {
    let name = "model";
    let path = match settings.meaning.validate() {
        Ok(ModelPath::Given(path) | ModelPath::Found(path)) => path,
        Ok(ModelPath::Absent) => {
            let advice = "To find prompts by meaning too, make the model: make install";
            return (Check::note(name, "none: search goes by words alone", advice), None);
        }
        Err(error) => {
            let advice = "Set it right, or unset it for the default.";
            return (Check::failed(name, error.to_string(), advice), None);
        }
    };
    let place = path.display();
    match Encoder::open(&path).and_then(|encoder| encoder.verify().map(|()| encoder)) {
        Ok(encoder) => {
            let check = Check::ok(name, format!("{place}: complete, undamaged"));
            (check, Some(encoder.model_id().clone()))
        }
        Err(error) => {
            let advice = "Until then, search goes by words alone.";
            (Check::failed(name, format!("{place}: {error}"), advice), None)
        }
    }
}

/// Counts the prompts that the model has yet to embed; `None` without a model or a file.
pub(super) fn check_vectors(found: &Found, model: Option<&ModelId>) -> Option<Check> {
    let (Found::Current { file, .. }, Some(model)) = (found, model) else { return None };
    let name = "vectors";
    Some(match file.count_vectors(model) {
        Ok(counts) if counts.embedded >= counts.all => {
            Check::ok(name, format!("{} of {} prompts", counts.embedded, counts.all))
        }
        Ok(counts) => {
            let left = counts.all - counts.embedded;
            let detail = format!(
                "{} of {} prompts; words alone find the other {left}",
                counts.embedded, counts.all
            );
            let advice = "A running PromptDB makes the others in the background: start promptdb, or \
                use a connected client.";
            Check::note(name, detail, advice)
        }
        Err(error) => Check::failed(name, error.to_string(), repair(&error)),
    })
}
