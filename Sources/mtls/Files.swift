import Glibc

/// A system call that failed.
struct FileFailure: Error, CustomStringConvertible {
    let path: String
    let code: Int32

    /// The error of the call that was made last.
    static func last(_ path: String) -> FileFailure { .init(path: path, code: errno) }

    var description: String { "\"\(path)\": \(String(cString: strerror(code)))" }
}

/// Reading and writing by blocking calls: one transfer is under way at a time, and nothing else waits.
enum Files {
    /// More bytes than any file of certificates, requests or responses about them has.
    static let certificateLimit = 16 << 20

    /// The whole of a file; `-` is standard input.
    ///
    /// - Parameter limit: More bytes than these are refused (EFBIG), before memory is full of them.
    static func read(_ path: String, limit: Int = .max) throws(FileFailure) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path) }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .last(path) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            if bytes.count > limit { throw FileFailure(path: path, code: EFBIG) }
        }
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { throw FileFailure.last(path) }
                // Somebody who shares the descriptor made it non-blocking.
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
                continue
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Keeps a socket from getting the number of standard output when that was closed, and with it the body. Writing to
    /// what is put there fails.
    static func occupyStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", O_RDONLY)
        }
    }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Whether somebody can be asked.
    static var hasTerminal: Bool {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return false }
        close(terminal)
        return true
    }
}

/// Where a body goes: standard output, or a file, which is made when there is something to write about.
final class Output {
    private let path: String
    private let descriptor: Int32

    /// - Parameter file: Created, or emptied; nil is standard output.
    init(file: String?) throws(FileFailure) {
        path = file ?? "standard output"
        descriptor = file.map { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) } ?? STDOUT_FILENO
        guard descriptor >= 0 else { throw .last(path) }
    }

    deinit {
        if descriptor != STDOUT_FILENO { close(descriptor) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try Files.write(bytes, to: descriptor, path)
    }
}
