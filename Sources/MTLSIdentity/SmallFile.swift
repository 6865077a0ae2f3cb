import Glibc
import MTLSCore
import SecretMemory

/// Reads whole files of limited size into locked memory: what holds certificates may hold a key as well.
enum SmallFile {
    /// Why a file was not read, for people.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        var code = MTLSError.Code.identityFileUnreadable
        var advice: String?
    }

    /// Blocks the calling thread. A pipe is read to its end as long as something arrives every ten seconds; one that
    /// nobody writes to is empty.
    ///
    /// - Parameters:
    ///   - limit: The largest size that is accepted, in bytes.
    ///   - slack: How many bytes more are accepted, for a line break that does not count.
    ///   - followsLinks: Whether the file's name may be a symbolic link.
    ///   - inspect: Looks at the file that was opened, before anything is read.
    static func read(
        _ path: String, limit: Int, slack: Int = 0, followsLinks: Bool = true,
        inspect: (stat) throws(Failure) -> Void = { _ throws(Failure) in }
    ) throws(Failure) -> SecretBytes {
        // Without O_NONBLOCK the opening of a FIFO would wait for a writer.
        let flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = open(path, flags)
        if descriptor < 0, errno == ELOOP, !followsLinks {
            throw Failure(
                description: "it is a symbolic link", code: .keyFileUnsafe,
                advice: "name the file that it leads to, or let links be followed")
        }
        guard descriptor >= 0 else { throw systemFailure() }
        defer { _ = Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw systemFailure() }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw Failure(description: "it is a directory") }
        try inspect(status)
        let most = limit + slack
        // Room for one byte more than there should be shows that the file has grown or is too large.
        let room = status.st_mode & S_IFMT == S_IFREG ? min(max(Int(status.st_size), 4096), most) + 1 : most + 1
        let secret = try SecretBytes(capacity: room) { (memory) throws(Failure) in try fill(memory, from: descriptor) }
        if secret.count > most { throw Failure(description: "it is larger than \(limit) bytes") }
        guard secret.count < room else { throw Failure(description: "it grew while it was read") }
        return secret
    }

    private static func fill(_ memory: UnsafeMutableRawBufferPointer, from file: Int32) throws(Failure) -> Int {
        var count = 0
        while count < memory.count {
            let result = Glibc.read(file, memory.baseAddress?.advanced(by: count), memory.count - count)
            if result == 0 { break }
            if result > 0 {
                count += result
            } else if errno == EAGAIN {
                var awaited = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
                if poll(&awaited, 1, 10_000) == 0 { throw Failure(description: "nothing was written to it for 10 s") }
            } else if errno != EINTR {
                throw systemFailure()
            }
        }
        return count
    }

    private static func systemFailure() -> Failure { Failure(description: String(cString: strerror(errno))) }
}

/// A file that holds one secret.
enum SecretFile {
    /// - Returns: What the file holds, less one line break at its end: 1 to 256 bytes.
    static func read(_ path: String, what: String) throws(MTLSError) -> SecretBytes {
        do {
            let limit = 256
            let contents = try SmallFile.read(path, limit: limit, slack: 2)
            let secret = contents.withUnsafeBytes { bytes in
                var rest = bytes[...]
                if rest.last == UInt8(ascii: "\n") { rest.removeLast() }
                if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
                return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: rest))
            }
            if secret.count > limit { throw SmallFile.Failure(description: "it is larger than \(limit) bytes") }
            if secret.count == 0 { throw SmallFile.Failure(description: "it is empty") }
            return secret
        } catch {
            throw MTLSError(
                .identityFileUnreadable, phase: .identity, fault: .caller,
                "the \(what) file \"\(path)\" cannot be read: \(error)")
        }
    }
}
