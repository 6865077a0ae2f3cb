/// Reads a command line of nothing but URLs and options of a request: ArgumentParser takes longer for it than the
/// handshake and the request that it asks for.
///
/// What is out of the ordinary, and so every mistake, is left to ArgumentParser, which words the errors.
enum PlainOptions {
    /// An option of ``RequestOptions``.
    struct Row: Sendable {
        /// With its dashes; the second, short one may be missing.
        let long: String
        let short: String?
        let takesValue: Bool
        /// Whether it may be given more than once.
        let repeats: Bool
        /// Sets it to the values that were given, or to its default if there are none. A flag's value is empty.
        let set: @Sendable (inout RequestOptions, [String]) -> Void
    }

    /// Words that mean something else to the command where no option asks for a value: its subcommands, and `help`.
    static let words = ["request", "probe", "pki", "tokens", "keys", "doctor", "verify", "bench", "help"]

    /// The options, or nil where ArgumentParser has to say.
    ///
    /// - Parameter arguments: As ``Arguments/split(_:)`` returned them.
    static func read(_ arguments: [String]) -> RequestOptions? {
        var urls: [String] = []
        var found: [[String]] = Array(repeating: [], count: rows.count)
        var rest = arguments[...]
        if rest.first == "request" { rest.removeFirst() }
        while let argument = rest.popFirst() {
            guard isOption(argument) else {
                guard isPlain(argument) else { return nil }
                urls.append(argument)
                continue
            }
            guard let (index, attached) = row(for: argument), rows[index].repeats || found[index].isEmpty else {
                return nil
            }
            guard rows[index].takesValue else {
                guard attached == nil else { return nil }
                found[index].append("")
                continue
            }
            guard let value = attached ?? rest.popFirst(), isPlain(value) else { return nil }
            found[index].append(value)
        }
        return urls.isEmpty ? nil : options(urls, found)
    }

    private static func options(_ urls: [String], _ found: [[String]]) -> RequestOptions {
        var options = RequestOptions()
        options.urls = urls
        options.message = MessageOptions()
        options.follow = FollowOptions()
        options.output = OutputOptions()
        options.identity = IdentityOptions()
        options.connection = ConnectionOptions()
        options.transport = TransportOptions()
        options.proxy = ProxyOptions()
        for (row, values) in zip(rows, found) { row.set(&options, values) }
        return options
    }

    private static func isOption(_ argument: String) -> Bool {
        argument.utf8.first == UInt8(ascii: "-") && argument != "-"
    }

    /// Whether this, as a value or a URL, is read in one way only.
    private static func isPlain(_ text: String) -> Bool { !text.isEmpty && !isOption(text) && !words.contains(text) }

    private static func row(for argument: String) -> (index: Int, value: String?)? {
        guard argument.hasPrefix("--"), let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            return rows.firstIndex { $0.long == argument || $0.short == argument }.map { ($0, nil) }
        }
        return rows.firstIndex { $0.long == argument[..<equals] }.map {
            ($0, String(argument[argument.utf8.index(after: equals)...]))
        }
    }
}
