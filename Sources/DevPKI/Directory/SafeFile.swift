package import MTLSCore
internal import SecretMemory
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Files that appear whole or not at all. Every function blocks the calling thread.
package enum SafeFile {
    /// Writes `bytes` to a file of its own and then gives it its name.
    ///
    /// - Parameters:
    ///   - mode: Its permissions, less those that the process's umask(2) takes away.
    ///   - replaces: Whether a file that has the name is replaced; otherwise it is an error, and stays as it is.
    /// - Throws: `file.exists` or `file.unwritable`.
    package static func write(
        _ bytes: UnsafeRawBufferPointer, to path: String, mode: UInt32, replaces: Bool
    ) throws(MTLSError) {
        let draft = "\(path).\(UInt64.random(in: 0 ... .max)).tmp"
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard file >= 0 else { throw unwritable(path) }
        var failure = fill(file, bytes) ? nil : unwritable(path)
        if close(file) != 0, failure == nil { failure = unwritable(path) }
        if failure == nil {
            // link(2) refuses a name that is taken, rename(2) takes it.
            if (replaces ? rename(draft, path) : link(draft, path)) != 0 {
                failure = errno == EEXIST ? exists(path) : unwritable(path)
            }
        }
        if failure != nil || !replaces { unlink(draft) }
        if let failure { throw failure }
    }

    package static func write(
        _ bytes: [UInt8], to path: String, mode: UInt32, replaces: Bool
    ) throws(MTLSError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(MTLSError) in try write(bytes, to: path, mode: mode, replaces: replaces) }
        }
        try result.get()
    }

    private static func fill(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return fsync(file) == 0
    }

    /// The contents of a file without secrets, of 16 MiB at most; nil where there is no such file.
    ///
    /// - Throws: `identity.fileUnreadable`.
    package static func read(_ path: String) throws(MTLSError) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        if file < 0, errno == ENOENT { return nil }
        guard file >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= 16 << 20 else { throw unreadable(path, "it is larger than 16 MiB") }
        }
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func exists(_ path: String) -> MTLSError {
        MTLSError(
            .fileExists, phase: .prepare, fault: .caller, "there is a file \"\(path)\" already",
            advice: "choose another name, or replace it with --force")
    }

    /// Says why the call that was made last has failed.
    static func unwritable(_ path: String) -> MTLSError {
        MTLSError(
            .fileUnwritable, phase: .prepare, fault: .caller,
            "the file \"\(path)\" cannot be written: \(String(cString: strerror(errno)))")
    }

    private static func unreadable(_ path: String, _ reason: String) -> MTLSError {
        MTLSError(
            .identityFileUnreadable, phase: .prepare, fault: .caller, "the file \"\(path)\" cannot be read: \(reason)")
    }
}
