import HTTPTypes

import func Glibc.memcmp

/// Names of fields that most responses have, found without making strings.
enum FieldNames {
    private static let known: [[(spelling: [UInt8], name: HTTPField.Name)]] = {
        let names = [
            "Accept-Ranges", "Access-Control-Allow-Origin", "Age", "Alt-Svc", "Cache-Control", "Connection",
            "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Type", "Date", "ETag", "Expires",
            "Keep-Alive", "Last-Modified", "Location", "Server", "Set-Cookie", "Strict-Transport-Security", "Trailer",
            "Transfer-Encoding", "Vary", "Via", "X-Content-Type-Options", "X-Frame-Options", "X-Request-ID",
        ]
        var byLength: [[(spelling: [UInt8], name: HTTPField.Name)]] = []
        for name in names.flatMap({ [$0, $0.lowercased()] }).compactMap({ HTTPField.Name($0) }) {
            let spelling = Array(name.rawName.utf8)
            while byLength.count <= spelling.count { byLength.append([]) }
            byLength[spelling.count].append((spelling, name))
        }
        return byLength
    }()

    /// - Returns: nil when the bytes are not a token (RFC 9110 §5.6.2).
    static func name(_ bytes: UnsafeRawBufferPointer) -> HTTPField.Name? {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return nil }
        if bytes.count < known.count {
            for candidate in known[bytes.count] where memcmp(candidate.spelling, base, bytes.count) == 0 {
                return candidate.name
            }
        }
        // Beyond ASCII nothing is a token; decoding would repair what it is not allowed to repair.
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        return HTTPField.Name(String(decoding: bytes, as: UTF8.self))
    }
}

/// Statuses with their usual reasons, found without making strings.
enum Statuses {
    static func status(_ code: Int, _ reason: UnsafeRawBufferPointer) -> HTTPResponse.Status {
        if code == 200, reason.elementsEqual("OK".utf8) { return .ok }
        return HTTPResponse.Status(code: code, reasonPhrase: String(decoding: reason, as: UTF8.self))
    }
}

/// Which fields of a trailer section are passed on (RFC 9110 §6.5.1): those that frame, route or judge a message must
/// come before its body, where whoever needed them has looked for them.
enum TrailerRules {
    private static let refused: Set<HTTPField.Name> = [
        .authorization, .cacheControl, .connection, .contentEncoding, .contentLength, .contentRange, .contentType,
        .cookie,
        .host, .keepAlive, .location, .proxyAuthenticate, .setCookie, .te, .trailer, .transferEncoding, .upgrade,
        .wwwAuthenticate,
    ]

    static func permits(_ name: HTTPField.Name) -> Bool { !refused.contains(name) }

    static func kept(_ fields: HTTPFields) -> HTTPFields {
        guard fields.contains(where: { !permits($0.name) }) else { return fields }
        return HTTPFields(fields.filter { permits($0.name) })
    }
}
