import Glibc

/// One module's rows of the table, written where `./dev modules` collects them.
final class Table {
    private let module: String
    private var rows: [String] = []
    private var times: [String] = []

    init(_ module: String) { self.module = module }

    /// - Parameters:
    ///   - old: How long the signature under TLS 1.2 took, nil where there was none; `new` is that under TLS 1.3.
    func add(_ key: String, _ old: Duration?, _ new: Duration?, _ gap: String) {
        let gap = gap.split(whereSeparator: \.isNewline).joined(separator: " ").replacing("|", with: "\\|")
        rows.append("| \(module) | \(key) | \(old == nil ? "–" : "yes") | \(new == nil ? "–" : "yes") | \(gap) |\n")
        times.append("\(module)\t\(key)\t\(old?.description ?? "-")\t\(new?.description ?? "-")\n")
    }

    func write() throws {
        guard let directory = getenv("MODULE_TABLE") else { return }
        try writeFile(rows.joined(), to: "\(String(cString: directory))/\(module).md")
        try writeFile(times.joined(), to: "\(String(cString: directory))/\(module).times")
    }
}

func writeFile(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w"), fputs(text, file) >= 0, fclose(file) == 0 else {
        throw Backstage.Failure(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}
