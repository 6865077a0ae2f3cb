/// The arguments, which are key=value as Benchmarks/README.md lists them.
struct Options: Sendable {
    private let values: [String: String]

    init(_ arguments: [String]) {
        var values: [String: String] = [:]
        for argument in arguments {
            guard let equals = argument.firstIndex(of: "=") else { continue }
            values[String(argument[..<equals])] = String(argument[argument.index(after: equals)...])
        }
        self.values = values
    }

    func text(_ key: String) -> String { values[key] ?? "" }

    func number(_ key: String, _ otherwise: Int = 0) -> Int { values[key].flatMap { Int($0) } ?? otherwise }
}
