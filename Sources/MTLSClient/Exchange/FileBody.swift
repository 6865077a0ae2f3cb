import Glibc
import MTLSCore
import NIOCore
import NIOPosix

/// Bodies that are files, read on threads that may block.
enum FileBody {
    static func production(_ path: String) async throws -> RequestBody.Production {
        let length = try await blocking { () throws(MTLSError) in
            let file = try OpenFile(path)
            return file.length
        }
        return RequestBody.Production(length: length, isRestartable: length != nil) { writer in
            let file = try await blocking { () throws(MTLSError) in try OpenFile(path) }
            while true {
                let piece = try await blocking { () throws(MTLSError) in try file.read(upTo: OutgoingBody.pieceSize) }
                guard piece.readableBytes > 0 else { return [:] }
                try await writer.write(piece)
            }
        }
    }

    static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(body)
    }

    /// A file that is open for reading, used by one thread at a time.
    private final class OpenFile: Sendable {
        private let path: String
        private let descriptor: CInt
        /// nil for what is not a regular file.
        let length: Int?

        init(_ path: String) throws(MTLSError) {
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(path) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
                if status.st_mode & S_IFMT == S_IFDIR { errno = EISDIR }
                let error = Self.failure(path)
                close(descriptor)
                throw error
            }
            self.path = path
            self.descriptor = descriptor
            length = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
        }

        deinit { close(descriptor) }

        func read(upTo limit: Int) throws(MTLSError) -> ByteBuffer {
            var buffer = ByteBuffer()
            while true {
                var result = 0
                buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { bytes in
                    result = Glibc.read(descriptor, bytes.baseAddress, min(limit, bytes.count))
                    return max(0, result)
                }
                if result >= 0 { return buffer }
                guard errno == EINTR else { throw Self.failure(path) }
            }
        }

        private static func failure(_ path: String) -> MTLSError {
            MTLSError(
                .requestBodyFailed, phase: .prepare, fault: .caller,
                "the file \"\(path)\" cannot be read: \(String(cString: strerror(errno)))")
        }
    }
}
