/// The head of a response to CONNECT, and what an error says of it when it is a refusal.
struct ConnectRefusal {
    let status: Int
    private let reason: String
    private let fields: [(name: String, value: String)]

    /// - Parameter lines: Without their ends, the status line first.
    init(_ lines: [ArraySlice<UInt8>], _ ends: TunnelEnds) throws(MTLSError) {
        guard let first = lines.first, let (status, reason) = Self.statusLine(first) else {
            throw ends.malformed(Self.oddity(lines.first ?? []))
        }
        var fields: [(String, String)] = []
        for line in lines.dropFirst() {
            guard let field = Self.field(line) else { throw ends.malformed("sent a malformed field in its response") }
            fields.append(field)
        }
        (self.status, self.reason, self.fields) = (status, reason, fields)
    }

    /// The body's length, if it is known before its end.
    var contentLength: Int? {
        if status == 204 || status == 304 { return 0 }
        return value("content-length").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// What the refusal means to the one who wanted the tunnel.
    func error(_ ends: TunnelEnds, body: ArraySlice<UInt8>, sentCredentials: Bool) -> MTLSError {
        if status == 407 {
            let challenge = value("proxy-authenticate").map { " (\(Self.short($0)))" } ?? ""
            return MTLSError(
                .proxyAuthenticationRequired, phase: .proxy, fault: .caller,
                sentCredentials
                    ? "the proxy \(ends.proxy) refused the credentials\(challenge)"
                    : "the proxy \(ends.proxy) demands credentials\(challenge)",
                advice: offersBasic
                    ? (sentCredentials ? "check user and password" : "give a user and a password for the proxy")
                    : "only the scheme Basic is supported")
        }
        var text = "the proxy \(ends.proxy) refused a tunnel to \(ends.target): \(status)"
        if !reason.isEmpty { text += " \(Self.short(reason))" }
        let excerpt = excerpt(of: body)
        if !excerpt.isEmpty { text += "; it says: \(excerpt)" }
        return MTLSError(.proxyRefused, phase: .proxy, fault: status >= 500 ? .network : .peer, text)
    }

    private var offersBasic: Bool {
        let challenges = fields.filter { $0.name == "proxy-authenticate" }
        return challenges.isEmpty || challenges.contains { $0.value.lowercased().contains("basic") }
    }

    /// A little of a text, or the title of a page.
    private func excerpt(of body: ArraySlice<UInt8>) -> String {
        guard value("transfer-encoding") == nil, value("content-encoding") == nil else { return "" }
        let body = body.prefix(min(contentLength ?? .max, ConnectNegotiation.excerptLimit))
        let text = String(decoding: body, as: UTF8.self)
        guard value("content-type")?.lowercased().contains("html") == true else { return Self.short(text) }
        guard let start = text.firstRange(of: "<title>", isCaseInsensitive: true),
            let end = text[start.upperBound...].firstRange(of: "</title>", isCaseInsensitive: true)
        else { return "" }
        return Self.short(String(text[start.upperBound..<end.lowerBound]))
    }

    private func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    /// What is said of a line that is no status line.
    static func oddity(_ line: ArraySlice<UInt8>) -> String {
        if let first = line.first, (0x14...0x17).contains(first) {
            return "answered in TLS: its URL is to begin with https"
        }
        if line.first == 5 { return "answered as a SOCKS proxy does: its URL is to begin with socks5" }
        return "sent what is not a response of HTTP/1: “\(short(String(decoding: line.prefix(80), as: UTF8.self)))”"
    }

    static func statusLine(_ line: ArraySlice<UInt8>) -> (Int, String)? {
        let line = Array(line)
        guard line.count >= 12, line.starts(with: "HTTP/1.".utf8), isDigit(line[7]), line[8] == 0x20,
            line[9...11].allSatisfy(isDigit), line.count == 12 || line[12] == 0x20, line.allSatisfy(isText)
        else { return nil }
        let status = line[9...11].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        // A change of protocol was not asked for (RFC 9110 §7.8).
        guard (100...599).contains(status), status != 101 else { return nil }
        return (status, String(decoding: line.dropFirst(13), as: UTF8.self))
    }

    private static func field(_ line: ArraySlice<UInt8>) -> (String, String)? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex, line.allSatisfy(isText),
            line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
        return (
            String(decoding: line[..<colon], as: UTF8.self).lowercased(),
            String(value.drop { $0 == " " || $0 == "\t" })
        )
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

    /// One line of at most 200 characters.
    private static func short(_ text: String) -> String {
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.count > 200 ? words.prefix(200) + "…" : words
    }
}

extension StringProtocol {
    /// Where `text`, which is lower-case ASCII, stands.
    fileprivate func firstRange(of text: String, isCaseInsensitive: Bool) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            let candidate = self[start...].prefix(text.count)
            if candidate.lowercased() == text { return start..<candidate.endIndex }
            start = index(after: start)
        }
        return nil
    }
}
