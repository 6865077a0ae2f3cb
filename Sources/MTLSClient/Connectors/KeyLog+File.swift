public import GnuTLS
import Glibc
public import MTLSCore

extension KeyLog {
    /// Appends to a file, which is made if need be, readable by its owner alone. Blocks the calling thread while it is
    /// opened.
    ///
    /// Each line is one write to the end of the file, so that many connections and processes can share it. The writes
    /// are made where the secrets arise, on event loops among other threads: hence regular files only, whose writes of
    /// some hundred bytes go to the page cache. A line that cannot be written is lost.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/tlsOptionsInvalid`` when it cannot be opened, belongs to another
    ///   user, or is not a regular file.
    public static func file(_ path: String) throws(MTLSError) -> KeyLog {
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw refusal(path, String(cString: strerror(errno))) }
        let descriptor = Descriptor(file)
        var status = stat()
        guard fstat(file, &status) == 0 else { throw refusal(path, String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw refusal(path, "it is not a regular file") }
        guard status.st_uid == geteuid() else { throw refusal(path, "it belongs to another user") }
        return KeyLog(destination: "\"\(path)\"") { line in
            _ = Glibc.write(descriptor.number, line.baseAddress, line.count)
        }
    }

    private static func refusal(_ path: String, _ reason: String) -> MTLSError {
        MTLSError(
            .tlsOptionsInvalid, phase: .prepare, fault: .caller,
            "the key log \"\(path)\" cannot be written: \(reason)", advice: "name a file of your own")
    }

    /// Open as long as somebody has it.
    private final class Descriptor: Sendable {
        let number: Int32
        init(_ number: Int32) { self.number = number }
        deinit { close(number) }
    }
}
