//! What decides whose certificates are good, as files held it: the certificates of `cafile` and `capath`, the lists of `crlfile`.
//!
//! It is kept for as long as the listener. When the server has become somebody else, who may not read one of the files any more,
//! what that one held goes on to count.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use super::certificates::parse_chain;
use super::client::cryptography;
use super::listener::{TlsError, TlsOptions, no_authorities, no_revocations};
use super::revocations::Revocations;
use crate::regular_file::read_regular_file;
use crate::words::words;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// By the file they stand in.
    certificates: BTreeMap<PathBuf, Vec<CertificateDer<'static>>>,
    pub(crate) revocations: Option<Revocations>,
}

impl Trust {
    /// Reads the files; those that are out of reach are as they were `before`, where there was a before.
    pub(crate) fn read(
        options: &TlsOptions,
        before: Option<&Trust>,
        remarks: &mut Vec<String>,
    ) -> Result<Trust, TlsError> {
        let mut trust = Trust::default();
        if let Some(path) = &options.cafile {
            let unable = |why: &str| no_authorities("cafile", path, why);
            let kept = before.and_then(|before| before.certificates.get(path));
            let certificates = read(path, kept, parse_chain, remarks).map_err(|why| unable(&why))?;
            if certificates.is_empty() {
                return Err(unable("there is no certificate in it"));
            }
            trust.certificates.insert(path.clone(), certificates);
        }
        if let Some(path) = &options.capath {
            let unable = |why: &str| no_authorities("capath", path, why);
            let folder = read_folder(path, before, remarks).map_err(|error| unable(&words(&error)))?;
            if folder.values().all(Vec::is_empty) && options.require_certificate {
                return Err(unable("there is no certificate in it"));
            }
            trust.certificates.extend(folder);
        }
        if let Some(path) = &options.crlfile {
            let kept = before.and_then(|before| before.revocations.as_ref());
            let lists = read(path, kept, Revocations::parse, remarks).map_err(|why| no_revocations(path, &why))?;
            trust.revocations = Some(lists);
        }
        trust.find_signers();
        Ok(trust)
    }

    fn find_signers(&mut self) {
        let algorithms = cryptography().signature_verification_algorithms;
        if let Some(revocations) = &mut self.revocations {
            let certificates: Vec<_> = self.certificates.values().flatten().collect();
            revocations.find_signers(&certificates, &algorithms);
        }
    }

    /// All that are trusted.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.certificates.values().flatten()
    }
}

fn read_folder(
    folder: &Path,
    before: Option<&Trust>,
    remarks: &mut Vec<String>,
) -> io::Result<BTreeMap<PathBuf, Vec<CertificateDer<'static>>>> {
    let entries = match (fs::read_dir(folder), before) {
        (Err(error), Some(before)) if error.kind() == ErrorKind::PermissionDenied => {
            remarks.push(out_of_reach(folder));
            let of_folder = before.certificates.iter().filter(|(path, _)| path.parent() == Some(folder));
            return Ok(of_folder.map(|(path, certificates)| (path.clone(), certificates.clone())).collect());
        }
        (entries, _) => entries?,
    };
    let certificates = entries.flatten().map(|entry| {
        let path = entry.path();
        let kept = before.and_then(|before| before.certificates.get(&path));
        // Whatever is no certificate has another reason to be there.
        let certificates = read(&path, kept, parse_chain, remarks).unwrap_or_default();
        (path, certificates)
    });
    Ok(certificates.collect())
}

/// What a file holds, or what it held, if only others can read it. The error is a sentence's part for the operator.
fn read<T: Clone>(
    path: &Path,
    kept: Option<&T>,
    parse: fn(&[u8]) -> Result<T, String>,
    remarks: &mut Vec<String>,
) -> Result<T, String> {
    match (read_regular_file(path), kept) {
        (Ok(bytes), _) => parse(&bytes),
        (Err(error), Some(kept)) if error.kind() == ErrorKind::PermissionDenied => {
            remarks.push(out_of_reach(path));
            Ok(kept.clone())
        }
        (Err(error), _) => Err(words(&error)),
    }
}

fn out_of_reach(path: &Path) -> String {
    format!("{} cannot be read by whom the server has become: what it held before counts.", path.display())
}
