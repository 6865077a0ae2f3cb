/// Asks an HTTP proxy for a tunnel by CONNECT (RFC 9110 §9.3.6): what is made of its response.
///
/// The request's head is made by the shell, since it may hold credentials. Interim responses are passed over. Of a 2xx,
/// `Content-Length` and `Transfer-Encoding` mean nothing: all behind the head belongs to the tunnel. Of a refusal, a piece
/// of the body is awaited for the error's text.
package struct ConnectNegotiation: TunnelNegotiation {
    /// The largest head that is taken, interim ones included, in bytes.
    package static let headLimit = 16 << 10
    /// How much of a refusal's body is looked at, in bytes.
    static let excerptLimit = 4 << 10

    private let ends: TunnelEnds
    private let sendsCredentials: Bool
    private var buffer: [UInt8] = []
    /// From where the end of a line is looked for.
    private var scanned = 0
    private var lineStart = 0
    private var headLength = 0
    private var lines: [ArraySlice<UInt8>] = []
    private var refusal: ConnectRefusal?

    package init(_ ends: TunnelEnds, sendsCredentials: Bool) {
        self.ends = ends
        self.sendsCredentials = sendsCredentials
    }

    package mutating func start() -> TunnelStep { .sayCredentials }

    package mutating func received(_ bytes: [UInt8]) throws(MTLSError) -> TunnelStep {
        buffer += bytes
        if refusal == nil, let rest = try readHeads() { return .open(rest: Array(rest)) }
        return try judgeRefusal()
    }

    package mutating func ended(after limit: Duration?) -> MTLSError {
        if let refusal { return refusal.error(ends, body: buffer[...], sentCredentials: sendsCredentials) }
        return limit.map(ends.timeout) ?? ends.closed()
    }

    private func judgeRefusal() throws(MTLSError) -> TunnelStep {
        guard let refusal else { return .listen }
        guard buffer.count >= min(refusal.contentLength ?? .max, Self.excerptLimit) else { return .listen }
        throw refusal.error(ends, body: buffer[...], sentCredentials: sendsCredentials)
    }

    /// - Returns: What stands behind the head of a 2xx; nil when that has not come yet, or is a refusal's.
    private mutating func readHeads() throws(MTLSError) -> ArraySlice<UInt8>? {
        while let end = buffer[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
            var line = buffer[lineStart..<end]
            scanned = end + 1
            headLength += scanned - lineStart
            lineStart = scanned
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if headLength > Self.headLimit { throw tooLarge }
            if !line.isEmpty {
                if lines.isEmpty, ConnectRefusal.statusLine(line) == nil {
                    throw ends.malformed(ConnectRefusal.oddity(line))
                }
                lines.append(line)
                continue
            }
            // A blank line before the status line is passed over (RFC 9112 §2.2).
            if lines.isEmpty { continue }
            let head = try ConnectRefusal(lines, ends)
            lines = []
            switch head.status {
            case 100, 102..<200: continue
            case 200..<300: return buffer[scanned...]
            default:
                refusal = head
                buffer.removeFirst(scanned)
                return nil
            }
        }
        scanned = buffer.count
        if headLength + scanned - lineStart > Self.headLimit { throw tooLarge }
        try checkBeginning()
        return nil
    }

    private var tooLarge: MTLSError { ends.malformed("sent a head of more than \(Self.headLimit) bytes") }

    /// What does not begin as HTTP does never becomes a head: it need not be waited for.
    private func checkBeginning() throws(MTLSError) {
        guard lines.isEmpty, lineStart < buffer.count else { return }
        let line = buffer[lineStart...]
        let expected = "HTTP/1.".utf8
        guard !line.elementsEqual(expected.prefix(line.count)) && !line.starts(with: expected), line != [13] else {
            return
        }
        throw ends.malformed(ConnectRefusal.oddity(line))
    }
}
