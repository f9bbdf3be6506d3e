//! Embeds the console (`web/console/dist`, made by `make web`): each file as it is and compressed, with its hash. When
//! the folder is not there the table is empty and the page says how to make it; a Rust developer needs no Node to
//! build and test this crate.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let dist = here.join("../../web/console/dist");
    // A folder that does not exist yet counts as changed when it appears.
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut files)?;
    } else if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::warning=the console is not built, so this binary has none: run `make web`, then build again");
    }
    files.sort();
    let mut table = String::from("/// The files of the console, in order of their paths.\n");
    table.push_str("const FILES: &[File] = &[\n");
    for (number, file) in files.iter().enumerate() {
        table.push_str(&embed(&dist, file, &out, number)?);
    }
    table.push_str("];\n");
    fs::write(out.join("console_files.rs"), table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_none_or(|extension| extension != "map") {
            files.push(path);
        }
    }
    Ok(())
}

fn embed(dist: &Path, file: &Path, out: &Path, number: usize) -> io::Result<String> {
    let path = file.strip_prefix(dist).map_err(io::Error::other)?;
    let path = path.to_str().ok_or_else(|| io::Error::other("a file of the console has a name that is not UTF-8"))?;
    let plain = fs::read(file)?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&plain)?;
    let digest = Sha256::digest(&plain);
    let hash = u128::from_be_bytes(digest[..16].try_into().map_err(io::Error::other)?);
    let (plain_path, gzip_path) = (out.join(format!("console-{number}")), out.join(format!("console-{number}.gz")));
    fs::write(&plain_path, plain)?;
    fs::write(&gzip_path, encoder.finish()?)?;
    let (plain, gzip) = (literal(&plain_path)?, literal(&gzip_path)?);
    Ok(format!(
        "    File {{ path: {path:?}, etag: \"\\\"{hash:032x}\\\"\", plain: include_bytes!({plain}), gzip: include_bytes!({gzip}) }},\n"
    ))
}

/// A path as a Rust string literal.
fn literal(path: &Path) -> io::Result<String> {
    let text = path.to_str().ok_or_else(|| io::Error::other("the build folder's path is not UTF-8"))?;
    Ok(format!("{text:?}"))
}
