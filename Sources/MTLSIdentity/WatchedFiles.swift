import Glibc
import GnuTLS
import MTLSCore
import SecretMemory

/// Tells whether files have changed since they were read.
///
/// Links are followed, so that a link that is turned to another file or directory is a change, as is a file that is put
/// in another's place. Where device, inode, size and times are the same, nothing is read: unless the file was so young
/// when it was looked at that a later change may bear the same time.
struct WatchedFiles: Sendable {
    let paths: [String]

    /// What was seen at some time.
    struct Snapshot: Sendable, Equatable {
        var stamps: [Stamp?]
        /// Of all contents; nil when one could not be read.
        var digest: [UInt8]?
        /// Whether a change may still come that bears the same time.
        var isYoung: Bool

        /// What is no regular file, such as a pipe, can be read only once.
        var isWatchable: Bool { !stamps.isEmpty && stamps.allSatisfy { $0?.isRegular ?? true } }
    }

    enum Look: Sendable {
        /// Nothing has changed but what the snapshot tells of times and places.
        case same(Snapshot)
        case changed(Snapshot)
    }

    struct Stamp: Equatable {
        let device: UInt
        let inode: UInt
        let size: Int
        let modified: timespec
        let changed: timespec
        let isRegular: Bool

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            (device, inode, size) = (UInt(status.st_dev), UInt(status.st_ino), Int(status.st_size))
            (modified, changed) = (status.st_mtim, status.st_ctim)
            isRegular = status.st_mode & S_IFMT == S_IFREG
        }

        static func == (one: Stamp, other: Stamp) -> Bool {
            one.device == other.device && one.inode == other.inode && one.size == other.size
                && one.modified.nanoseconds == other.modified.nanoseconds
                && one.changed.nanoseconds == other.changed.nanoseconds
        }
    }

    /// File systems count in ticks of up to 10 ms.
    private static let youth: Int64 = 100_000_000

    /// Blocks the calling thread.
    func snapshot() -> Snapshot {
        var snapshot = stamped()
        if snapshot.isWatchable { snapshot.digest = digest() }
        return snapshot
    }

    /// Blocks the calling thread.
    func look(since seen: Snapshot) -> Look {
        var snapshot = stamped()
        if snapshot.stamps == seen.stamps, !seen.isYoung {
            snapshot.digest = seen.digest
            return .same(snapshot)
        }
        if snapshot.isWatchable { snapshot.digest = digest() }
        return snapshot.digest != nil && snapshot.digest == seen.digest ? .same(snapshot) : .changed(snapshot)
    }

    private func stamped() -> Snapshot {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let stamps = paths.map { Stamp($0) }
        let isYoung = stamps.contains { stamp in
            stamp.map { abs(now.nanoseconds - max($0.modified.nanoseconds, $0.changed.nanoseconds)) < Self.youth }
                ?? false
        }
        return Snapshot(stamps: stamps, digest: nil, isYoung: isYoung)
    }

    private func digest() -> [UInt8]? {
        try? HashAlgorithm.sha256.hash(
            of: paths.flatMap { path in
                try IdentityFile.read(path).withUnsafeBytes { try HashAlgorithm.sha256.hash(of: $0) }
            })
    }
}

extension timespec {
    fileprivate var nanoseconds: Int64 {
        let (product, overflow) = Int64(tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? 0 : product &+ Int64(tv_nsec)
    }
}
