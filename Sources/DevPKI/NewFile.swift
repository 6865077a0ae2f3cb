internal import MTLSCore
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Files that replace what stood there.
enum NewFile {
    /// Writes `bytes` to a file that did not exist before, so that nobody has it open and its mode is as given: what
    /// stood at `path` is removed first.
    static func create(_ bytes: UnsafeRawBufferPointer, to path: String, mode: mode_t) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure(path) }
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw failure(path) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure(path)
                close(file)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        guard close(file) == 0 else { throw failure(path) }
    }

    private static func failure(_ path: String) -> MTLSError {
        MTLSError(
            .fileUnwritable, phase: .prepare, fault: .caller,
            "cannot write \(path): \(String(cString: strerror(errno)))",
            advice: "make the directory first, and see that it can be written to")
    }
}
