import Glibc

/// A directory, mode 0700, that is removed with all its contents when this object goes.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        var template = Array("/tmp/mtls-interop-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CommandError.system("mkdtemp", errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        let remover = try? Spawn.start(
            .init(executable: "/bin/rm", arguments: ["-rf", "--", path], environment: [:], descriptors: [0, 1, 2]))
        if let remover { waitpid(remover, nil, 0) }
    }

    /// Writes a file, mode 0600.
    ///
    /// - Returns: Its path.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws -> String {
        let path = "\(path)/\(name)"
        guard let file = fopen(path, "wxe") else { throw CommandError.system(path, errno) }
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else { throw CommandError.system(path, errno) }
        return path
    }

    /// The same with text.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

    /// Makes a directory in it.
    package func makeDirectory(_ name: String) { mkdir("\(path)/\(name)", 0o700) }

    /// The contents of a file; empty where there is none.
    package func bytes(of name: String) -> [UInt8] {
        guard let file = fopen("\(path)/\(name)", "re") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    /// The same as text.
    package func text(of name: String) -> String { String(decoding: bytes(of: name), as: UTF8.self) }
}
