/// The extensions of a hello, and whether an answer may have them. GnuTLS passes over an answer that was not asked for,
/// and over a protocol that was not offered.
struct HelloExtensions: Equatable {
    struct Item: Equatable {
        let type: UInt16
        let body: ArraySlice<UInt8>
    }

    enum Violation: Error, Equatable {
        case malformed
        case duplicate(UInt16)
        case unasked(UInt16)
        case protocolNotOffered(String)
    }

    private(set) var items: [Item] = []

    private static let applicationProtocols: UInt16 = 16
    /// Answers that need no question: a cookie (RFC 8446 §4.2), and renegotiation_info, which may be asked for by a
    /// cipher suite (RFC 5746 §3.3).
    private static let unprompted: [UInt16] = [44, 0xff01]

    /// - Parameter list: Extensions with the length of them all in front; empty for none.
    init(list: ArraySlice<UInt8>) throws(Violation) {
        var list = list
        guard !list.isEmpty else { return }
        guard var rest = list.takeVector(lengthBytes: 2), list.isEmpty else { throw .malformed }
        while !rest.isEmpty {
            guard let type = rest.takeInteger(2), let body = rest.takeVector(lengthBytes: 2) else { throw .malformed }
            items.append(Item(type: UInt16(type), body: body))
        }
    }

    /// - Parameter message: The body of a ClientHello.
    init(clientHello message: [UInt8]) throws(Violation) {
        var rest = message.dropFirst(34)
        guard rest.takeVector(lengthBytes: 1) != nil, rest.takeVector(lengthBytes: 2) != nil,
            rest.takeVector(lengthBytes: 1) != nil
        else { throw .malformed }
        try self.init(list: rest)
    }

    /// - Parameter message: The body of a ServerHello.
    init(serverHello message: [UInt8]) throws(Violation) {
        var rest = message.dropFirst(34)
        guard rest.takeVector(lengthBytes: 1) != nil, rest.takeInteger(3) != nil else { throw .malformed }
        try self.init(list: rest)
    }

    /// Checks an answer to these extensions: each at most once, each asked for (RFC 8446 §4.2, RFC 5246 §7.4.1.4), and
    /// of the protocols that were offered exactly one (RFC 7301 §3.1).
    func checkAnswer(_ answer: HelloExtensions, protocols: [String]) throws(Violation) {
        // Never longer than what was asked for.
        var seen: [UInt16] = []
        for item in answer.items {
            guard !seen.contains(item.type) else { throw .duplicate(item.type) }
            guard Self.unprompted.contains(item.type) || items.contains(where: { $0.type == item.type }) else {
                throw .unasked(item.type)
            }
            seen.append(item.type)
            guard item.type == Self.applicationProtocols else { continue }
            var body = item.body
            guard var names = body.takeVector(lengthBytes: 2), body.isEmpty,
                let name = names.takeVector(lengthBytes: 1), names.isEmpty, !name.isEmpty
            else { throw .malformed }
            guard protocols.contains(where: { $0.utf8.elementsEqual(name) }) else {
                throw .protocolNotOffered(String(decoding: name, as: UTF8.self))
            }
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate mutating func takeInteger(_ size: Int) -> Int? {
        guard count >= size else { return nil }
        defer { removeFirst(size) }
        return prefix(size).reduce(0) { $0 << 8 | Int($1) }
    }

    fileprivate mutating func takeVector(lengthBytes: Int) -> ArraySlice<UInt8>? {
        guard let length = takeInteger(lengthBytes), count >= length else { return nil }
        defer { removeFirst(length) }
        return prefix(length)
    }
}
