import ArgumentParser
import Glibc
import GnuTLS

/// For whom a certificate is.
struct NameOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The subject (RFC 4514), such as CN=alice,O=Example.", valueName: "name"))
    var subject: String

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp(
            "An alternative name: dns:…, ip:…, email:… or uri:…, or one whose kind shows; repeatable.",
            valueName: "name"))
    var san: [String] = []

    func alternatives() throws(UsageError) -> AlternativeNames { try Self.alternatives(san) }

    static func alternatives(_ texts: [String]) throws(UsageError) -> AlternativeNames {
        var names = AlternativeNames()
        for text in texts { try add(text, to: &names) }
        return names
    }

    private static func add(_ text: String, to names: inout AlternativeNames) throws(UsageError) {
        let (kind, value) = kind(of: text)
        guard !value.isEmpty, value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw UsageError("--san takes names in ASCII without blanks")
        }
        switch kind {
        case "dns": names.dns.append(value)
        case "email": names.emails.append(value)
        case "uri": names.uris.append(value)
        default:
            guard let address = address(value) else { throw UsageError("'\(value)' is not an IP address") }
            names.addresses.append(address)
        }
    }

    private static func kind(of text: String) -> (kind: String, value: String) {
        if let colon = text.firstIndex(of: ":") {
            let prefix = text[..<colon].lowercased()
            if ["dns", "ip", "email", "uri"].contains(prefix) { return (prefix, String(text[colon...].dropFirst())) }
        }
        if address(text) != nil { return ("ip", text) }
        if text.contains(":") { return ("uri", text) }
        return (text.contains("@") ? "email" : "dns", text)
    }

    /// The four or sixteen bytes of an address.
    static func address(_ text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}
