import Glibc
import MTLSTestKit

/// A server in a process of its own, on the first core, so that its work is no part of what is measured.
struct ServerProcess {
    static let command = "serve"

    let url: String
    let trust: Trust
    private let pipe: UnsafeMutablePointer<FILE>

    /// Runs this program once more.
    init?() {
        let start = "'\(CommandLine.arguments[0])' \(Self.command)"
        guard
            let pipe = popen("command -v taskset >/dev/null && exec taskset -c 0 \(start); exec \(start)", "r"),
            let url = readLine(from: pipe)
        else { return nil }
        var certificate: [UInt8] = []
        while let line = readLine(from: pipe), !line.isEmpty { certificate += Array((line + "\n").utf8) }
        self.url = url
        self.pipe = pipe
        trust = .pem(bytes: certificate)
    }

    /// What the other process does: it says where it is and whom to trust, and ends with the one that began it.
    static func serve() async throws {
        let parent = getppid()
        let authority = try CertificateAuthority(commonName: "Benchmark Server Root")
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .requested)
        print(server.url)
        // An empty line ends it.
        print(String(decoding: authority.root.pemEncoded, as: UTF8.self))
        fflush(nil)
        while getppid() == parent { try await Task.sleep(for: .milliseconds(100)) }
    }
}

private func readLine(from file: UnsafeMutablePointer<FILE>) -> String? {
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    let count = getline(&line, &capacity, file)
    guard count >= 0, let line else { return nil }
    let bytes = UnsafeRawBufferPointer(start: line, count: count)
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
}
