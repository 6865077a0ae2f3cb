/// What must be done to a command line before ArgumentParser reads it: it knows no clusters such as `-sSXPOST`.
enum Arguments {
    /// Short options without a value.
    static let flags = Set("iIvsSfkhVpL")
    /// Short options that take one.
    static let valued = Set("XHdowEmxUT")
    /// Long options that take one.
    static let longValued: Set<Substring> = [
        "request", "header", "data", "data-binary", "upload-file", "output", "write-out", "cert", "key", "cacert",
        "pin-source",
        "pin-env", "pass", "pass-source", "pass-env", "module", "resolve", "connect-to", "tls-max", "connect-timeout",
        "max-time", "proxy", "socks5", "socks5-hostname", "noproxy", "proxy-user", "proxy-password-source",
        "proxy-password-env", "proxy-cert", "proxy-key", "proxy-pin-source", "proxy-pin-env", "proxy-pass-source",
        "proxy-pass-env", "proxy-pass", "proxy-cacert", "unix-socket", "interface", "keepalive-time", "keepalive-cnt",
        "max-redirs", "retry", "retry-delay", "retry-max-time",
    ]

    /// Writes every short option alone, its value behind it: `-sSXPOST` becomes `-s -S -X POST`.
    ///
    /// Values, `-`, what follows `--`, and clusters with an unknown letter are left as they are.
    static func split(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" { return result + [argument] + rest }
            let pieces = pieces(of: argument)
            result += pieces
            if takesNext(pieces), let value = rest.popFirst() { result.append(value) }
        }
        return result
    }

    private static func pieces(of argument: String) -> [String] {
        guard argument.hasPrefix("-"), argument.count > 1, !argument.hasPrefix("--") else { return [argument] }
        var pieces: [String] = []
        var letters = argument.dropFirst()
        while let letter = letters.popFirst() {
            if valued.contains(letter) { return pieces + ["-\(letter)"] + (letters.isEmpty ? [] : [String(letters)]) }
            guard flags.contains(letter) else { return [argument] }
            pieces.append("-\(letter)")
        }
        return pieces
    }

    /// Whether the last of an argument's pieces is an option whose value is the next argument.
    private static func takesNext(_ pieces: [String]) -> Bool {
        guard let last = pieces.last else { return false }
        if last.hasPrefix("--") { return longValued.contains(last.dropFirst(2)) }
        // In "-X-d" the last piece is the value of the one before.
        return isValued(last) && !pieces.dropLast().contains(where: isValued)
    }

    private static func isValued(_ piece: String) -> Bool {
        piece.count == 2 && piece.hasPrefix("-") && piece.last.map(valued.contains) == true
    }

    /// The kinds of the data options in the order in which they stand, which ArgumentParser does not tell.
    ///
    /// - Parameter arguments: As ``split(_:)`` returned them.
    static func dataKinds(in arguments: [String]) -> [DataPart.Kind] {
        var kinds: [DataPart.Kind] = []
        var rest = arguments[...]
        while let argument = rest.popFirst(), argument != "--" {
            switch argument.prefix(while: { $0 != "=" }) {
            case "-d", "--data": kinds.append(.text)
            case "--data-binary": kinds.append(.binary)
            default: break
            }
            if takesNext([argument]) { _ = rest.popFirst() }
        }
        return kinds
    }
}
