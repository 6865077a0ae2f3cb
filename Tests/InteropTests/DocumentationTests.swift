import CommandSupport
import Glibc
import Testing

/// The repository that these tests were built from.
enum Source {
    static let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
    static let examples = "\(root)/Examples"

    /// The files below a directory with that ending.
    static func files(below directory: String, ending: String) async throws -> [String] {
        let find = Command(try Executable.path(of: "find"), directory, "-name", "*\(ending)", "-type", "f")
        return try await find.run().output.split(separator: "\n").map(String.init).sorted()
    }

    static func text(of path: String) throws -> String {
        guard let file = fopen(path, "re") else { throw CommandError.notFound(path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

@Suite struct DocumentationTests {
    /// Lines without their indentation.
    private static func lines(_ text: some StringProtocol) -> [Substring] {
        text.split(separator: "\n").map { Substring($0.drop { $0 == " " }) }.filter { !$0.isEmpty }
    }

    /// The Swift blocks of a page.
    private static func blocks(of page: String) -> [[Substring]] {
        page.split(separator: "```swift\n", omittingEmptySubsequences: false).dropFirst().map { rest in
            lines(rest[..<(rest.firstRange(of: "```")?.lowerBound ?? rest.endIndex)])
        }
    }

    @Test func everyArticlesCodeIsThatOfAnExample() async throws {
        let examples = try await Source.files(below: Source.examples, ending: ".swift").map { path in
            "\n" + Self.lines(try Source.text(of: path)).joined(separator: "\n") + "\n"
        }
        let articles = try await Source.files(below: "\(Source.root)/Sources/MTLSClient/MTLSClient.docc", ending: ".md")
        #expect(!articles.isEmpty)
        for article in articles {
            for block in Self.blocks(of: try Source.text(of: article)) {
                let code = "\n" + block.joined(separator: "\n") + "\n"
                #expect(examples.contains { $0.contains(code) }, "not in an example: \(article)\(code)")
            }
        }
    }
}
