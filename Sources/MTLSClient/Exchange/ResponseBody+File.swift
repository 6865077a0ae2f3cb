import Glibc
import MTLSCore

extension ResponseBody {
    /// Writes the body to a file, as it comes, on threads that may block.
    ///
    /// The file at `path` is there whole, or as it was before: the body goes to a file beside it, which takes its place at
    /// the end and is removed on an error. What is not a regular file, such as `/dev/null`, a pipe or a symbolic link, is
    /// written to as it stands.
    ///
    /// - Parameter progress: Told how many bytes were written so far, after each piece, by the task that calls this.
    /// - Returns: How many bytes there were.
    /// - Throws: ``MTLSError``, with ``MTLSError/Code/fileUnwritable`` when it is the file's fault.
    @discardableResult
    public func write(to path: String, progress: ((Int) -> Void)? = nil) async throws -> Int {
        let file = try await FileBody.blocking { try IncomingFile(path) }
        var count = 0
        var pieces = makeAsyncIterator()
        while let piece = try await pieces.next() {
            try await FileBody.blocking { try file.write(piece) }
            count += piece.count
            progress?(count)
        }
        try await FileBody.blocking { try file.finish() }
        return count
    }
}

/// A file on its way, used by one thread at a time. It is removed unless it is finished.
private final class IncomingFile: Sendable {
    private let path: String
    /// Where the bytes go meanwhile; nil when they go to `path` itself.
    private let temporary: String?
    private let descriptor: CInt

    init(_ path: String) throws(MTLSError) {
        var status = stat()
        let isThere = lstat(path, &status) == 0
        let isReplaced = !isThere || status.st_mode & S_IFMT == S_IFREG
        let temporary = isReplaced ? "\(path).\(String(UInt64.random(in: 0 ... .max), radix: 36)).part" : nil
        let flags = O_WRONLY | O_CLOEXEC | (isReplaced ? O_CREAT | O_EXCL : O_TRUNC)
        let mode = isThere ? status.st_mode & 0o777 : 0o666
        let descriptor = open(temporary ?? path, flags, mode)
        guard descriptor >= 0 else { throw Self.failure(path) }
        self.path = path
        self.temporary = temporary
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
        // Once it has its name, there is none of this one.
        if let temporary { unlink(temporary) }
    }

    func write(_ piece: Bytes) throws(MTLSError) {
        if !piece.withUnsafeBytes(writeAll) { throw Self.failure(path) }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0, errno != EINTR { return false }
            rest = rest.dropFirst(max(0, count))
        }
        return true
    }

    func finish() throws(MTLSError) {
        if let temporary, rename(temporary, path) != 0 { throw Self.failure(path) }
    }

    private static func failure(_ path: String) -> MTLSError {
        MTLSError(
            .fileUnwritable, phase: .response, fault: .caller,
            "the file \"\(path)\" cannot be written: \(String(cString: strerror(errno)))")
    }
}
