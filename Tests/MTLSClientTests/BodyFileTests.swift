import Glibc
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct BodyFileTests {
    private func contents(_ path: String) throws -> String {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The names in the directory of a file that begin with its own.
    private func siblings(_ path: String) -> Int {
        var found = glob_t()
        defer { globfree(&found) }
        return glob("\(path)*", 0, nil, &found) == 0 ? Int(found.gl_pathc) : 0
    }

    private func response(_ text: String, _ body: (Response) async throws -> Void) async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send(text)
        }
        try await withClient(server.url) { client in try await body(try await client.get()) }
    }

    @Test func aBodyGoesToAFileWithProgress() async throws {
        let (file, text) = (try TemporaryFile("old"), String(repeating: "x", count: 300_000))
        chmod(file.path, 0o640)
        try await response("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n\(text)") { response in
            var counts: [Int] = []
            let count = try await response.body.write(to: file.path) { counts.append($0) }
            #expect(count == 300_000 && counts.last == count && counts == counts.sorted())
        }
        #expect(try contents(file.path) == text)
        #expect(siblings(file.path) == 1)
        var status = stat()
        #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o640)
    }

    @Test func aBodyThatIsCutLeavesTheFileAsItWas() async throws {
        let file = try TemporaryFile("old")
        try await response("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") { response in
            await #expect { try await response.body.write(to: file.path) } throws: {
                ($0 as? MTLSError)?.code == .responseTruncated
            }
        }
        #expect(try contents(file.path) == "old")
        #expect(siblings(file.path) == 1)
    }

    @Test func whatIsNoRegularFileIsWrittenToAsItStands() async throws {
        try await response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") { response in
            let count = try await response.body.write(to: "/dev/null")
            #expect(count == 2)
        }
        var status = stat()
        #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test func aFileThatCannotBeMadeIsNamed() async throws {
        try await response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") { response in
            await #expect { try await response.body.write(to: "/nonexistent/file") } throws: {
                ($0 as? MTLSError)?.code == .fileUnwritable && "\($0)".contains("/nonexistent/file")
            }
        }
    }

    @Test func aLargerHeadIsReadWhenAllowed() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n"
        let server = try await RawServer { peer in
            while try await peer.readHead() != nil { try await peer.send(head) }
        }
        var settings = ClientSettings()
        settings.maximumResponseHead = .kibibytes(32)
        try await withClient(server.url, settings: settings) { client in
            let response = try await client.get()
            #expect(response.status == .ok)
        }
    }
}
