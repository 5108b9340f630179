//! One file made smaller, beside itself.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fd::BorrowedFd;
use rustix::fs::{
    AtFlags, Mode, OFlags, Timestamps, UTIME_OMIT, fstat, openat, unlinkat, utimensat,
};

/// Compresses `name` of `folder` to the same name with `.gz`, which must not be there, and deletes
/// it. What has failed half-way leaves the file as it was.
pub(super) fn compress(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let mut target = name.to_bytes().to_vec();
    target.extend_from_slice(b".gz");
    let target = CString::new(target)?;
    let from = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut from = File::from(openat(folder, name, from, Mode::empty())?);
    let about = fstat(&from)?;
    let to = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let to = openat(folder, &*target, to, Mode::from_raw_mode(about.st_mode & 0o777))?;
    let written = write(&mut from, File::from(to)).and_then(|()| {
        // As old as it was, so that the next rule about age finds it.
        let time = |seconds, nanos| rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanos };
        let times = Timestamps {
            last_access: time(0, UTIME_OMIT),
            last_modification: time(about.st_mtime, about.st_mtime_nsec.cast_signed()),
        };
        utimensat(folder, &*target, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        // Somebody may have gone on writing to it meanwhile.
        let after = fstat(&from)?;
        let same = (after.st_size, after.st_mtime, after.st_mtime_nsec)
            == (about.st_size, about.st_mtime, about.st_mtime_nsec);
        if same { Ok(()) } else { Err(io::Error::other("it was changed meanwhile")) }
    });
    match written {
        Ok(()) => Ok(unlinkat(folder, name, AtFlags::empty())?),
        Err(error) => {
            let _ = unlinkat(folder, &*target, AtFlags::empty());
            Err(error)
        }
    }
}

fn write(from: &mut File, to: File) -> io::Result<()> {
    let mut encoder = GzEncoder::new(to, Compression::default());
    io::copy(from, &mut encoder)?;
    encoder.finish()?.sync_all()
}
